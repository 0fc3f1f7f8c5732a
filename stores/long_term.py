"""Long-term memory as the settings name it: Chroma embedded or on a server, or Postgres.

Also what else than `BaseStore` each of them offers. Nothing here knows what is remembered.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlsplit

from langgraph.store.base import BaseStore, GetOp, Item, Op, Result

from models.embeddings import EmbeddingModel
from settings import Settings
from stores.base_store.items import StoredItem
from stores.chroma.store import ChromaStore
from stores.errors import StoreMismatch, StoreUnavailable

if TYPE_CHECKING:
    from stores.postgres.schema import Server
    from stores.postgres.store import PostgresStore

MOVES = ("mnemo-move",)
"""Namespace of what a store notes about a move; an owner's begins with a digest."""
FILLING, MOVED = "filling", "moved"

_UNSET = "MNEMO_POSTGRES_URL is not set: set it to postgresql://user:password@host:5432/database."
INSTALL = (
    "MNEMO_POSTGRES_URL is set, but what it needs is not installed: run `uv sync --extra postgres` "
    "or `pip install 'mnemograph[postgres]'`."
)


@runtime_checkable
class LongTermStore(Protocol):
    """A complete `BaseStore` that can also be counted, read whole, and cleared of what is gone."""

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations, as `BaseStore` has them."""

    def rows(self) -> AsyncIterator[StoredItem]:
        """Give every item there is, with the paths it was embedded by, while nothing writes."""

    async def count(self) -> int:
        """Return the number of items."""

    async def purge(self) -> None:
        """Leave as little as can be of what was deleted."""


@asynccontextmanager
async def open_long_term(settings: Settings, embedding: EmbeddingModel) -> AsyncIterator[BaseStore]:
    """Open the store that the settings name.

    Raises:
        StoreUnavailable: If it does not answer, or what it needs is not installed.
        StoreMismatch: If it was made with other settings, or its memories are elsewhere.
    """
    if settings.postgres_url:
        async with open_postgres(settings, embedding) as postgres:
            await _refuse_moved(postgres, "postgres")
            yield postgres
    else:
        async with open_chroma(settings, embedding) as chroma:
            await _refuse_moved(chroma, "chroma")
            yield chroma


@asynccontextmanager
async def open_chroma(settings: Settings, embedding: EmbeddingModel) -> AsyncIterator[ChromaStore]:
    """Open Chroma, whether or not the settings name Postgres too."""
    async with ChromaStore.open(
        path=None if settings.chroma_url else settings.data_dir / "chroma",
        url=settings.chroma_url,
        token=settings.chroma_token.get_secret_value() if settings.chroma_token else None,
        embeddings=embedding.embeddings,
        embedding_name=embedding.name,
        dimensions=embedding.dimensions,
        shards=settings.chroma_shards,
        timeout=settings.store_timeout,
    ) as store:
        yield store


@asynccontextmanager
async def open_postgres(
    settings: Settings, embedding: EmbeddingModel
) -> AsyncIterator["PostgresStore"]:
    """Open Postgres, whether or not the settings name Chroma too.

    Raises:
        StoreUnavailable: Also if the settings name none, or the extra is not installed.
    """
    if not settings.postgres_url:
        raise StoreUnavailable(_UNSET)
    kind = await asyncio.to_thread(postgres_store)
    async with kind.open(
        url=settings.postgres_url.get_secret_value(),
        embeddings=embedding.embeddings,
        embedding_name=embedding.name,
        dimensions=embedding.dimensions,
        timeout=settings.store_timeout,
    ) as store:
        yield store


def postgres_store() -> "type[PostgresStore]":
    """Return the Postgres store, which takes a moment to import; it is an extra.

    Raises:
        StoreUnavailable: If it is not installed.
    """
    try:
        from stores.postgres.store import PostgresStore
    except ImportError as error:
        raise StoreUnavailable(INSTALL) from error
    return PostgresStore


def chroma_place(settings: Settings) -> str:
    """Return where Chroma is, to be shown to a person."""
    if settings.chroma_url is None:
        return f"Chroma in {(settings.data_dir / 'chroma').absolute()}"
    return f"Chroma at {urlsplit(settings.chroma_url).netloc.rpartition('@')[2]}"


def postgres_place(settings: Settings) -> str:
    """Return where Postgres is, to be shown to a person.

    Raises:
        StoreUnavailable: If the URL is not set or cannot be read, or the extra is not installed.
    """
    try:
        from stores.postgres.pool import place_of
    except ImportError as error:
        raise StoreUnavailable(INSTALL) from error
    if not settings.postgres_url:
        raise StoreUnavailable(_UNSET)
    return f"Postgres at {place_of(settings.postgres_url.get_secret_value())}"


async def look_at_postgres(settings: Settings) -> "Server":
    """Look at the Postgres of the settings without making anything.

    Raises:
        StoreUnavailable: If it does not answer or is of no use, or the extra is not installed.
    """
    await asyncio.to_thread(postgres_store)
    from stores.postgres.pool import PostgresLink
    from stores.postgres.schema import look

    if not settings.postgres_url:
        raise StoreUnavailable(_UNSET)
    link = PostgresLink(settings.postgres_url.get_secret_value(), settings.store_timeout)
    async with link.alone() as connection:
        return await look(connection, link.place)


async def _refuse_moved(store: BaseStore, kind: str) -> None:
    """Refuse a store that is being filled, or whose memories were moved elsewhere."""
    found = await store.abatch([GetOp(MOVES, FILLING), GetOp(MOVES, MOVED)])
    filling, moved = (item if isinstance(item, Item) else None for item in found)
    if filling is not None:
        raise StoreMismatch(
            f"Memories are being moved here from {filling.value['from']}: run `mnemo reindex --to "
            f"{kind}` until it says that all are moved."
        )
    if moved is not None:
        there = str(moved.value["to"])
        raise StoreMismatch(
            f"These memories were moved to {there} on {moved.value['at'][:10]}: {_way_to(there)}, "
            f"or bring them back with `mnemo reindex --to {kind}`."
        )


def _way_to(place: str) -> str:
    if place.startswith("Postgres"):
        return "set MNEMO_POSTGRES_URL"
    if place.startswith("Chroma in"):
        return "unset MNEMO_POSTGRES_URL"
    return "set MNEMO_CHROMA_URL instead of MNEMO_POSTGRES_URL"
