"""Moving memories to what the settings, or a command's options, ask for; nothing else may write."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from models.embeddings import open_embeddings
from settings import Settings
from stores.errors import StoreMismatch
from stores.long_term import postgres_store
from stores.maintenance.reindex import Progress, recorded_layout, reindex_in_place


@dataclass(frozen=True)
class Reindexed:
    """What a reindexing did."""

    items: int
    """Memories moved; 0 where all lay as wanted already."""
    shards: int | None
    """Collections of a Chroma; None where the memories are in Postgres."""
    embeddings: str
    advice: tuple[str, ...]
    """Variables to set from now on, as NAME=value; empty where the settings say so already."""


async def reindex(
    settings: Settings, shards: int | None, embeddings: str | None, progress: Progress
) -> Reindexed | None:
    """Move all memories; None where there are none.

    Args:
        settings: Where the memories are.
        shards: How many collections to use; None: as many as before, unless `embeddings` is not
            given either: then what the settings say.
        embeddings: Which model to use; None: as for `shards`.
        progress: Told how many of how many are done.

    Raises:
        StoreUnavailable: If the store does not answer, or another process uses it.
        StoreMismatch: If `shards` are asked of Postgres, which has none.
        ModelSettingsError: If the model cannot be used.
    """
    if settings.postgres_url:
        return await _in_postgres(
            settings, settings.postgres_url.get_secret_value(), shards, embeddings, progress
        )
    url, held = settings.chroma_url, settings.chroma_token
    token = held.get_secret_value() if held else None
    path = None if url else settings.data_dir / "chroma"
    if path is not None and not await asyncio.to_thread(path.exists):
        return None
    patience = settings.store_timeout
    now = await recorded_layout(path=path, url=url, token=token, timeout=patience)
    if now is None:
        return None
    if shards is None and embeddings is None:
        shards, embeddings = settings.chroma_shards, settings.embeddings
    wanted = settings.model_copy(
        update={
            "chroma_shards": shards or now.shards,
            "embeddings": embeddings or now.embedding_name,
        }
    )
    async with aclosing(await open_embeddings(wanted)) as model:
        items = await reindex_in_place(
            path=path,
            url=url,
            token=token,
            embeddings=model.embeddings,
            embedding_name=model.name,
            dimensions=model.dimensions,
            shards=wanted.chroma_shards,
            timeout=patience,
            progress=progress,
        )
    advice = []
    if wanted.chroma_shards != settings.chroma_shards:
        advice.append(f"MNEMO_CHROMA_SHARDS={wanted.chroma_shards}")
    if wanted.embeddings != settings.embeddings:
        advice.append(f"MNEMO_EMBEDDINGS={wanted.embeddings}")
    return Reindexed(items, wanted.chroma_shards, wanted.embeddings, tuple(advice))


async def _in_postgres(
    settings: Settings, url: str, shards: int | None, embeddings: str | None, progress: Progress
) -> Reindexed | None:
    if shards is not None:
        raise StoreMismatch(
            "Postgres does not spread memories over collections: leave out --shards."
        )
    await asyncio.to_thread(postgres_store)
    from stores.postgres.move import embed_anew, recorded_model
    from stores.postgres.schema import Embedded

    patience = settings.store_timeout
    if await recorded_model(url, patience) is None:
        return None
    wanted = settings.model_copy(update={"embeddings": embeddings or settings.embeddings})
    async with aclosing(await open_embeddings(wanted)) as model:
        items = await embed_anew(
            url,
            model.embeddings,
            Embedded(model.name, model.dimensions),
            seconds=patience,
            progress=progress,
        )
    differs = wanted.embeddings != settings.embeddings
    advice = (f"MNEMO_EMBEDDINGS={wanted.embeddings}",) if differs else ()
    return Reindexed(items, None, wanted.embeddings, advice)
