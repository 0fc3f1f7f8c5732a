"""The shards: collections made when first written, and every call that reads or writes them.

Speaks in rows and shard numbers. Knows nothing of items, embeddings or operations of a store.
Every call here blocks: use a thread.
"""

import time
from collections.abc import Callable, Container, Iterator, Sequence
from operator import methodcaller
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from chromadb.api.models.Collection import Collection
from chromadb.errors import NotFoundError

from stores.base_store.items import Vector
from stores.chroma.client import ChromaFailed, ChromaLink, ShardDamaged
from stores.chroma.layout import RECORD, Layout, Name, name_of, parse
from stores.chroma.rows import (
    WRITE_ROWS,
    Entry,
    Metadata,
    Row,
    Where,
    cosine_distance,
    portions,
    record_of,
)
from stores.errors import StoreMismatch, StoreUnavailable

if TYPE_CHECKING:
    from stores.chroma.shard import Shard

T = TypeVar("T")
PAGE = 200
"""Rows read at once where all are read."""
EXACT = 512
"""Rows under one filter up to which a search by meaning misses none."""
_IDS = 1000
"""Most ids in one read; SQLite has a limit."""
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between attempts when a row is in Chroma's tables but not yet in its index."""
_PASSING = "Error finding id"
_BROKEN = (
    _PASSING,
    "hnsw segment",
    "hnsw index",
    "Nothing found on disk",
    "Error getting embedding",
    "Error querying knn",
)


def shard_on(collection: Collection) -> "Shard":
    """Return the shard that lies in a collection."""
    from stores.chroma.shard import Shard  # with LangChain's part of it: half a second

    return Shard(collection)


class Shards:
    """The collections of one layout."""

    def __init__(self, link: ChromaLink, layout: Layout, *, in_force: bool = True) -> None:
        """Use a layout; `in_force` says that it must still be the recorded one."""
        self.link = link
        self.layout = layout
        self._in_force = in_force
        self._known: dict[int, Shard] = {}
        self._listed = False
        self._vanished: set[int] = set()
        self._lock = Lock()

    def existing(self) -> list[int]:
        """Numbers of the shards that were ever written to."""
        return sorted(self.serving())

    def serving(self) -> dict[int, str]:
        """Names of the collections in service, by shard."""
        self._look()
        return {shard: collection.name for shard, collection in self._known.items()}

    def named(self) -> list[Name]:
        """Every shard collection there is, of any epoch and whether or not it is complete."""
        names = (name_of(name) for name in self.link.collections())
        return [name for name in names if name is not None]

    def collection(self, shard: int, *, create: bool = False) -> "Shard | None":
        """The collection that serves a shard.

        Raises:
            StoreMismatch: if the data was reindexed meanwhile.
            StoreUnavailable: if the collection was there and is no more.
        """
        served = self.link.path is None  # then others make shards, too
        if shard not in self._known:
            if not self._listed or shard in self._vanished or (served and create):
                self._look()
            elif served:
                self._look_for(shard)
        if shard not in self._known and shard in self._vanished:
            raise StoreUnavailable(
                f"Chroma no longer has the collection of shard {shard}: another program deleted it "
                "while this one ran. Restore it from a backup, then start again."
            )
        if shard not in self._known and create:
            made = self.link.create(str(Name(self.layout.epoch, shard, 0)), {"complete": 1})
            with self._lock:
                self._known.setdefault(shard, shard_on(made))
        return self._known.get(shard)

    def forget(self, shard: int) -> None:
        """Look the shard's collection up again at its next use."""
        with self._lock:
            self._known.pop(shard, None)
            self._listed = False

    def _look_for(self, shard: int) -> None:
        """Find one that was made since all were listed: by name, for a server may hold many."""
        made = self.link.find(str(Name(self.layout.epoch, shard, 0)))
        if made is not None:
            with self._lock:
                self._known.setdefault(shard, shard_on(made))
        elif self._in_force:
            self._check(self.link.find(RECORD))

    def _look(self) -> None:
        """Find the newest complete collection of each shard."""
        present = self.link.collections()
        if self._in_force:
            self._check(present.get(RECORD))
        complete = {
            name: collection
            for collection in present.values()
            if (name := name_of(collection.name))
            and name.epoch == self.layout.epoch
            and (collection.metadata or {}).get("complete")
        }
        newest = {name.shard: shard_on(complete[name]) for name in sorted(complete)}
        self._vanished -= newest.keys()
        with self._lock:
            self._known, self._listed = newest, True

    def _check(self, record: Collection | None) -> None:
        if record is None:
            raise StoreUnavailable(
                "Chroma no longer has the memories that were there when this process started: "
                "restore them from a backup, then start again."
            )
        now = parse(dict(record.metadata or {}))
        if now != self.layout:
            raise StoreMismatch(
                "The memories were reindexed while this process had them open: start it again."
            )

    def _on(self, shard: int, work: "Callable[[Shard], T]", *, create: bool = False) -> T | None:
        """Do something with a shard's collection; None where there is no collection yet.

        Raises:
            ShardDamaged: if its vector index no longer answers.
            StoreUnavailable: if Chroma cannot be reached.
        """
        pauses = iter(_PAUSES)
        moved = False
        while (collection := self.collection(shard, create=create)) is not None:
            try:
                with self.link.reach():
                    return work(collection)
            except NotFoundError:
                if moved:
                    raise StoreUnavailable(
                        f"Shard {shard} of Chroma vanishes again and again: another process is "
                        "moving it; try again."
                    ) from None
                moved = True  # another process rebuilt it, and dropped this one
                self.forget(shard)
                self._vanished.add(shard)
            except ChromaFailed as failure:
                if not any(sign in failure.reason for sign in _BROKEN):
                    raise
                pause = next(pauses, None) if _PASSING in failure.reason else None
                if pause is None:
                    raise ShardDamaged(shard, collection.name, failure.reason) from failure
                time.sleep(pause)
        return None

    def get(self, shard: int, ids: Sequence[str]) -> list[Entry]:
        """Those of these rows that exist."""
        parts = _parts(ids, _IDS)
        return [row for part in parts for row in self._on(shard, methodcaller("rows", part)) or ()]

    def listed(self, shard: int, where: Where = None, limit: int | None = None) -> list[Entry]:
        """Rows of a filter, in the order in which they were first written."""
        return self._on(shard, lambda c: c.rows(None, where, limit)) or []

    def pages(self, shard: int, where: Where = None, size: int = PAGE) -> Iterator[list[Entry]]:
        """All rows of a filter, `size` at a time, in the order in which they were first written.

        After the first page by their ids: Chroma reads all that it passes over, and passes over
        one too many for each that is deleted meanwhile.
        """
        first = self.listed(shard, where, size)
        yield first
        if len(first) < size:
            return
        seen = {row for row, _ in first}
        for part in _parts([row for row in self.ids(shard, where) if row not in seen], size):
            rows = dict(self.get(shard, part))
            yield [(row, rows[row]) for row in part if row in rows]

    def items(self, shard: int) -> int:
        """Number of items, which may be fewer than the rows."""
        return sum(record_of(row)[1] == 0 for row in self.ids(shard))

    def ids(self, shard: int, where: Where = None) -> list[str]:
        """Ids of the rows of a filter."""
        return self._on(shard, lambda c: c.ids(where)) or []

    def probe(self, shard: int) -> None:
        """Ask a shard's tables and its index for something.

        Raises:
            ShardDamaged: if one does not answer.
        """
        self.listed(shard, limit=1)
        self.nearest(shard, np.ones(self.layout.dimensions, dtype=np.float32), 1, None)

    def vectors(self, shard: int, ids: Sequence[str]) -> dict[str, Vector]:
        """Vectors of those of these rows that exist."""
        vectors: dict[str, Vector] = {}
        for part in _parts(ids, _IDS):
            vectors |= self._on(shard, methodcaller("vectors", part)) or {}
        return vectors

    def nearest(
        self, shard: int, vector: Vector, count: int, where: Where
    ) -> tuple[list[tuple[str, Metadata, float]], bool]:
        """The `count` rows of a filter with the smallest cosine distance (0 to 2), nearest first.

        Exact where the filter has fewer than `EXACT` rows, else as good as Chroma's graph.

        Returns:
            Id, metadata and distance of each row, and whether there may be more of them.
        """
        ranked, more = self.ranked(shard, vector, count, where)
        there = dict(self.get(shard, [row for row, _ in ranked]))  # without those deleted since
        return [(row, there[row], far) for row, far in ranked if row in there], more

    def ranked(
        self, shard: int, vector: Vector, count: int, where: Where
    ) -> tuple[list[tuple[str, float]], bool]:
        """As `nearest`, without what the rows hold, which takes the most time to read."""
        asked = max(count, EXACT)
        hits = self._on(shard, lambda c: c.distances(vector, asked, where=where))
        if hits is None:
            return [], False
        if len(hits) < asked:
            hits |= self._overlooked(shard, vector, where, hits.keys())
        best = sorted(hits, key=hits.__getitem__)[:count]
        return [(row, hits[row]) for row in best], len(hits) > count

    def among(self, shard: int, vector: Vector, rows: list[str]) -> dict[str, float] | None:
        """Distances of the `EXACT` nearest of these rows; None where that cannot be told.

        The fastest of all searches: neither filter nor metadata is read. It fails as a whole
        where one of the rows is there no more. To ask for fewer would be faster still, but then
        Chroma's graph overlooks some where many are equally far apart.
        """
        collection = self.collection(shard)
        if collection is None or len(rows) > _IDS:
            return None
        count = min(EXACT, len(rows))
        try:
            with self.link.reach():
                # Without any: only to hear whether it answers.
                hits = collection.distances(vector, max(1, count), ids=rows or None)
        except (ChromaFailed, NotFoundError):
            return None
        return hits if len(hits) >= count else None

    def _overlooked(
        self, shard: int, vector: Vector, where: Where, seen: Container[str]
    ) -> dict[str, float]:
        """Distances of rows that the graph no longer leads to.

        It loses some where many are equally far apart, or were written over often.
        """
        vectors = self.vectors(shard, [r for r in self.ids(shard, where) if r not in seen])
        return {row: cosine_distance(vector, far) for row, far in vectors.items()}

    def upsert(self, shard: int, rows: Sequence[Row]) -> None:
        """Write rows: one write, unless they are very many or very long."""
        for part in portions(rows):
            self._on(shard, methodcaller("write", part), create=True)

    def delete(self, shard: int, ids: Sequence[str]) -> None:
        """Delete rows by id."""
        for part in _parts(ids, WRITE_ROWS):
            self._on(shard, methodcaller("delete", part))


def _parts(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    return (list(ids[start : start + size]) for start in range(0, len(ids), size))
