"""What a backend of long-term memory has to offer: one record a backend, and what its stores do.

The records stand in one table in `stores/long_term.py`. Nothing here names a database.
"""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.embeddings import Embeddings

from models.embeddings.open import EmbeddingModel
from settings import Settings
from stores.base_store.moving import Move
from stores.errors import StoreMismatch


@dataclass(frozen=True)
class Written:
    """What the memories of a store were written with."""

    embedding_name: str
    """Embedding model, as the settings name it."""
    dimensions: int
    """Length of its vectors."""
    shards: int | None = None
    """Collections that users are spread over; None where a backend has none."""

    def check(self, wanted: "Written") -> None:
        """Refuse settings that the memories were not written with.

        Raises:
            StoreMismatch: Saying what differs and which command moves them.
        """
        differs, flags = [], []
        if self.shards != wanted.shards:
            differs.append(f"{self.shards} shards, not {wanted.shards}")
            flags.append(f"--shards {wanted.shards}")
        if (self.embedding_name, self.dimensions) != (wanted.embedding_name, wanted.dimensions):
            differs.append(
                f"embeddings {self.embedding_name!r} ({self.dimensions} dimensions), "
                f"not {wanted.embedding_name!r} ({wanted.dimensions})"
            )
            flags.append(f"--embeddings {wanted.embedding_name}")
        if differs:
            raise StoreMismatch(
                f"These memories were written with {' and '.join(differs)}: run "
                f"`mnemo reindex {' '.join(flags)}`, or go back to the earlier settings.",
                self.embedding_name if self.shards == wanted.shards else None,
            )


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
