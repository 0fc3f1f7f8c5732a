"""Long-term memory as the settings name it: the table of its backends, and the door to them.

Nothing here knows a database, or what is remembered.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langgraph.store.base import BaseStore

from models.embeddings.open import EmbeddingModel
from settings import Settings
from stores.base_store.backend import Backend
from stores.base_store.moving import read_notes
from stores.chroma.backend import CHROMA
from stores.errors import StoreMismatch
from stores.postgres.backend import POSTGRES

BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (CHROMA, POSTGRES)}
"""Every place that long-term memory can lie in; the first is used where no setting names one."""


def backend_of(settings: Settings) -> Backend:
    """Return the backend that the settings name."""
    named = (backend for backend in BACKENDS.values() if getattr(settings, backend.setting))
    return next(named, next(iter(BACKENDS.values())))


@asynccontextmanager
async def open_long_term(settings: Settings, embedding: EmbeddingModel) -> AsyncIterator[BaseStore]:
    """Open the store that the settings name.

    Raises:
        StoreUnavailable: If it does not answer, or what it needs is not installed.
        StoreMismatch: If it was made with other settings, or its memories are elsewhere.
    """
    backend = backend_of(settings)
    async with backend.open(settings, embedding) as store:
        notes = await read_notes(store)
        if notes.filling is not None:
            raise StoreMismatch(
                f"Memories are being moved here from {notes.filling}: run `mnemo reindex --to "
                f"{backend.name}` until it says that all are moved."
            )
        if notes.moved is not None:
            how = notes.how or "set the address of that place"
            raise StoreMismatch(
                f"These memories were moved to {notes.moved} on {notes.at[:10]}: {how}, "
                f"or bring them back with `mnemo reindex --to {backend.name}`."
            )
        yield store
