"""A small deterministic embedding model for tests: hashed words. Nothing here is a test."""

from hashlib import blake2b

import numpy as np
from langchain_core.embeddings import Embeddings


class HashEmbeddings(Embeddings):
    """Counts a text's words in hashed buckets; notes what it was asked, and how.

    Equal texts have cosine 1, texts without a common word almost always 0.
    """

    def __init__(self, dimensions: int = 512, *, salt: str = "") -> None:
        self.dimensions = dimensions
        self.salt = salt
        self.documents: list[list[str]] = []
        self.queries: list[str] = []
        self.awaited = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.documents.append(list(texts))
        return [self._embed(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        self.queries.append(text)
        return self._embed(text)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        self.awaited += 1
        return self.embed_documents(texts)

    async def aembed_query(self, text: str) -> list[float]:
        self.awaited += 1
        return self.embed_query(text)

    def _embed(self, text: str) -> list[float]:
        vector = np.zeros(self.dimensions)
        for word in text.lower().split():
            digest = blake2b(f"{self.salt}{word}".encode(errors="replace"), digest_size=8).digest()
            vector[int.from_bytes(digest) % self.dimensions] += 1.0
        return [float(number) for number in vector]
