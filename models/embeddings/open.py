"""Embedding models: two built in, any other through LangChain, each text embedded once.

Nothing here stores a vector beyond a bounded cache of this process.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from langchain_core.embeddings import Embeddings

from models.embeddings.cache import OncePerText
from models.embeddings.local import LocalEmbeddings, SentenceEncoder, WordLlamaEmbeddings
from models.errors import ModelError, ModelSettingsError
from models.provider.endpoint import close_client, endpoint, is_openai, key
from models.provider.opening import opening
from models.tokens import open_counter
from settings import Settings

MULTILINGUAL = "use-multilingual"
"""The name of the built-in model for many languages, the default."""
WORDLLAMA = "wordllama"
"""The name of the built-in model for English, the quicker one."""

BUILT_IN: dict[str, type[LocalEmbeddings]] = {
    MULTILINGUAL: SentenceEncoder,
    WORDLLAMA: WordLlamaEmbeddings,
}
"""The models that are installed with the program."""


@dataclass(frozen=True)
class EmbeddingModel:
    """An open embedding model."""

    embeddings: OncePerText
    """The model itself; equal texts are embedded once."""
    name: str
    """As the user wrote it in the settings; stores record it."""
    dimensions: int
    """Length of its vectors."""
    in_process: bool
    """Whether it runs here, so that a vector costs no request."""

    async def load(self) -> None:
        """Load a built-in model, in a thread."""
        if isinstance(self.embeddings.inner, LocalEmbeddings):
            await asyncio.to_thread(self.embeddings.inner.load)

    async def aclose(self) -> None:
        """Close the connections it holds, if any."""
        await close_client(self.embeddings.inner)


async def open_embeddings(settings: Settings, *, load: bool = True) -> EmbeddingModel:
    """Return the embedding model of the settings, asking a foreign one for its dimensions.

    Where perhaps nothing is embedded (no `load`), the built-in one is loaded when something is.

    Raises:
        ModelSettingsError: If it cannot be opened or does not answer.
    """
    name = settings.embeddings
    if name in BUILT_IN:
        once = OncePerText(built_in := BUILT_IN[name](), alike=True)
        opened = EmbeddingModel(once, name, built_in.dimensions, in_process=True)
        if load:
            await opened.load()
        return opened
    patience = settings.model_timeout * (settings.model_retries + 1)
    model = OncePerText(await asyncio.to_thread(_open_provider, settings), timeout=patience)
    try:
        dimensions = len(await model.aembed_query("How long is a vector?"))
    except ModelError as error:
        await close_client(model.inner)
        raise ModelSettingsError(f"MNEMO_EMBEDDINGS={name} cannot be used: {error}") from error
    return EmbeddingModel(model, name, dimensions, in_process=name.startswith("huggingface:"))


def _open_provider(settings: Settings) -> Embeddings:
    from langchain.embeddings import init_embeddings

    name = settings.embeddings
    provider, _, model = name.partition(":")
    if not model:
        raise ModelSettingsError(
            f"MNEMO_EMBEDDINGS={name} names no provider: use {' or '.join(BUILT_IN)}, or "
            '"provider:model", such as openai:text-embedding-3-small.'
        )
    with opening(
        f"MNEMO_EMBEDDINGS={name}",
        packages=" sentence-transformers" if provider == "huggingface" else "",
    ):
        options = _openai_options(settings, model) if provider == "openai" else {}
        return init_embeddings(name, **options)


def _openai_options(settings: Settings, model: str) -> dict[str, Any]:
    from models.provider.openai_client import open_client  # a second to import

    if is_openai(settings):
        open_counter(model)  # the client counts tokens, with the vocabulary this puts in place
    return {
        "api_key": key(settings, "MNEMO_EMBEDDINGS"),
        "base_url": endpoint(settings),
        "timeout": settings.model_timeout,
        "max_retries": settings.model_retries,
        # Otherwise it sends token numbers instead of text, which only OpenAI understands.
        "check_embedding_ctx_length": is_openai(settings),
        "http_async_client": open_client(settings.model_timeout),
    }
