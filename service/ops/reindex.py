"""Moving memories to what the settings, or a command's options, ask for; nothing else may write."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Self

from pydantic import model_validator

from models.embeddings.cache import OncePerText
from models.embeddings.open import EmbeddingModel, open_embeddings
from models.tokens import open_counter
from settings import Settings
from stores.base_store.backend import Backend, NoModel, Written
from stores.base_store.store import LongTermStore
from stores.errors import StoreMismatch
from stores.long_term import BACKENDS, backend_of
from stores.maintenance.migrate import Progress, between, migrate, renewed
from stores.recall.analyses import PassageAnalyses


class BetweenStores(Settings):
    """Settings of a move: both stores may be named, for one is read and the other written."""

    @model_validator(mode="after")
    def _one_long_term_store(self) -> Self:
        return self


@dataclass(frozen=True)
class Reindexed:
    """What a reindexing did."""

    items: int
    """Memories moved; 0 where all lay as wanted already."""
    renewed: int
    """Where none was moved: episodes of which was found anew what recall keeps beside them."""
    here: str
    """Where they came from; where that is another place, what lies there is out of date now."""
    there: str
    """Where they are."""
    shards: int | None
    """Collections they are spread over; None where the store has none."""
    embeddings: str
    advice: tuple[str, ...]
    """Variables to set from now on, as NAME=value, or as NAME= to unset; empty where all is so."""


async def reindex(
    settings: Settings,
    shards: int | None,
    embeddings: str | None,
    to: str | None,
    progress: Progress,
) -> Reindexed | None:
    """Move all memories; None where there are none.

    Args:
        settings: Where the memories are, and where they are to be.
        shards: How many collections to use; None: as many as before, unless `embeddings` is not
            given either: then what the settings say.
        embeddings: Which model to use; None: as for `shards`.
        to: Backend to move to; None: they stay in the one of the settings.
        progress: Told how many of how many are done.

    Raises:
        StoreUnavailable: If a store does not answer, or another process uses it.
        StoreMismatch: If the other store has memories of its own, or `shards` are asked of one
            that has none.
        ModelSettingsError: If the model cannot be used.
    """
    target = BACKENDS[to] if to else backend_of(settings)
    source = _other(settings, target) if to else target
    if shards is not None and not target.spreads:
        raise StoreMismatch(
            f"{target.title} does not spread memories over collections: leave out --shards."
        )
    here, there = [await asyncio.to_thread(b.place, settings) for b in (source, target)]
    now = await source.written(settings)
    if now is None:
        return None
    if source is target and (shards or embeddings):
        shards, embeddings = shards or now.shards, embeddings or now.embedding_name
    asked = {"chroma_shards": shards, "embeddings": embeddings}
    wanted = settings.model_copy(update={name: new for name, new in asked.items() if new})
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(aclosing(await open_embeddings(wanted)))
        tokens = await asyncio.to_thread(open_counter, settings.chat_model or "")
        renew, again = PassageAnalyses(model, tokens).renewed, 0
        if source is target:
            async with target.reindex(wanted, model) as move:
                items = await migrate(*move, progress, renew) if move else 0
            if move is None:
                store = await stack.enter_async_context(target.open(wanted, model))
                again = await renewed(store, renew, progress)
        else:
            old = await stack.enter_async_context(_as_written(source, settings, now, model))
            new = await stack.enter_async_context(target.open(wanted, model))
            how = target.how_to_use(settings)
            move = await between(old, new, here=here, there=there, how=how)
            items = await migrate(*move, progress, renew) if move else 0
    advice = tuple(_advice(settings, wanted, source, target))
    spread = wanted.chroma_shards if target.spreads else None
    return Reindexed(items, again, here, there, spread, wanted.embeddings, advice)


def _advice(
    settings: Settings, wanted: Settings, source: Backend, target: Backend
) -> Iterator[str]:
    """Yield the variables to set from now on, as `Reindexed.advice` has them."""
    if source is not target and getattr(settings, source.setting):
        yield f"MNEMO_{source.setting.upper()}="
    if target.spreads and wanted.chroma_shards != settings.chroma_shards:
        yield f"MNEMO_CHROMA_SHARDS={wanted.chroma_shards}"
    if wanted.embeddings != settings.embeddings:
        yield f"MNEMO_EMBEDDINGS={wanted.embeddings}"


def _other(settings: Settings, target: Backend) -> Backend:
    """Return where memories come from that go to `target`: what the settings name beside it."""
    others = [backend for backend in BACKENDS.values() if backend is not target]
    return next((b for b in others if getattr(settings, b.setting)), others[0])


def _as_written(
    backend: Backend, settings: Settings, now: Written, model: EmbeddingModel
) -> AbstractAsyncContextManager[LongTermStore]:
    """Open memories as they are, whatever the settings say of their model and shards."""
    if (now.embedding_name, now.dimensions) != (model.name, model.dimensions):
        nothing = OncePerText(NoModel(now.embedding_name))
        model = EmbeddingModel(nothing, now.embedding_name, now.dimensions, in_process=True)
    shards = now.shards or settings.chroma_shards
    return backend.open(settings.model_copy(update={"chroma_shards": shards}), model)
