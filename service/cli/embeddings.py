"""The embedding model on its own, for commands that need nothing else of a conversation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.embeddings import EmbeddingModel, open_embeddings
from settings import Settings


@asynccontextmanager
async def embeddings_of(settings: Settings) -> AsyncIterator[EmbeddingModel]:
    """Open the embedding model of the settings, and close its connection at the end.

    Raises:
        ModelSettingsError: If it cannot be opened or does not answer.
    """
    model = await open_embeddings(settings)
    try:
        yield model
    finally:
        client = getattr(model.embeddings.inner, "http_async_client", None)
        if client is not None:
            await client.aclose()
