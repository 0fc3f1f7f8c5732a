"""Long-term memory in Chroma: a complete `BaseStore`, embedded or over HTTP.

Ties the parts together: plan a batch, embed its texts, then read and write the shards in a
thread. What a row looks like, how shards are called and mended lies in the modules beside.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from threading import Lock
from typing import TypeVar, Unpack

import numpy as np
from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, Op, Result, SearchItem, SearchOp

from stores.base_store.batch import Plan, Vectors, Write, embed, plan_of, plan_of_items, vectors_of
from stores.base_store.items import Namespace, Place, StoredItem, Times, check_lengths
from stores.chroma.client import Address, ChromaLink
from stores.chroma.layout import Layout, agree
from stores.chroma.repair import items_in, pages_of, tidy
from stores.chroma.rows import decode, is_item, record_of, within
from stores.chroma.search import (
    Wanted,
    get_items,
    list_namespaces,
    nearest_keys,
    search,
    shards_of,
)
from stores.chroma.shard_guard import ShardGuard
from stores.chroma.shards import Shards
from stores.chroma.write import write_items

T = TypeVar("T")

_SEARCHES = 8
"""Searches of all batches together that run at the same time."""
_CALLS = 16
"""Calls that run at the same time, beside a turn's own search by meaning.

Not in the threads of the event loop, which are six on two cores: what is remembered of thirty
conversations at once would keep their turns waiting.
"""


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

    def __init__(self, shards: Shards, embeddings: Embeddings) -> None:
        """Use `open`."""
        self._shards = shards
        self._embeddings = embeddings
        self._dimensions = shards.layout.dimensions
        self._guard = ShardGuard(shards, embeddings.embed_documents)
        self._writing = [Lock() for _ in range(shards.layout.shards)]
        self._deleted: set[int] = set()
        self._searching = ThreadPoolExecutor(_SEARCHES, "chroma-search")
        self._recalling = ThreadPoolExecutor(_SEARCHES, "chroma-recall")
        self._calling = ThreadPoolExecutor(_CALLS, "chroma")

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        embeddings: Embeddings,
        embedding_name: str,
        dimensions: int,
        shards: int = 64,
        **place: Unpack[Address],
    ) -> AsyncIterator["ChromaStore"]:
        """Open the store, and close it at the end.

        Args:
            embeddings: the model; its name and size are recorded with the data.
            embedding_name: the model's name in the settings.
            dimensions: length of its vectors.
            shards: number of collections that users are spread over.
            place: where Chroma is: `path`, or `url` with `token` and `timeout`.

        Raises:
            StoreBusy: if another process has the data folder open.
            StoreUnavailable: if Chroma cannot be reached.
            StoreMismatch: if the data was written with another model, size or shard count.
        """
        wanted = Layout(embedding_name, dimensions, shards)

        def connect() -> Shards:
            link = ChromaLink.open(**place)
            try:
                opened = Shards(link, agree(link, wanted))
                tidy(opened)
            except BaseException:  # whatever ended it, the data folder is free again
                link.close()
                raise
            return opened

        store = cls(await asyncio.to_thread(connect), embeddings)
        try:
            yield store
        finally:
            await asyncio.to_thread(store._close)

    def _close(self) -> None:
        self._guard.close()
        for threads in (self._searching, self._recalling, self._calling):
            threads.shutdown()
        self._shards.link.close()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations; reads see what was there before the batch's puts.

        Raises:
            StoreUnavailable: if Chroma cannot be reached, within the timeout.
        """
        plan = plan_of(ops)
        queries = [self._embeddings.embed_query(text) for text in plan.queries]
        documents = self._embeddings.embed_documents(plan.documents) if plan.documents else []
        return self._execute(plan, vectors_of(plan, queries, documents, self._dimensions))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`; the model is awaited here, and only Chroma's part runs in a thread."""
        plan = plan_of(ops)
        vectors = await embed(plan, self._embeddings, self._dimensions)
        return await self._called(lambda: self._execute(plan, vectors))

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
        check_lengths([embedded], self._dimensions)
        vector = np.asarray(embedded, dtype=np.float32)
        look = partial(nearest_keys, self._shards, wanted, vector)
        return await self._called(partial(self._guard.run, look), self._recalling)

    async def _called(self, call: Callable[[], T], threads: Executor | None = None) -> T:
        self._guard.check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads or self._calling, call)

    def _execute(self, plan: Plan, vectors: Vectors) -> list[Result]:
        results = self._guard.run(lambda: self._read(plan, vectors))
        self._guard.run(lambda: self._write(plan, vectors, {}))
        return results

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

        def items_of(op: SearchOp) -> list[SearchItem]:
            return search(self._shards, op, vectors.queries[op.query] if op.query else None)

        ops = plan.searches.values()
        return self._searching.map(items_of, ops) if len(ops) > 1 else map(items_of, ops)

    def _write(self, plan: Plan, vectors: Vectors, times: Mapping[Place, Times]) -> None:
        by_shard: dict[int, list[Write]] = defaultdict(list)
        for write in plan.writes.values():
            by_shard[shards_of(self._shards, write.op.namespace)[0]].append(write)
        for shard, writes in by_shard.items():
            with self._writing[shard]:
                if write_items(self._shards, shard, writes, vectors, times):
                    self._deleted.add(shard)

    async def aclear(self, prefix: Namespace) -> int:
        """Delete all under a namespace prefix, also rows that cannot be read; return how many.

        Raises:
            StoreUnavailable: if Chroma cannot be reached, within the timeout.
        """
        return await self._called(lambda: self._guard.run(lambda: self._clear(prefix)))

    def _clear(self, prefix: Namespace) -> int:
        shard = shards_of(self._shards, prefix)[0]
        with self._writing[shard]:
            rows = self._shards.ids(shard, within(prefix))
            if rows:
                self._shards.delete(shard, rows)
                self._deleted.add(shard)
        return sum(record_of(row)[1] == 0 for row in rows)

    async def restore(self, items: Sequence[StoredItem]) -> None:
        """Write items as another store has them, with their times; they are embedded anew.

        Raises:
            StoreMismatch: if the model gives vectors of another length than the layout says.
            StoreUnavailable: if Chroma cannot be reached, within the timeout.
        """
        plan = plan_of_items(items)
        vectors = await embed(plan, self._embeddings, self._dimensions)
        times = {
            (item.namespace, item.key): (item.created_at, item.updated_at) for item, *_ in items
        }
        await asyncio.to_thread(self._guard.run, lambda: self._write(plan, vectors, times))

    async def rows(self) -> AsyncIterator[StoredItem]:
        """Every item there is, shard by shard, while nothing else writes.

        Also those of a shard whose index is damaged, from the files of an embedded Chroma.
        """
        for shard in await asyncio.to_thread(self._guard.run, self._shards.existing):
            pages = await asyncio.to_thread(self._guard.run, partial(pages_of, self._shards, shard))
            while page := await asyncio.to_thread(next, pages, None):
                for _, row in page:
                    if is_item(row) and (stored := decode(row)) is not None:
                        yield stored

    async def count(self) -> int:
        """Number of items, also of a shard whose index is damaged."""
        sizes = partial(items_in, self._shards)
        return await asyncio.to_thread(
            self._guard.run, lambda: sum(map(sizes, self._shards.existing()))
        )

    async def purge(self) -> None:
        """Leave no deleted text, and no vector deleted by this process, in the data folder.

        It has the store to itself for a second or two. On a server it does nothing: there
        the folder is the server's, and `chroma vacuum` is for its operator to run.
        """
        await asyncio.to_thread(self._guard.purge, self._deleted)
