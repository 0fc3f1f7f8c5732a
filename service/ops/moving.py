"""Moving all memories between Chroma and Postgres; nothing else may write meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Self

from langchain_core.embeddings import Embeddings
from pydantic import model_validator

from models.embeddings import EmbeddingModel, open_embeddings
from settings import Settings
from stores.chroma.store import ChromaStore
from stores.errors import StoreMismatch
from stores.long_term import (
    LongTermStore,
    chroma_place,
    open_chroma,
    open_postgres,
    postgres_place,
    postgres_store,
)
from stores.maintenance.migrate import Progress, move
from stores.maintenance.reindex import recorded_layout

Kind = Literal["chroma", "postgres"]


class BetweenStores(Settings):
    """Settings of a move: both stores may be named, for one is read and the other written."""

    @model_validator(mode="after")
    def _one_long_term_store(self) -> Self:
        return self


@dataclass(frozen=True)
class Moved:
    """What a move did."""

    items: int
    """Memories moved; 0 where they were there already."""
    here: str
    """Where they came from; what lies there is out of date now."""
    there: str
    """Where they are."""
    embeddings: str
    advice: tuple[str, ...]
    """Variables to set from now on, as NAME=value, or as NAME= to unset; empty where all is so."""


class _Unneeded(Embeddings):
    """Stands for the model of a store that is only read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise StoreMismatch(
            "The memories to be moved need repair before: open them once with "
            f"MNEMO_EMBEDDINGS={self._name}."
        )

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


async def move_to(
    settings: Settings, to: Kind, shards: int | None, embeddings: str | None, progress: Progress
) -> Moved | None:
    """Move all memories to another store; None where there are none.

    Args:
        settings: Where both are.
        to: Which store takes over.
        shards: Collections of a Chroma that takes over; None: what the settings say.
        embeddings: Its model; None: what the settings say.
        progress: Told how many of how many are done.

    Raises:
        StoreUnavailable: If a store does not answer, or another process uses it.
        StoreMismatch: If the other store has memories of its own.
        ModelSettingsError: If the model cannot be used.
    """
    wanted = settings.model_copy(
        update={
            "chroma_shards": shards or settings.chroma_shards,
            "embeddings": embeddings or settings.embeddings,
        }
    )
    places = chroma_place(wanted), await asyncio.to_thread(postgres_place, wanted)
    here, there = places if to == "postgres" else reversed(places)
    model = await open_embeddings(wanted)
    async with _source(wanted, to, model) as source:
        if source is None:
            return None
        async with _target(wanted, to, model) as target:
            items = await move(source, target, here=here, there=there, progress=progress)
    advice = []
    if to == "postgres" and settings.chroma_url is not None:
        advice.append("MNEMO_CHROMA_URL=")
    if to == "chroma":
        advice.append("MNEMO_POSTGRES_URL=")
        if wanted.chroma_shards != settings.chroma_shards:
            advice.append(f"MNEMO_CHROMA_SHARDS={wanted.chroma_shards}")
    if wanted.embeddings != settings.embeddings:
        advice.append(f"MNEMO_EMBEDDINGS={wanted.embeddings}")
    return Moved(items, here, there, wanted.embeddings, tuple(advice))


@asynccontextmanager
async def _target(
    settings: Settings, to: Kind, model: EmbeddingModel
) -> AsyncIterator[LongTermStore]:
    if to == "postgres":
        async with open_postgres(settings, model) as postgres:
            yield postgres
    else:
        async with open_chroma(settings, model) as chroma:
            yield chroma


@asynccontextmanager
async def _source(
    settings: Settings, to: Kind, model: EmbeddingModel
) -> AsyncIterator[LongTermStore | None]:
    """Open the memories as they are, whatever the settings say of their model."""
    if to == "postgres":
        async with _chroma_as_it_is(settings, model) as chroma:
            yield chroma
    else:
        async with _postgres_as_it_is(settings) as postgres:
            yield postgres


@asynccontextmanager
async def _chroma_as_it_is(
    settings: Settings, model: EmbeddingModel
) -> AsyncIterator[ChromaStore | None]:
    url, held = settings.chroma_url, settings.chroma_token
    token = held.get_secret_value() if held else None
    path = None if url else settings.data_dir / "chroma"
    if path is not None and not await asyncio.to_thread(path.exists):
        yield None
        return
    patience = settings.store_timeout
    layout = await recorded_layout(path=path, url=url, token=token, timeout=patience)
    if layout is None:
        yield None
        return
    same = (layout.embedding_name, layout.dimensions) == (model.name, model.dimensions)
    async with ChromaStore.open(
        path=path,
        url=url,
        token=token,
        embeddings=model.embeddings if same else _Unneeded(layout.embedding_name),
        embedding_name=layout.embedding_name,
        dimensions=layout.dimensions,
        shards=layout.shards,
        timeout=patience,
    ) as store:
        yield store


@asynccontextmanager
async def _postgres_as_it_is(settings: Settings) -> AsyncIterator[LongTermStore | None]:
    kind = await asyncio.to_thread(postgres_store)
    from stores.postgres.move import recorded_model

    url = settings.postgres_url.get_secret_value() if settings.postgres_url else ""
    model = await recorded_model(url, settings.store_timeout)
    if model is None:
        yield None
        return
    async with kind.open(
        url=url,
        embeddings=_Unneeded(model.name),
        embedding_name=model.name,
        dimensions=model.dimensions,
        timeout=settings.store_timeout,
    ) as store:
        yield store
