"""One shard: a collection of Chroma, through LangChain's `Chroma` and past it where it must.

Speaks in rows. Knows nothing of items, of other shards or of what to do when a call fails.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast
from uuid import UUID

import numpy as np
from chromadb.api import ClientAPI
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings
from langchain_chroma import Chroma

from stores.base_store.items import Vector
from stores.chroma.client import chroma_settings
from stores.chroma.rows import Entry, Row, Where


@cache
def _settings() -> Settings:
    """Return settings that are never used, or LangChain would make some, and look for a `.env`."""
    return chroma_settings()


class _Opened:
    """Stands for a client: hands out one collection that is open already, without asking again."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def get_collection(self, name: str) -> Collection:
        return self._collection


class Shard(Chroma):
    """A collection that is read and emptied as LangChain does it.

    Writing and searching go past LangChain: its `add_texts` embeds by itself and copies every text
    into Chroma's full-text index, and its searches give only rows that have such a copy, with all
    that they hold, which takes longer than the search.
    """

    def __init__(self, collection: Collection) -> None:
        """Take a collection that is open."""
        super().__init__(
            collection.name,
            client=cast(ClientAPI, _Opened(collection)),
            client_settings=_settings(),
            create_collection_if_not_exists=False,
        )

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self._collection.name

    @property
    def id(self) -> UUID:
        """Id of the collection."""
        return self._collection.id

    @property
    def metadata(self) -> dict[str, Any]:
        """What is noted of the collection, as of when it was opened."""
        return dict(self._collection.metadata or {})

    def note(self, metadata: dict[str, Any]) -> None:
        """Note something of the collection, in place of what was noted."""
        self._collection.modify(metadata=metadata)

    def ids(self, where: Where = None) -> list[str]:
        """Ids of the rows of a filter."""
        return list(self.get(where=where, include=[])["ids"])

    def rows(
        self,
        ids: list[str] | None = None,
        where: Where = None,
        limit: int | None = None,
    ) -> list[Entry]:
        """Rows with these ids, or of a filter in the order in which they were first written."""
        answer = self.get(ids, where, limit, include=["metadatas"])
        # None where another program took all of a row's away.
        metadatas = [metadata or {} for metadata in answer["metadatas"] or []]
        return list(zip(answer["ids"], metadatas, strict=True))

    def vectors(self, ids: list[str]) -> dict[str, Vector]:
        """Vectors of those of these rows that exist."""
        answer = self.get(ids, include=["embeddings"])
        if answer["embeddings"] is None:
            return {}
        return {
            row: np.asarray(vector, dtype=np.float32)
            for row, vector in zip(answer["ids"], answer["embeddings"], strict=True)
        }

    def distances(
        self, vector: Vector, count: int, *, where: Where = None, ids: list[str] | None = None
    ) -> dict[str, float]:
        """Cosine distances (0 to 2) of the `count` nearest rows, without what they hold."""
        answer = self._collection.query(
            query_embeddings=[vector], ids=ids, n_results=count, where=where, include=["distances"]
        )
        return dict(zip(answer["ids"][0], (answer["distances"] or [[]])[0], strict=True))

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows in one call, over those of the same ids."""
        metadatas: list[Any] = [row.metadata or None for row in rows]  # Chroma takes no empty one.
        self._collection.upsert(
            ids=[row.id for row in rows],
            embeddings=[row.vector for row in rows],
            metadatas=metadatas,
        )
