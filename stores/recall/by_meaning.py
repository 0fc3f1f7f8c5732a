"""The records that come near a message by meaning, as the vector store finds them."""

import asyncio

from cachetools import LRUCache

from domain.journal import JournalView
from domain.owner import Owner
from domain.records import Kind
from domain.rows import Rows
from models.errors import ModelError
from stores.errors import StoreUnavailable
from stores.memories import Memories, Nearest

LIMITS: dict[Kind, int] = {"episode": 6, "fact": 24, "entity": 4}
"""Records of each kind that the vector store is asked for."""
_CACHED_QUERIES = 64


class ByMeaning:
    """Asks the vector store, once for the same question to the same records."""

    def __init__(self, memories: Memories, patience: float) -> None:
        """Search in `memories`, for `patience` seconds at most."""
        self._memories = memories
        self._patience = patience
        self._cache: LRUCache[tuple[str, str | None, int, str], Nearest] = LRUCache(_CACHED_QUERIES)

    async def nearest(
        self, owner: Owner, view: JournalView, query: str, rows: Rows
    ) -> Nearest | None:
        """Return the records nearest to a message; None where the store does not answer."""
        key = (owner.key, view.generation, view.rows, query)
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        try:
            async with asyncio.timeout(self._patience):
                near = await self._memories.nearest_among(
                    owner, view.generation, query, keys=rows.found_by_meaning, limits=LIMITS
                )
        except (StoreUnavailable, ModelError, TimeoutError, OSError):
            return None
        self._cache[key] = near
        return near

    def forget(self, owner: Owner) -> None:
        """Drop what was found for an owner."""
        for key in [key for key in self._cache if key[0] == owner.key]:
            del self._cache[key]
