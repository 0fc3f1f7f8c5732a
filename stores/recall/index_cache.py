"""Keeps the search indexes of recently active owners in this process.

Loaded from the owner's rows and journal; where the journal names what changed since, only that is
read. What an index holds is in `domain/recall/index.py`; nothing is written anywhere.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from math import inf
from typing import Any

from cachetools import LRUCache

from domain.journal import JournalView
from domain.owner import Owner
from domain.recall.index import EvidenceIndex
from domain.recall.index_building import index_of, with_turns
from domain.rows import Rows
from models.embeddings.open import EmbeddingModel
from models.single_flight import SingleFlight
from models.threads import run_aside
from models.tokens import TokenCounter
from stores.errors import StoreUnavailable
from stores.memories import Memories
from stores.recall.analyses import PassageAnalyses
from stores.recall.embedder import embedder, instant
from stores.recall.scope import scope_of

Key = tuple[str, str | None]
"""Owner and generation."""
FEW = 4
"""Turns that are read and indexed within a few milliseconds."""
UNINDEXED = 2
"""Owners whose rows are kept without an index: an import and a sweep each work on one."""


class EvidenceCache:
    """The indexes of recently active owners, bounded by the bytes of all of them.

    A reading of the journal says what an index must hold, so what any process wrote is seen by
    the next recall in every other.
    """

    def __init__(
        self,
        memories: Memories,
        embedding: EmbeddingModel,
        tokens: TokenCounter,
        *,
        size: int,
        patience: float = 5.0,
    ) -> None:
        """Keep indexes of `size` bytes altogether.

        Args:
            memories: Where the rows come from.
            embedding: Gives each message a vector where the model runs in this process.
            tokens: Counts what is recalled.
            size: Bytes at most; the index in use stays, however large.
            patience: Seconds that one call waits for an index; it goes on loading meanwhile.
        """
        self._memories = memories
        self._embed, self._instant = embedder(embedding), instant(embedding)
        self._analyses = PassageAnalyses(embedding, tokens)
        self._count = tokens.text
        self._size, self._patience = size, patience
        # Bounded in `_cache`: never without the index in use, however large.
        self._indexes: LRUCache[Key, EvidenceIndex] = LRUCache(inf, lambda index: index.nbytes)
        self._unindexed: LRUCache[Key, tuple[int, Rows]] = LRUCache(UNINDEXED)
        self._flights = SingleFlight[tuple[Key, *tuple[int | None, ...]], EvidenceIndex]()
        self._forgets = 0

    async def index(self, owner: Owner, view: JournalView) -> EvidenceIndex:
        """Return the index of all that `view` and the rows hold.

        Raises:
            StoreUnavailable: If the rows are needed and cannot be read, or something not in time:
                then a later call finds the index whole.
        """
        key, forgets = (owner.key, view.generation), self._forgets
        index = self._indexes.get(key)
        if index is None or index.moved != view.rows:
            index = await self._in_time((key, view.rows), lambda: self._load(key, owner, view))
        return await self._with_journal(key, index, view, forgets)

    def begin(self, owner: Owner, view: JournalView) -> None:
        """Begin to load an index that is not there; who asks for it meanwhile joins."""
        what = key, _ = (owner.key, view.generation), view.rows
        if key not in self._indexes and self._flights.get(what) is None:
            self._flights.start([what], self._load(key, owner, view))

    async def rows(self, owner: Owner, view: JournalView) -> Rows:
        """Return all records; where no index of them is kept, none is made.

        Raises:
            StoreUnavailable: If they cannot be read.
        """
        key = (owner.key, view.generation)
        if key in self._indexes:
            return (await self.index(owner, view)).rows
        if (flight := self._flights.get((key, view.rows))) is not None:
            return (await asyncio.shield(flight)).rows
        moved, rows = self._unindexed.get(key, (None, Rows()))
        if moved != view.rows:
            forgets = self._forgets
            rows = replace(await self._rows(owner, view, moved, rows), beside={})
            if forgets == self._forgets:
                self._unindexed[key] = view.rows, rows
        return rows

    async def without_rows(self, owner: Owner, view: JournalView) -> EvidenceIndex:
        """Return the last index there was, or an empty one, with what the journal holds.

        What the journal holds is left out where it cannot be read in time.
        """
        key, forgets = (owner.key, view.generation), self._forgets
        index = self._indexes.get(key)
        if index is None:
            nothing = replace(view, turns={})
            index = await asyncio.to_thread(self._built, Rows(), nothing, None, None)
        try:
            return await self._with_journal(key, index, view, forgets)
        except StoreUnavailable:
            return index

    def forget(self, owner: Owner) -> None:
        """Drop every index of an owner; what is being loaded now is not kept either."""
        self._forgets += 1
        for kept in (self._indexes, self._unindexed):
            for key in [key for key in kept if key[0] == owner.key]:
                del kept[key]

    def __len__(self) -> int:
        """Return how many indexes are kept."""
        return len(self._indexes)

    @property
    def nbytes(self) -> int:
        """About how many bytes the kept indexes take."""
        return int(self._indexes.currsize)

    async def _in_time(
        self,
        what: tuple[Key, *tuple[int | None, ...]],
        work: Callable[[], Coroutine[Any, Any, EvidenceIndex]],
    ) -> EvidenceIndex:
        """Make an index once, however many ask for it at the same time, and wait for so long."""
        flight = self._flights.get(what) or self._flights.start([what], work())
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(flight)
        except TimeoutError as error:
            raise StoreUnavailable("The memories are still being read.") from error

    async def _load(self, key: Key, owner: Owner, view: JournalView) -> EvidenceIndex:
        earlier, forgets = self._indexes.get(key), self._forgets
        moved, known = (earlier.moved, earlier.rows) if earlier else (None, Rows())
        reading = self._rows(owner, view, moved, known)
        if earlier is not None:
            rows = await reading
        else:  # What is embedded of the journal does not wait for the rows, nor they for it.
            journal = asyncio.to_thread(self._built, Rows(), view, None, None)
            rows, earlier = await asyncio.gather(reading, journal)
        index = await asyncio.to_thread(self._built, rows, view, view.rows, earlier)
        if forgets == self._forgets:  # Nobody may wait any more: the next call finds it.
            self._cache(key, index)
        return index

    def _built(
        self, rows: Rows, view: JournalView, moved: int | None, earlier: EvidenceIndex | None
    ) -> EvidenceIndex:
        episodes = {episode.id: episode for episode in rows.episodes}
        ready = self._analyses.unpack(episodes, rows.beside)
        index = index_of(
            rows, view, moved, earlier, count=self._count, embed=self._embed, ready=ready
        )
        if moved is not None:
            _look_over(index, view)
        return index

    async def _rows(self, owner: Owner, view: JournalView, moved: int | None, known: Rows) -> Rows:
        """Return the rows as they are; of those `known` at `moved` only what changed is read."""
        changed = None if moved is None else view.changed_since(moved)
        if changed is None:
            return await self._memories.all(owner, view.generation)
        return known.changed(await self._memories.some(owner, view.generation, changed))

    async def _with_journal(
        self, key: Key, index: EvidenceIndex, view: JournalView, forgets: int
    ) -> EvidenceIndex:
        """Return the index with the journal's newer turns, and keep it where it is whole.

        Not where an owner was forgotten since there were so many `forgets`.
        """
        newer = len(view.turns.keys() - index.turns)
        at_once = not newer or (index.small and self._instant and newer <= FEW)

        async def grow() -> EvidenceIndex:
            turns = view.turns.values()
            grown = await run_aside(
                at_once, with_turns, index, turns, count=self._count, embed=self._embed
            )
            if grown.moved == view.rows and forgets == self._forgets:
                self._cache(key, grown)
            return grown

        if at_once:
            return await grow()
        return await self._in_time((key, view.version, index.moved), grow)

    def _cache(self, key: Key, index: EvidenceIndex) -> None:
        cached = self._indexes.get(key)
        if (
            cached is not None
            and cached.moved == index.moved
            and len(cached.turns) > len(index.turns)
        ):
            return  # Another recall has read more of the journal meanwhile.
        self._indexes[key] = index
        self._unindexed.pop(key, None)
        while self.nbytes > self._size and len(self._indexes) > 1:
            self._indexes.popitem()


def _look_over(index: EvidenceIndex, view: JournalView) -> None:
    """Let an index find, beside the event loop, what it keeps: facts that hold, folded messages."""
    scope_of(index, view)
    _ = index.rows.folded_messages
