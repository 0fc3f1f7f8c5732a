"""Long-term memory in Postgres: a complete `BaseStore` over LangGraph's own, on a pool.

Ties the parts together: plan a batch, embed its texts, then let the library's store read and
write. What Postgres is asked, and how it is reached, lies in the modules beside.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, Op, Result
from psycopg import sql

from stores.base_store.batch import Plan, Vectors, embed, plan_of, plan_of_items
from stores.base_store.items import Namespace, StoredItem
from stores.postgres.library import LibraryStore
from stores.postgres.pool import PostgresLink
from stores.postgres.rows import answer_of, reads_of, stored, stored_item, stored_prefix, vectors_in
from stores.postgres.schema import Embedded, prepare

_PAGE = 500
"""Rows read at once when all are read."""

_CLEAR = "DELETE FROM store WHERE prefix = %s OR starts_with(prefix, %s) RETURNING key"

_ROWS = """
    SELECT prefix, key, value, created_at, updated_at, ARRAY(
        SELECT field_name FROM store_vectors AS v
        WHERE v.prefix = store.prefix AND v.key = store.key ORDER BY field_name
    ) AS fields
    FROM store WHERE (prefix, key) > (%s, %s) ORDER BY prefix, key LIMIT %s
"""


class PostgresStore(BaseStore):
    """Items in Postgres, found by key, by filter and by meaning.

    A search by meaning returns the items that have a vector, with the cosine similarity (0 to 1)
    of their best one; every vector under the prefix is compared. Items keep until they are
    deleted; there is no time to live.

    Example:
        async with PostgresStore.open(
            url="postgresql://...", embeddings=model, embedding_name="wordllama", dimensions=256
        ) as store:
            await store.aput(("user", "facts"), "f1", {"text": "likes tea"}, index=["text"])
            await store.asearch(("user",), query="what to drink?")
    """

    def __init__(self, link: PostgresLink, embeddings: Embeddings, dimensions: int) -> None:
        """Use `open`."""
        self._link = link
        self._embeddings = embeddings
        self._dimensions = dimensions
        self._library = LibraryStore(link.pool, dimensions)
        self._loop = asyncio.get_running_loop()
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        url: str,
        embeddings: Embeddings,
        embedding_name: str,
        dimensions: int,
        timeout: float = 10.0,
    ) -> AsyncIterator["PostgresStore"]:
        """Open the store, making or upgrading its tables where that is due.

        Args:
            url: `postgresql://...`; its database needs the extension pgvector.
            embeddings: The model; its name and size are recorded with the data.
            embedding_name: The model's name in the settings.
            dimensions: Length of its vectors.
            timeout: Seconds a call may take, with all its waiting.

        Raises:
            StoreUnavailable: If Postgres cannot be reached, or has no pgvector.
            StoreMismatch: If the data was written with another model or size.
        """
        link = PostgresLink(url, timeout)
        async with link.alone() as connection:
            await prepare(connection, link.place, Embedded(embedding_name, dimensions))
        async with link.open():
            store = cls(link, embeddings, dimensions)
            try:
                yield store
            finally:
                store._closed = True
                await store._library.aclose()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """As `abatch`, for another thread than that of the event loop the store was opened on.

        Raises:
            RuntimeError: In that thread, which would wait for itself.
            StoreUnavailable: If Postgres cannot be reached, within the timeout.
        """
        if not self._loop.is_running() or _running() is self._loop:
            raise RuntimeError(
                "This PostgresStore belongs to an event loop: await `abatch` there, or call "
                "`batch` from another thread while it runs."
            )
        return asyncio.run_coroutine_threadsafe(self.abatch(ops), self._loop).result()

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations; reads see what was there before the batch's puts.

        The puts of a batch are one transaction.

        Raises:
            StoreUnavailable: If Postgres cannot be reached, within the timeout.
        """
        self._check_open()
        plan = plan_of(ops)
        # Before a connection is taken: a slow model must not keep one.
        vectors = await embed(plan, self._embeddings, self._dimensions)
        return await self._link.run(lambda: self._answer(plan, vectors))

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("This PostgresStore is closed.")

    async def _answer(self, plan: Plan, vectors: Vectors) -> list[Result]:
        results: list[Result] = [
            [] if number in plan.searches else None for number in range(plan.size)
        ]
        asked = reads_of(plan)
        queries = {text: vector.tolist() for text, vector in vectors.queries.items()}
        if asked:
            results_read = await self._library.read(list(asked.values()), queries)
            for number, result in zip(asked, results_read, strict=True):
                results[number] = answer_of(plan, number, result)
        if plan.writes:
            writes = [plan.writes[place] for place in sorted(plan.writes)]
            fields = [vector for write in writes for vector in vectors_in(write, vectors)]
            await self._library.write([stored(write) for write in writes], fields)
        return results

    async def aclear(self, prefix: Namespace) -> int:
        """Delete all under a namespace prefix, also rows that cannot be read; return how many.

        Raises:
            StoreUnavailable: If Postgres cannot be reached, within the timeout.
        """
        start = stored_prefix(prefix)
        return len(await self._select(_CLEAR, (start, f"{start}.")))

    async def restore(self, items: Sequence[StoredItem]) -> None:
        """Write items as another store has them, with their times; they are embedded anew.

        Raises:
            StoreMismatch: If the model gives vectors of another length than the store was told.
            StoreUnavailable: If Postgres cannot be reached, within the timeout.
        """
        self._check_open()
        plan = plan_of_items(items)
        vectors = await embed(plan, self._embeddings, self._dimensions)
        writes = list(plan.writes.values())
        fields = [field for write in writes for field in vectors_in(write, vectors)]
        times = [(item.created_at, item.updated_at) for item, *_ in items]
        puts = [stored(write) for write in writes]
        await self._link.run(lambda: self._library.write(puts, fields, times))

    async def rows(self) -> AsyncIterator[StoredItem]:
        """Every item there is, while nothing else writes."""
        after = ("", "")
        while page := await self._select(_ROWS, (*after, _PAGE)):
            for row in page:
                yield stored_item(row)
            after = (page[-1]["prefix"], page[-1]["key"])

    async def count(self) -> int:
        """Number of items."""
        (row,) = await self._select("SELECT count(*) AS items FROM store", ())
        return int(row["items"])

    async def purge(self) -> None:
        """Let go of the space of what was deleted; who is at it already is not waited for.

        The server's log and its backups keep what was deleted for as long as they are kept.
        """
        self._check_open()
        async with self._link.alone() as connection:
            await connection.execute("VACUUM (SKIP_LOCKED) store, store_vectors")

    async def _select(self, query: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        self._check_open()

        async def ask() -> list[dict[str, Any]]:
            async with self._link.pool.connection() as connection:
                return await (await connection.execute(sql.SQL(query), parameters)).fetchall()

        return await self._link.run(ask)


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
