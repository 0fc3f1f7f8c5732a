"""The record of Chroma as a backend of long-term memory, in the data dir or on a server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from models.embeddings.open import EmbeddingModel
from settings import Settings
from stores.base_store.backend import Backend, Looked, Written
from stores.base_store.moving import Move
from stores.chroma.client import Address
from stores.chroma.reindex import recorded_layout, reindexing
from stores.chroma.store import ChromaStore
from stores.urls import host_of


def _folder(settings: Settings) -> Path | None:
    return None if settings.chroma_url else settings.data_dir / "chroma"


def _where(settings: Settings) -> Address:
    token = settings.chroma_token
    return {
        "path": _folder(settings),
        "url": settings.chroma_url,
        "token": token.get_secret_value() if token else None,
        "timeout": settings.store_timeout,
    }


def _wanted(settings: Settings, model: EmbeddingModel) -> dict[str, Any]:
    return {
        **_where(settings),
        "embeddings": model.embeddings,
        "embedding_name": model.name,
        "dimensions": model.dimensions,
        "shards": settings.chroma_shards,
    }


def _place(settings: Settings) -> str:
    if settings.chroma_url is None:
        return f"Chroma in {(settings.data_dir / 'chroma').absolute()}"
    return f"Chroma at {host_of(settings.chroma_url)}"


def _how_to_use(settings: Settings) -> str:
    if settings.chroma_url is None:
        return "unset MNEMO_POSTGRES_URL"
    return "set MNEMO_CHROMA_URL instead of MNEMO_POSTGRES_URL"


async def _look(settings: Settings) -> Looked:
    folder = _folder(settings)
    if folder is not None and not await asyncio.to_thread(folder.exists):
        return Looked("Chroma in the data dir, made at the first turn", False)
    if folder is not None:
        return Looked("Chroma in the data dir answers", True)
    return Looked(f"{_place(settings)} answers", True)


async def _written(settings: Settings) -> Written | None:
    folder = _folder(settings)
    if folder is not None and not await asyncio.to_thread(folder.exists):
        return None
    return await recorded_layout(**_where(settings))


def _open(settings: Settings, model: EmbeddingModel) -> AbstractAsyncContextManager[ChromaStore]:
    return ChromaStore.open(**_wanted(settings, model))


def _reindex(settings: Settings, model: EmbeddingModel) -> AbstractAsyncContextManager[Move | None]:
    return reindexing(**_wanted(settings, model))


@asynccontextmanager
async def _empty(
    settings: Settings, model: EmbeddingModel, folder: Path
) -> AsyncIterator[ChromaStore]:
    here = settings.model_copy(update={"chroma_url": None, "data_dir": folder})
    async with _open(here, model) as store:
        yield store


CHROMA = Backend(
    name="chroma",
    title="Chroma",
    setting="chroma_url",
    spreads=True,
    place=_place,
    how_to_use=_how_to_use,
    look=_look,
    written=_written,
    open=_open,
    reindex=_reindex,
    empty=_empty,
)
