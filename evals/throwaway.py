"""A store of long-term memory that goes away again, in a folder or in a Postgres of the settings.

Nothing that lies in that Postgres is touched: it is a schema of its own.
"""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from langgraph.store.base import BaseStore

from models.embeddings.open import EmbeddingModel
from settings import Settings
from stores.long_term import BACKENDS

Where = str
"""Name of a backend of long-term memory."""


def open_throwaway(
    where: Where, embedding: EmbeddingModel, folder: Path, *, shards: int = 4
) -> AbstractAsyncContextManager[BaseStore]:
    """Open an empty store.

    Raises:
        StoreUnavailable: If there is no Postgres to be used.
    """
    settings = Settings().model_copy(update={"chroma_shards": shards})
    return BACKENDS[where].empty(settings, embedding, folder)
