"""Long-term memory in Chroma: a complete `BaseStore`, embedded or over HTTP.

Ties the parts together: plan a batch, embed its texts, then read and write the shards in a
thread. What a row looks like, how shards are called and mended lies in the modules beside.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, Op, Result, SearchItem, SearchOp

from stores.base_store.batch import Plan, Vectors, Write, plan_of, plan_of_items, vectors_of
from stores.base_store.items import Namespace, StoredItem, check_lengths
from stores.chroma.client import ChromaLink
from stores.chroma.layout import Layout, agree
from stores.chroma.read_write_lock import ReadWriteLock
from stores.chroma.repair import items_in, pages_of, rebuild, tidy, wipe, with_item_vectors
from stores.chroma.rows import decode, is_item, record_of, within
from stores.chroma.search import (
    Wanted,
    get_items,
    list_namespaces,
    nearest_keys,
    search,
    shards_of,
)
from stores.chroma.shards import ShardDamaged, Shards
from stores.chroma.write import restore_items, write_items

T = TypeVar("T")

_SEARCHES = 8
"""Searches of all batches together that run at the same time."""
_CALLS = 16
"""Calls that run at the same time, beside a turn's own search by meaning.

Not in the threads of the event loop, which are six on two cores: what is remembered of thirty
conversations at once would keep their turns waiting.
"""
_log = logging.getLogger(__name__)


class ChromaStore(BaseStore):
    """Items in Chroma, found by key, by filter and by meaning.

    A search by meaning returns the items that have a vector, with the cosine similarity (0 to 1)
    of their best one. Items keep until they are deleted; there is no time to live.

    Example:
        async with ChromaStore.open(
            path=Path(".mnemo/chroma"), embeddings=model, embedding_name="wordllama", dimensions=256
        ) as store:
            await store.aput(("user", "facts"), "f1", {"text": "likes tea"}, index=["text"])
            await store.asearch(("user",), query="what to drink?")
    """

    supports_ttl = False

    def __init__(
        self, shards: Shards, embeddings: Embeddings, fields: list[str] | None = None
    ) -> None:
        """Use `open`."""
        self._shards = shards
        self._embeddings = embeddings
        self._fields = fields or ["$"]
        self._lock = ReadWriteLock()
        self._writing = [Lock() for _ in range(shards.layout.shards)]
        self._deleted: set[int] = set()
        self._closed = False
        self._searching = ThreadPoolExecutor(_SEARCHES, "chroma-search")
        self._recalling = ThreadPoolExecutor(_SEARCHES, "chroma-recall")
        self._calling = ThreadPoolExecutor(_CALLS, "chroma")

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        path: Path | None = None,
        url: str | None = None,
        token: str | None = None,
        embeddings: Embeddings,
        embedding_name: str,
        dimensions: int,
        shards: int = 64,
        timeout: float = 10.0,
        fields: list[str] | None = None,
    ) -> AsyncIterator["ChromaStore"]:
        """Open the store, and close it at the end.

        Args:
            path: data folder of a Chroma in this process; this or `url`.
            url: `http://host:port` of a Chroma server.
            token: bearer token for the server.
            embeddings: the model; its name and size are recorded with the data.
            embedding_name: the model's name in the settings.
            dimensions: length of its vectors.
            shards: number of collections that users are spread over.
            timeout: seconds a server may take to connect, and to answer each call.
            fields: paths that a put embeds unless it says otherwise; the whole value by default.

        Raises:
            StoreBusy: if another process has the data folder open.
            StoreUnavailable: if Chroma cannot be reached.
            StoreMismatch: if the data was written with another model, size or shard count.
        """
        wanted = Layout(shards, embedding_name, dimensions)

        def connect() -> Shards:
            link = ChromaLink.open(path, url, token, timeout)
            try:
                opened = Shards(link, agree(link, wanted))
                tidy(opened)
            except BaseException:  # whatever ended it, the data folder is free again
                link.close()
                raise
            return opened

        store = cls(await asyncio.to_thread(connect), embeddings, fields)
        try:
            yield store
        finally:
            await asyncio.to_thread(store._close)

    def _close(self) -> None:
        with self._lock.alone():
            self._closed = True
            for threads in (self._searching, self._recalling, self._calling):
                threads.shutdown()
            self._shards.link.close()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations; reads see what was there before the batch's puts.

        Raises:
            StoreUnavailable: if Chroma cannot be reached, within the timeout.
        """
        plan = plan_of(ops, self._fields)
        queries = [self._embeddings.embed_query(text) for text in plan.queries]
        documents = self._embeddings.embed_documents(plan.documents) if plan.documents else []
        return self._execute(plan, queries, documents)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`; the model is awaited here, and only Chroma's part runs in a thread."""
        plan = plan_of(ops, self._fields)
        queries = await asyncio.gather(*map(self._embeddings.aembed_query, plan.queries))
        documents = (
            await self._embeddings.aembed_documents(plan.documents) if plan.documents else []
        )
        return await self._called(lambda: self._execute(plan, queries, documents))

    async def anearest_keys(
        self, query: str, wanted: Sequence[Wanted]
    ) -> list[list[tuple[str, float]]]:
        """Search among known keys by meaning, in several namespaces at once, for keys alone.

        Three times as fast as `abatch`, since neither filter nor items are read; one that was
        rewritten this moment is found by what it said before. It must have been put with an index.

        Args:
            query: What is looked for.
            wanted: Namespaces of one first label, the keys known there, and how many of them.

        Raises:
            StoreUnavailable: if Chroma cannot be reached, within the timeout.
        """
        embedded = await self._embeddings.aembed_query(query)
        check_lengths([embedded], self._shards.layout.dimensions)
        vector = np.asarray(embedded, dtype=np.float32)
        return await self._called(
            lambda: self._run(lambda: nearest_keys(self._shards, wanted, vector)), self._recalling
        )

    async def _called(self, call: Callable[[], T], threads: Executor | None = None) -> T:
        if self._closed:
            raise RuntimeError("This ChromaStore is closed.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads or self._calling, call)

    def _execute(
        self, plan: Plan, queries: list[list[float]], documents: list[list[float]]
    ) -> list[Result]:
        vectors = vectors_of(plan, queries, documents, self._shards.layout.dimensions)
        results = self._run(lambda: self._read(plan, vectors))
        self._run(lambda: self._write(plan, vectors))
        return results

    def _run(self, work: Callable[[], T]) -> T:
        """Do something with the shards; rebuild each damaged one once and do it again."""
        rebuilt: set[int] = set()
        while True:
            try:
                with self._lock.shared():
                    if self._closed:
                        raise RuntimeError("This ChromaStore is closed.")
                    return work()
            except ShardDamaged as damage:
                if damage.shard in rebuilt or self._shards.link.path is None:
                    raise
                rebuilt.add(damage.shard)
                self._mend(damage)

    def _mend(self, damage: ShardDamaged) -> None:
        with self._lock.alone():
            if self._closed or self._shards.serving().get(damage.shard) != damage.collection:
                return  # another thread has rebuilt it meanwhile
            _log.warning(
                "Chroma's index of shard %d is damaged (%s): rebuilding it from its rows.",
                damage.shard,
                damage.reason,
            )
            count = rebuild(self._shards, damage.shard, self._embeddings.embed_documents)
            _log.warning("Shard %d has its %d rows again.", damage.shard, count)

    def _read(self, plan: Plan, vectors: Vectors) -> list[Result]:
        results: list[Result] = [None] * plan.size
        for number, item in get_items(self._shards, plan.gets).items():
            results[number] = item
        for number, items in zip(plan.searches, self._search(plan, vectors), strict=True):
            results[number] = items
        for number, listing in plan.listings.items():
            results[number] = list_namespaces(self._shards, listing)
        return results

    def _search(self, plan: Plan, vectors: Vectors) -> Iterable[list[SearchItem]]:
        """Search for all at once: Chroma's own part of it needs no lock of Python's."""

        def one(op: SearchOp) -> list[SearchItem]:
            return search(self._shards, op, vectors.queries[op.query] if op.query else None)

        ops = plan.searches.values()
        return self._searching.map(one, ops) if len(ops) > 1 else map(one, ops)

    def _write(self, plan: Plan, vectors: Vectors) -> None:
        by_shard: dict[int, list[Write]] = defaultdict(list)
        for write in plan.writes.values():
            by_shard[shards_of(self._shards, write.op.namespace)[0]].append(write)
        for shard, writes in by_shard.items():
            with self._writing[shard]:
                if write_items(self._shards, shard, writes, vectors):
                    self._deleted.add(shard)

    async def aclear(self, prefix: Namespace) -> int:
        """Delete all under a namespace prefix, also rows that cannot be read; return how many.

        Args:
            prefix: One label or more.

        Raises:
            StoreUnavailable: if Chroma cannot be reached, within the timeout.
        """
        return await self._called(lambda: self._run(lambda: self._clear(prefix)))

    def _clear(self, prefix: Namespace) -> int:
        shard = shards_of(self._shards, prefix)[0]
        with self._writing[shard]:
            rows = self._shards.ids(shard, within(prefix))
            if rows:
                self._shards.delete(shard, rows)
                self._deleted.add(shard)
        return sum(record_of(row)[1] == 0 for row in rows)

    async def restore(self, items: Sequence[StoredItem]) -> None:
        """Write items as another store has them: with their times, and any vectors they bring.

        Raises:
            StoreMismatch: if the model gives vectors of another length than the layout says.
            StoreUnavailable: if Chroma cannot be reached, within the timeout.
        """
        plan = plan_of_items(items)
        texts = plan.documents
        documents = await self._embeddings.aembed_documents(texts) if texts else []
        vectors = vectors_of(plan, [], documents, self._shards.layout.dimensions)
        await asyncio.to_thread(self._run, lambda: self._restore(items, vectors))

    def _restore(self, items: Sequence[StoredItem], vectors: Vectors) -> None:
        by_shard: dict[int, list[StoredItem]] = defaultdict(list)
        for stored in items:
            by_shard[shards_of(self._shards, stored.item.namespace)[0]].append(stored)
        for shard, part in by_shard.items():
            with self._writing[shard]:
                if restore_items(self._shards, shard, part, vectors):
                    self._deleted.add(shard)

    async def rows(self, *, vectors: bool = False) -> AsyncIterator[StoredItem]:
        """Every item there is, shard by shard, while nothing else writes.

        Args:
            vectors: read the items' vectors too. Without, also a shard whose index is damaged
                is read, from the files of an embedded Chroma.
        """
        for shard in await asyncio.to_thread(self._run, self._shards.existing):
            if vectors:  # mends what is damaged, so that there are vectors to be read
                await asyncio.to_thread(self._run, partial(self._shards.probe, shard))
            pages = await asyncio.to_thread(self._run, partial(pages_of, self._shards, shard))
            while page := await asyncio.to_thread(next, pages, None):
                decoded = [decode(metadata) for _, metadata in page if is_item(metadata)]
                stored = [item for item in decoded if item is not None]
                if vectors:
                    read = partial(with_item_vectors, self._shards, shard, stored)
                    stored = await asyncio.to_thread(self._run, read)
                for item in stored:
                    yield item

    async def count(self) -> int:
        """Number of items, also of a shard whose index is damaged."""
        shards = self._shards
        return await asyncio.to_thread(
            self._run, lambda: sum(items_in(shards, shard) for shard in shards.existing())
        )

    async def check(self) -> list[int]:
        """Make every shard answer, and return the numbers of those that had to be rebuilt.

        Raises:
            StoreUnavailable: if one is damaged on a server, whose files are out of reach.
        """
        return await asyncio.to_thread(self._check)

    def _check(self) -> list[int]:
        before = self._run(self._shards.serving)
        for shard in before:
            self._run(partial(self._shards.probe, shard))
        after = self._run(self._shards.serving)
        return [shard for shard, name in before.items() if after[shard] != name]

    async def purge(self) -> None:
        """Leave no deleted text, and no vector deleted by this process, in the data folder.

        It has the store to itself for a second or two. On a server it does nothing: there
        the folder is the server's, and `chroma vacuum` is for its operator to run.
        """
        await asyncio.to_thread(self._purge)

    def _purge(self) -> None:
        if self._shards.link.path is None:
            return
        with self._lock.alone():
            if self._closed:
                raise RuntimeError("This ChromaStore is closed.")
            while self._deleted:
                shard = min(self._deleted)
                rebuild(self._shards, shard, self._embeddings.embed_documents)
                self._deleted.discard(shard)
            wipe(self._shards)
