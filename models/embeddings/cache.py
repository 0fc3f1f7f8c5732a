"""Each text embedded once: a bounded cache, and one request for those who ask at the same time.

Nothing here knows which model it is.
"""

from __future__ import annotations

import asyncio
import threading
from array import array
from typing import Literal

from cachetools import LRUCache
from langchain_core.embeddings import Embeddings

from models.errors import MalformedReply
from models.provider.calls import as_model_errors
from models.single_flight import SingleFlight

Kind = Literal["query", "document"]
Key = tuple[Kind, str]
Vectors = dict[str, "array[float]"]


class OncePerText(Embeddings):
    """Embeds each text once, however many parts of a turn ask for it, also at the same time.

    Vectors are kept in a bounded cache (least recently used goes first). Concurrent calls of one
    event loop for the same text share one request. Errors of the provider surface as `ModelError`.
    """

    def __init__(
        self,
        inner: Embeddings,
        size: int = 1024,
        timeout: float | None = None,
        *,
        alike: bool = False,
    ) -> None:
        """Wrap a model.

        Args:
            inner: The model.
            size: How many vectors are kept.
            timeout: Seconds for one request with all its retries; None: the model sees to that.
            alike: Whether it reads a query as it reads a document: then several go in one batch.
        """
        self.inner = inner
        self.timeout = timeout
        self.alike = alike
        self.calls = 0
        """Requests made to the wrapped model."""
        self._cached: LRUCache[Key, array[float]] = LRUCache(size)
        self._lock = threading.Lock()
        self._flights = SingleFlight[tuple[asyncio.AbstractEventLoop, Key], Vectors]()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        return self._get("document", texts)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        return self._get("query", [text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        return await self._aget("document", texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        return (await self.aembed_queries([text]))[0]

    async def aembed_queries(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each query; a batch takes a model in this process half the time."""
        return await self._aget("query", texts)

    def _get(self, kind: Kind, texts: list[str]) -> list[list[float]]:
        vectors, missing = self._recall(kind, texts)
        if missing:
            self.calls += 1
            with as_model_errors():
                if kind == "query":
                    fresh = [self.inner.embed_query(text) for text in missing]
                else:
                    fresh = self.inner.embed_documents(missing)
            vectors |= self._remember(kind, missing, fresh)
        return [vectors[text].tolist() for text in texts]

    async def _aget(self, kind: Kind, texts: list[str]) -> list[list[float]]:
        loop = asyncio.get_running_loop()
        vectors, missing = self._recall(kind, texts)
        flights = {text: self._flights.get((loop, (kind, text))) for text in missing}
        unasked = [text for text, flight in flights.items() if flight is None]
        if unasked:
            keys = [(loop, (kind, text)) for text in unasked]
            flight = self._flights.start(keys, self._fetch(kind, unasked))
            flights.update(dict.fromkeys(unasked, flight))
        for text, waited in flights.items():
            if waited is not None:
                vectors[text] = (await asyncio.shield(waited))[text]
        return [vectors[text].tolist() for text in texts]

    async def _fetch(self, kind: Kind, texts: list[str]) -> Vectors:
        self.calls += 1
        with as_model_errors():
            async with asyncio.timeout(self.timeout):
                fresh = await self._ask(kind, texts)
        return self._remember(kind, texts, fresh)

    async def _ask(self, kind: Kind, texts: list[str]) -> list[list[float]]:
        if kind == "query" and not self.alike:
            return [await self.inner.aembed_query(text) for text in texts]
        return await self.inner.aembed_documents(texts)

    def _recall(self, kind: Kind, texts: list[str]) -> tuple[Vectors, list[str]]:
        vectors: Vectors = {}
        missing: list[str] = []
        with self._lock:
            for text in dict.fromkeys(texts):
                vector = self._cached.get((kind, text))
                if vector is None:
                    missing.append(text)
                else:
                    vectors[text] = vector
        return vectors, missing

    def _remember(self, kind: Kind, texts: list[str], vectors: list[list[float]]) -> Vectors:
        if len(vectors) != len(texts):
            raise MalformedReply(
                f"The embedding model returned {len(vectors)} vectors for {len(texts)} texts."
            )
        fresh = {text: array("d", vector) for text, vector in zip(texts, vectors, strict=True)}
        with self._lock:
            self._cached.update({(kind, text): vector for text, vector in fresh.items()})
        return fresh
