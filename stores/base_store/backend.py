"""What a backend of long-term memory has to offer: one record a backend, and what its stores do.

The records stand in one table in `stores/long_term.py`. Nothing here names a database.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from langchain_core.embeddings import Embeddings
from langgraph.store.base import Op, Result

from models.embeddings.open import EmbeddingModel
from settings import Settings
from stores.base_store.items import Namespace, StoredItem
from stores.errors import StoreMismatch

Place = tuple[Namespace, str]
"""Namespace and key of an item."""


@runtime_checkable
class LongTermStore(Protocol):
    """A complete `BaseStore` that can also be counted, read whole, and cleared of what is gone."""

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations, as `BaseStore` has them."""

    def rows(self) -> AsyncIterator[StoredItem]:
        """Give every item there is, with the paths it was embedded by, while nothing writes."""

    async def restore(self, items: Sequence[StoredItem]) -> None:
        """Write items as another store has them, with their times; they are embedded anew."""

    async def count(self) -> int:
        """Return the number of items."""

    async def purge(self) -> None:
        """Leave as little as can be of what was deleted."""


class Source(Protocol):
    """Where memories are moved from."""

    def rows(self) -> AsyncIterator[StoredItem]:
        """Give every item that is to be moved."""

    async def count(self) -> int:
        """Return the number of those items."""


class Target(Protocol):
    """Where memories are moved to; it serves nobody before all of them are there."""

    async def lacking(self, items: Sequence[StoredItem]) -> Sequence[StoredItem]:
        """Return those of these items that are not here yet, or here as they were earlier."""

    async def restore(self, items: Sequence[StoredItem]) -> None:
        """Write these items."""

    async def delete_all_but(self, places: set[Place]) -> None:
        """Delete the items at all other places."""

    async def count(self) -> int:
        """Return the number of items."""

    async def serve(self) -> None:
        """Take over from the source, in one atomic step."""


class Move(NamedTuple):
    """A move that is ready to begin, or to go on."""

    source: Source
    target: Target


@dataclass(frozen=True)
class Written:
    """What the memories of a store were written with."""

    embeddings: str
    """Embedding model, as the settings name it."""
    dimensions: int
    """Length of its vectors."""
    shards: int | None = None
    """Collections that users are spread over; None where a backend has none."""


class Looked(NamedTuple):
    """What a look at a backend found."""

    text: str
    """Where it is and what answers there, as the beginning of a sentence."""
    exists: bool
    """Whether there are memories; to open the store would make what is needed for them."""


@dataclass(frozen=True)
class Backend:
    """A place that long-term memory can lie in. Add one: write its record, name it in the table."""

    name: str
    """As commands name it."""
    title: str
    """As people know it."""
    setting: str
    """The setting that chooses it."""
    spreads: bool
    """Whether it spreads users over collections, as many as the settings say."""
    place: Callable[[Settings], str]
    """Where it is, to be shown to a person. Raises StoreUnavailable if that cannot be said."""
    how_to_use: Callable[[Settings], str]
    """What to do for the settings to mean this place, such as "set MNEMO_POSTGRES_URL"."""
    look: Callable[[Settings], Coroutine[Any, Any, Looked]]
    """Look without making anything. Raises StoreUnavailable if it is of no use."""
    written: Callable[[Settings], Coroutine[Any, Any, Written | None]]
    """What its memories were written with; None where there are none yet."""
    open: Callable[[Settings, EmbeddingModel], AbstractAsyncContextManager[Any]]
    """Open a `BaseStore` that is a `LongTermStore`. Raises StoreUnavailable, StoreMismatch."""
    reindex: Callable[[Settings, EmbeddingModel], AbstractAsyncContextManager[Move | None]]
    """Ready a move to this model, and to the shards of the settings, within the backend.

    None where all is as wanted, which also gives up an interrupted move.
    """
    empty: Callable[[Settings, EmbeddingModel, Path], AbstractAsyncContextManager[Any]]
    """Open an empty store that goes away again, in a folder or beside what a server holds."""


class NoModel(Embeddings):
    """Stands for the model of a store that is only read."""

    def __init__(self, name: str) -> None:
        """Give the name of the model that it stands for."""
        self._name = name

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Refuse.

        Raises:
            StoreMismatch: Saying which model is needed.
        """
        raise StoreMismatch(
            "The memories to be moved need repair before: open them once with "
            f"MNEMO_EMBEDDINGS={self._name}."
        )

    def embed_query(self, text: str) -> list[float]:
        """Refuse as well."""
        return self.embed_documents([text])[0]
