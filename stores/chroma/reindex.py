"""Moving one Chroma's memories into other shards or to another model: beside those in use.

The copy grows as collections of the next epoch, noted durably in the record of the layout.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Unpack

from langchain_core.embeddings import Embeddings

from stores.base_store.backend import NoModel
from stores.base_store.moving import Move, Side, Target
from stores.chroma.client import Address, ChromaLink, ShardDamaged
from stores.chroma.layout import Layout, record, recorded
from stores.chroma.repair import tidy, wipe
from stores.chroma.shards import Shards
from stores.chroma.store import ChromaStore


async def recorded_layout(**place: Unpack[Address]) -> Layout | None:
    """What the memories in a Chroma were written with; None where there are none yet.

    Raises:
        StoreBusy: if another process has the folder open.
        StoreUnavailable: if Chroma cannot be reached.
    """

    def read() -> Layout | None:
        link = ChromaLink.open(**place)
        try:
            return recorded(link)[0]
        finally:
            link.close()

    return await asyncio.to_thread(read)


@asynccontextmanager
async def reindexing(
    *,
    embeddings: Embeddings,
    embedding_name: str,
    dimensions: int,
    shards: int,
    **place: Unpack[Address],
) -> AsyncIterator[Move | None]:
    """Ready a move of all items of one Chroma into other shards, or to another model.

    The old layout serves until the copy is complete.
    After an interruption the same move goes on; with other wishes it starts afresh. None where
    the layout is in force already, which also gives up an interrupted move.

    Raises:
        StoreBusy: if another process has the folder open.
        StoreUnavailable: if Chroma cannot be reached.
    """
    link = await asyncio.to_thread(partial(ChromaLink.open, **place))
    try:
        wanted = Layout(embedding_name, dimensions, shards)
        layouts = await asyncio.to_thread(_prepare, link, wanted)
        if layouts is None:
            yield None
            return
        old, new = layouts
        target = Shards(link, new, in_force=False)
        await asyncio.to_thread(_drop_damaged, target)
        source = ChromaStore(Shards(link, old), NoModel(old.embedding_name))
        yield Move(Side(source, notes=True), _Into(ChromaStore(target, embeddings), link, new))
    finally:
        await asyncio.to_thread(link.close)


def _prepare(link: ChromaLink, wanted: Layout) -> tuple[Layout, Layout] | None:
    """Note where a move goes; return both layouts, None where the wanted one is in force."""
    current, pending = recorded(link)
    if current is None or replace(wanted, epoch=current.epoch) == current:
        current = current or wanted
        record(link, current)
        _drop_others(link, {current.epoch})
        return None
    resumed = pending is not None and replace(wanted, epoch=pending.epoch) == pending
    epoch = pending.epoch if pending else current.epoch
    target = replace(wanted, epoch=epoch if resumed else epoch + 1)
    record(link, current, target)
    _drop_others(link, {current.epoch, target.epoch})
    return current, target


def _drop_others(link: ChromaLink, epochs: set[int]) -> None:
    for name in Shards(link, Layout("", 1, 1), in_force=False).named():
        if name.epoch not in epochs:
            link.drop(str(name))


def _drop_damaged(target: Shards) -> None:
    """Drop shards of an interrupted copy that no longer answer: they are soon copied again."""
    for shard, name in target.serving().items():
        try:
            target.probe(shard)
        except ShardDamaged:
            target.link.drop(name)
            target.forget(shard)


class _Into(Target):
    """The layout moved to, in the same Chroma."""

    def __init__(self, store: ChromaStore, link: ChromaLink, layout: Layout) -> None:
        super().__init__(store, notes=True)
        self._link, self._layout = link, layout

    async def serve(self) -> None:
        """Let the copy serve, in one atomic write, then drop the original."""
        await asyncio.to_thread(self._serve)

    def _serve(self) -> None:
        record(self._link, self._layout)
        serving = Shards(self._link, self._layout)
        tidy(serving)
        wipe(serving)
