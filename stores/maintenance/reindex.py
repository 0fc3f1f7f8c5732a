"""Moving memories: into other shards or embeddings within one Chroma, or from store to store.

Nothing else may write while they move. Both kinds of move may be repeated after an interruption.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, Item, PutOp

from stores.base_store.items import Index
from stores.chroma.client import ChromaLink
from stores.chroma.layout import Layout, recorded
from stores.chroma.move import prepare
from stores.chroma.store import ChromaStore

Progress = Callable[[int, int], None]
"""Called with the number of items done, and of all (0 where that is not known)."""

_BATCH = 50
"""Items put, and items or namespaces read, at once."""


def silent(_done: int, _total: int) -> None:
    """Report progress to nobody."""


async def recorded_layout(
    *,
    path: Path | None = None,
    url: str | None = None,
    token: str | None = None,
    timeout: float = 10.0,
) -> Layout | None:
    """What the memories in a Chroma were written with; None where there are none yet.

    Raises:
        StoreBusy: if another process has the folder open.
        StoreUnavailable: if Chroma cannot be reached.
    """

    def read() -> Layout | None:
        link = _connect(path, url, token, timeout)
        try:
            return recorded(link)[0]
        finally:
            link.close()

    return await asyncio.to_thread(read)


async def reindex_in_place(
    *,
    path: Path | None = None,
    url: str | None = None,
    token: str | None = None,
    embeddings: Embeddings,
    embedding_name: str,
    dimensions: int,
    shards: int,
    timeout: float = 10.0,
    progress: Progress = silent,
) -> int:
    """Move all items of one Chroma into another number of shards, or to another model.

    The old layout serves until the copy is complete. Vectors are kept while the model stays.
    After an interruption the same call goes on; with other wishes it starts afresh.

    Args:
        path: data folder of a Chroma in this process; this or `url`.
        url: `http://host:port` of a Chroma server.
        token: bearer token for the server.
        embeddings: the model to move to, or the present one.
        embedding_name: its name in the settings.
        dimensions: length of its vectors.
        shards: number of collections to move to, or the present one.
        timeout: seconds a server may take to connect, and to answer each call.
        progress: called after every page.

    Returns:
        Number of items moved; 0 where the layout was in force already.

    Raises:
        StoreBusy: if another process has the folder open.
        StoreUnavailable: if Chroma cannot be reached.
        StoreMismatch: if the model gives vectors of another length than `dimensions`.
    """
    link = await asyncio.to_thread(_connect, path, url, token, timeout)
    try:
        wanted = Layout(shards, embedding_name, dimensions)
        move = await asyncio.to_thread(prepare, link, wanted, embeddings.embed_documents)
        if move is None:
            return 0
        total, done = await asyncio.to_thread(move.count), 0
        steps = move.steps()
        while (step := await asyncio.to_thread(next, steps, None)) is not None:
            done += step
            progress(done, total)
        await asyncio.to_thread(move.finish)
        return done
    finally:
        await asyncio.to_thread(link.close)


def _connect(path: Path | None, url: str | None, token: str | None, timeout: float) -> ChromaLink:
    if path is not None and url is None:
        return ChromaLink.embedded(path)
    if url is not None and path is None:
        return ChromaLink.server(url, token, timeout)
    raise ValueError("Give either the path of a data folder or the URL of a server.")


async def reindex(
    source: BaseStore, target: BaseStore, *, progress: Progress = silent, index: Index | None = None
) -> int:
    """Copy every item of one store into another; the target embeds them anew.

    A `BaseStore` takes no times, so `created_at` and `updated_at` begin again in the target.

    Args:
        source: any complete store; one that is no `ChromaStore` does not tell which fields of
            an item were embedded.
        target: any complete store. What it has under other keys stays.
        progress: called after every batch.
        index: fields to embed of items whose source does not tell; None: the target's default.

    Returns:
        Number of items.
    """
    total = await source.count() if isinstance(source, ChromaStore) else 0
    done = 0
    batch: list[PutOp] = []
    async for item, paths in _items(source, index):
        batch.append(PutOp(item.namespace, item.key, item.value, index=paths))
        if len(batch) == _BATCH:
            done = await _put(target, batch, done, total, progress)
            batch = []
    return await _put(target, batch, done, total, progress) if batch else done


async def _put(
    target: BaseStore, batch: list[PutOp], done: int, total: int, progress: Progress
) -> int:
    await target.abatch(batch)
    progress(done + len(batch), total)
    return done + len(batch)


async def _items(
    source: BaseStore, index: Index | None
) -> AsyncIterator[tuple[Item, Index | None]]:
    if isinstance(source, ChromaStore):
        async for stored in source.rows():
            # "$" in a list would be read as a field's name; the whole value is the default.
            yield stored.item, None if stored.paths == ["$"] else stored.paths
        return
    offset = 0
    while namespaces := await source.alist_namespaces(limit=_BATCH, offset=offset):
        for namespace in namespaces:
            async for item in _items_in(source, namespace):
                yield item, index
        offset += len(namespaces)


async def _items_in(source: BaseStore, namespace: tuple[str, ...]) -> AsyncIterator[Item]:
    """Items of exactly this namespace; a search gives those below it as well."""
    offset = 0
    while found := await source.asearch(namespace, limit=_BATCH, offset=offset):
        for item in found:
            if item.namespace == namespace:
                yield item
        offset += len(found)
