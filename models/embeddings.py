"""Embedding models: a static one built in, any other through LangChain, each text embedded once.

Nothing here stores a vector beyond a bounded cache of this process.
"""

import asyncio
import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from models.embedding_cache import OncePerText
from models.endpoint import close_client, endpoint, is_openai, key
from models.errors import ModelError, ModelSettingsError
from models.tokens import open_counter
from settings import Settings

WORDLLAMA = "wordllama"
"""The name of the built-in model."""

_BATCH_CHARACTERS = 65_536
"""Texts are padded to the longest of their batch; this bounds what a batch takes (64 MB)."""

_QUICK_CHARACTERS = 20_000
"""What the built-in model embeds within a few milliseconds, so without a thread."""


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

    async def aclose(self) -> None:
        """Close the connections it holds, if any."""
        await close_client(self.embeddings.inner)


class WordLlamaEmbeddings(Embeddings):
    """Static word embeddings from an installed wheel: 256 dimensions, some 60 us a text.

    Vectors have length 1. A text without a word it knows is the zero vector, like nothing else.
    The weights are loaded with the first text, once a process: `load` does so ahead.
    """

    dimensions = 256

    def load(self) -> None:
        """Load the weights: 0.3 s and the import, so in a thread."""
        _load_wordllama()

    def matrix(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of length 1 (or 0) for each text."""
        model = _load_wordllama()
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for batch in _batches(texts):
            rows[batch] = model.embed([_encodable(texts[index]) for index in batch])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        vectors: list[list[float]] = self.matrix(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, in a thread where it takes more than a moment."""
        loaded = _load_wordllama.cache_info().currsize > 0
        if loaded and sum(map(len, texts)) <= _QUICK_CHARACTERS:
            return self.embed_documents(texts)
        return await asyncio.to_thread(self.embed_documents, texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return (await self.aembed_documents([text]))[0]


async def open_embeddings(settings: Settings, *, load: bool = True) -> EmbeddingModel:
    """Return the embedding model of the settings, asking a foreign one for its dimensions.

    Args:
        settings: Which model.
        load: False where perhaps nothing is embedded: the built-in model is loaded when it is.

    Raises:
        ModelSettingsError: If it cannot be opened or does not answer.
    """
    name = settings.embeddings
    if name == WORDLLAMA:
        built_in = WordLlamaEmbeddings()
        if load:
            await asyncio.to_thread(built_in.load)
        return EmbeddingModel(OncePerText(built_in), name, built_in.dimensions, in_process=True)
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
            f'MNEMO_EMBEDDINGS={name} names no provider: use "wordllama" or "provider:model", '
            "such as openai:text-embedding-3-small."
        )
    try:
        options = _openai_options(settings, model) if provider == "openai" else {}
        return init_embeddings(name, **options)
    except ImportError as error:
        how = str(error).partition("`")[2].partition("`")[0] or f"install {error.name}"
        extra = " sentence-transformers" if provider == "huggingface" else ""
        raise ModelSettingsError(
            f"MNEMO_EMBEDDINGS={name} needs a package that is not installed: {how}{extra}."
        ) from error
    except ModelSettingsError:
        raise
    except (ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelSettingsError(f"MNEMO_EMBEDDINGS={name} cannot be opened: {reason}") from error


def _openai_options(settings: Settings, model: str) -> dict[str, Any]:
    from models.openai_client import open_client  # a second to import

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


@cache
def _load_wordllama() -> Any:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    module = importlib.import_module("wordllama")  # late: it takes longer than all else to import
    # The package configures the root logger on import; whose program this is decides on that.
    root.handlers[:] = handlers
    root.setLevel(level)
    # Given the folder of the package itself, or it looks elsewhere and then on the network.
    folder = Path(str(module.__file__)).parent
    return module.WordLlama.load(cache_dir=folder, disable_download=True)


def _batches(texts: Sequence[str]) -> list[list[int]]:
    """Group the indices of texts of like length, so that padding stays small."""
    batches: list[list[int]] = []
    for index in sorted(range(len(texts)), key=lambda index: len(texts[index])):
        length = len(texts[index])
        if batches and (len(batches[-1]) + 1) * length <= _BATCH_CHARACTERS:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _encodable(text: str) -> str:
    """Return the text with lone surrogates replaced, which the tokenizer would refuse."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
