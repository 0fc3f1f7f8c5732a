"""LangGraph's own Postgres store, corrected where it loses values or leaves rows behind.

Its tables, migrations and statements are used; what they promise is kept. Embeds nothing itself.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NamedTuple

from langchain_core.embeddings import Embeddings
from langgraph.store.base import Op, PutOp, Result, SearchOp
from langgraph.store.postgres import AsyncPostgresStore
from langgraph.store.postgres.base import Migration
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool

Connections = AsyncConnection[DictRow] | AsyncConnectionPool[AsyncConnection[DictRow]]
QueryVectors = Mapping[str, list[float]]

_ROWS = 1_000
"""Items written by one statement: each takes four of the 65,535 parameters it may have."""

_queries: ContextVar[QueryVectors] = ContextVar("queries")

_DROP_VECTORS = """
    DELETE FROM store_vectors AS old USING unnest(%s::text[], %s::text[]) AS put (prefix, key)
    WHERE old.prefix = put.prefix AND old.key = put.key
"""
_ADD_VECTOR = """
    INSERT INTO store_vectors (prefix, key, field_name, embedding) VALUES (%s, %s, %s, %s)
    ON CONFLICT (prefix, key, field_name) DO UPDATE
    SET embedding = EXCLUDED.embedding, updated_at = CURRENT_TIMESTAMP
"""
_SET_TIMES = "UPDATE store SET created_at = %s, updated_at = %s WHERE prefix = %s AND key = %s"


class FieldVector(NamedTuple):
    """The vector of one text of an item."""

    namespace: tuple[str, ...]
    key: str
    field: str
    """Path of the text in the value, with its number where the path names several."""
    vector: list[float] | None
    """None where the model knows nothing of the text: it is kept, so that another model may."""


class _Prepared(Embeddings):
    """Hands out the vectors of a search, made before a connection was taken for it."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors = _queries.get()
        return [vectors[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.embed_documents(texts)


class LibraryStore(AsyncPostgresStore):
    """The library's store with exact filters, times and deletions.

    - A search by meaning compares every vector under its prefix. With an index over all owners'
      vectors the nearest ones of all are found first, and those of other namespaces among them
      are then dropped, so an owner's own would be missing.
    - A listing is in the order of writing, ties broken, so pages neither repeat nor skip items.
    - A put replaces the vectors of what was there before.
    """

    def __init__(self, connections: Connections, dimensions: int) -> None:
        """Use `connections` for vectors of `dimensions` numbers."""
        super().__init__(
            connections,
            # Asked only where a row holds no object, so by another program: the item is empty.
            deserializer=lambda _value: {},
            index={
                "dims": dimensions,
                "embed": _Prepared(),
                "ann_index_config": {"kind": "flat"},
            },
        )
        # The library's asynchronous set-up overlooks these conditions, and fails without an index.
        self.VECTOR_MIGRATIONS = [
            each if each.condition is None or each.condition(self) else Migration("SELECT 1")
            for each in type(self).VECTOR_MIGRATIONS
        ]

    async def aclose(self) -> None:
        """End the library's background task; the connections are whoever's opened them."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def read(self, ops: Sequence[Op], queries: QueryVectors) -> list[Result]:
        """Answer gets, searches and listings of namespaces."""
        before = _queries.set(queries)
        try:
            return await self.abatch(ops)
        finally:
            _queries.reset(before)

    async def write(
        self,
        puts: Sequence[PutOp],
        vectors: Sequence[FieldVector],
        times: Sequence[tuple[datetime, datetime]] = (),
    ) -> None:
        """Write and delete items in one transaction.

        Args:
            puts: One a key, always in the same order, or two writers wait for each other.
            vectors: All vectors of the items that are written.
            times: When each was created and updated; none: now.
        """
        statements: list[tuple[str, Sequence[Any]]] = []
        for start in range(0, len(puts), _ROWS):
            part = [(0, put._replace(index=False)) for put in puts[start : start + _ROWS]]
            statements += self._prepare_batch_PUT_queries(part)[0]
        written = [put for put in puts if put.value is not None]
        prefixes = [".".join(put.namespace) for put in written]
        statements.append((_DROP_VECTORS, (prefixes, [put.key for put in written])))
        statements += [
            (_ADD_VECTOR, (".".join(vector.namespace), vector.key, vector.field, vector.vector))
            for vector in vectors
        ]
        statements += [
            (_SET_TIMES, (created, updated, ".".join(put.namespace), put.key))
            for (created, updated), put in zip(times, puts, strict=bool(times))
        ]
        # What is sent between two synchronizations of a pipeline is one transaction.
        async with self._cursor(pipeline=True) as cursor:
            for statement, parameters in statements:
                await cursor.execute(statement, parameters)

    def _prepare_batch_search_queries(
        self, search_ops: Sequence[tuple[int, SearchOp]]
    ) -> tuple[list[tuple[str, list[Any]]], list[tuple[int, str]]]:
        """Order what the library leaves to chance, and look at every vector."""
        statements, requests = super()._prepare_batch_search_queries(search_ops)
        by_meaning = {number for number, _ in requests}
        exact: list[tuple[str, list[Any]]] = []
        for number, (statement, parameters) in enumerate(statements):
            if number in by_meaning:
                statement = _instead(
                    statement,
                    "ORDER BY score DESC",
                    "ORDER BY score DESC NULLS LAST, uniq.created_at, uniq.prefix, uniq.key",
                )
                *others, _, limit, offset = parameters
                exact.append((statement, [*others, None, limit, offset]))
            else:
                statement = _instead(
                    statement,
                    "ORDER BY store.updated_at DESC",
                    "ORDER BY store.created_at, store.prefix, store.key",
                )
                exact.append((statement, parameters))
        return exact, requests


def _instead(statement: str, clause: str, better: str) -> str:
    if statement.count(clause) != 1:
        raise RuntimeError(
            f"The statements of the installed langgraph-checkpoint-postgres lack `{clause}`: "
            "install the version that Mnemograph was tested with."
        )
    return statement.replace(clause, better)
