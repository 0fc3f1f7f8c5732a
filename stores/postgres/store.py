"""Long-term memory in Postgres: a complete `BaseStore` over the tables of LangGraph's own.

Ties the parts together: plan a batch, embed its texts, then read and write on a pool. What Postgres
is asked, and how it is reached, lies in the modules beside.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import Any

from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, Op, Result
from psycopg.types.json import Jsonb

from stores.base_store.backend import Written
from stores.base_store.batch import Plan, Vectors, embed, plan_of, plan_of_items
from stores.base_store.filters import choose_namespaces, literal_prefix
from stores.base_store.items import Namespace, Place, StoredItem, Times, times_of
from stores.postgres import statements as sql
from stores.postgres.pool import Connection, PostgresLink
from stores.postgres.rows import (
    columns,
    found,
    item_of,
    namespace_of,
    prefix_of,
    searched,
    stored_item,
    under,
    vectors_in,
)
from stores.postgres.schema import prepare
from stores.postgres.text import escaped, storable

_PAGE = 500
"""Rows read at once when all are read."""


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
            await prepare(connection, link.place, Written(embedding_name, dimensions))
        async with link.open():
            store = cls(link, embeddings, dimensions)
            try:
                yield store
            finally:
                store._closed = True

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
        return await self._link.run(lambda: self._answer(plan, vectors, {}))

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("This PostgresStore is closed.")

    async def _answer(
        self, plan: Plan, vectors: Vectors, times: Mapping[Place, Times]
    ) -> list[Result]:
        async with self._link.pool.connection() as connection:
            results = await _read(connection, plan, vectors)
            if plan.writes:
                await _write(connection, plan, vectors, times)
        return results

    async def aclear(self, prefix: Namespace) -> int:
        """Delete all under a namespace prefix, also rows that cannot be read; return how many.

        Raises:
            StoreUnavailable: If Postgres cannot be reached, within the timeout.
        """
        return len(await self._select(sql.CLEAR, under(prefix)))

    async def restore(self, items: Sequence[StoredItem]) -> None:
        """Write items as another store has them, with their times; they are embedded anew.

        Raises:
            StoreMismatch: If the model gives vectors of another length than the store was told.
            StoreUnavailable: If Postgres cannot be reached, within the timeout.
        """
        self._check_open()
        plan = plan_of_items(items)
        vectors = await embed(plan, self._embeddings, self._dimensions)
        times = times_of(items)
        await self._link.run(lambda: self._answer(plan, vectors, times))

    async def rows(self) -> AsyncIterator[StoredItem]:
        """Every item there is, while nothing else writes."""
        after = ("", "")
        while page := await self._select(sql.ROWS, (*after, _PAGE)):
            for row in page:
                yield stored_item(row)
            after = (page[-1]["prefix"], page[-1]["key"])

    async def count(self) -> int:
        """Number of items."""
        (row,) = await self._select(sql.COUNT)
        return int(row["items"])

    async def purge(self) -> None:
        """Let go of the space of what was deleted; who is at it already is not waited for.

        The server's log and its backups keep what was deleted for as long as they are kept.
        """
        self._check_open()
        async with self._link.alone() as connection:
            await connection.execute("VACUUM (SKIP_LOCKED) store, store_vectors")

    async def _select(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        self._check_open()

        async def ask() -> list[dict[str, Any]]:
            async with self._link.pool.connection() as connection:
                return await (await connection.execute(query, parameters)).fetchall()

        return await self._link.run(ask)


async def _read(connection: Connection, plan: Plan, vectors: Vectors) -> list[Result]:
    """Answer gets, searches and listings of namespaces, which are all sent at once."""
    places = {number: (op.namespace, op.key) for number, op in plan.gets.items()}
    searches = {number: op for number, op in plan.searches.items() if op.limit > 0}
    results: list[Result] = [[] if at in plan.searches else None for at in range(plan.size)]
    ask = connection.execute
    async with connection.pipeline():
        got = await ask(sql.GET, columns(places.values())) if places else None
        hits = [
            await ask(sql.NEAREST if op.query else sql.SEARCH, searched(op, vectors))
            for op in searches.values()
        ]
        prefixes = [
            await ask(sql.NAMESPACES, under(literal_prefix(op.match_conditions)))
            for op in plan.listings.values()
        ]
        items = [item_of(row) for row in await got.fetchall()] if got else []
        by_place = {(item.namespace, item.key): item for item in items}
        for number, place in places.items():
            results[number] = by_place.get(place)
        for (number, op), answer in zip(searches.items(), hits, strict=True):
            results[number] = found(op, await answer.fetchall())
        for (number, listing), answer in zip(plan.listings.items(), prefixes, strict=True):
            namespaces = [namespace_of(row["prefix"]) for row in await answer.fetchall()]
            results[number] = choose_namespaces(listing, namespaces)
    return results


async def _write(
    connection: Connection, plan: Plan, vectors: Vectors, times: Mapping[Place, Times]
) -> None:
    """Write and delete items in one transaction.

    Always in the same order, or two writers would wait for each other.
    """
    rows: dict[str, list[Sequence[Any]]] = {}
    for place, write in sorted(plan.writes.items(), key=itemgetter(0)):
        at = prefix_of(place[0]), escaped(place[1])
        if write.op.value is None:
            rows.setdefault(sql.DELETE, []).append(at)
            continue
        item = *at, Jsonb(storable(write.op.value)), *times.get(place, ())
        rows.setdefault(sql.RESTORE if place in times else sql.PUT, []).append(item)
        rows.setdefault(sql.DROP_VECTORS, []).append(at)
        added = [(*at, *vector) for vector in vectors_in(write, vectors)]
        rows.setdefault(sql.ADD_VECTOR, []).extend(added)
    async with connection.pipeline(), connection.transaction(), connection.cursor() as cursor:
        for statement in (sql.DELETE, sql.PUT, sql.RESTORE, sql.DROP_VECTORS, sql.ADD_VECTOR):
            if rows.get(statement):
                await cursor.executemany(statement, rows[statement])


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
