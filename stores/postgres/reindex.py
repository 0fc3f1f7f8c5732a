"""Embedding all memories in Postgres anew: beside the vectors in use, until all are done."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
from langchain_core.embeddings import Embeddings
from psycopg import sql

from stores.base_store.backend import NoModel, Written
from stores.base_store.batch import embed, plan_of_items
from stores.base_store.items import Place, StoredItem
from stores.base_store.moving import Move, Side, Target
from stores.postgres.pool import Connection, PostgresLink
from stores.postgres.rows import columns, prefix_of, vectors_in
from stores.postgres.schema import exists, forget_pending, record, recorded
from stores.postgres.store import PostgresStore
from stores.postgres.text import escaped

NEXT = "next_"
_DONE = """
    SELECT prefix, key, min(updated_at) AS updated_at FROM store_vectors_next
    WHERE (prefix, key) IN (SELECT * FROM unnest(%s::text[], %s::text[])) GROUP BY prefix, key
"""
_DROP = """
    DELETE FROM store_vectors_next
    WHERE (prefix, key) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
_ADD = """
    INSERT INTO store_vectors_next (prefix, key, field_name, embedding, created_at, updated_at)
    VALUES (%s, %s, %s, %s, CURRENT_TIMESTAMP, %s)
"""
_SERVE = """
    DELETE FROM store_vectors_next AS n WHERE NOT EXISTS (
        SELECT 1 FROM store AS s
        WHERE s.prefix = n.prefix AND s.key = n.key AND s.updated_at = n.updated_at
    );
    DROP TABLE store_vectors;
    ALTER TABLE store_vectors_next RENAME TO store_vectors;
    ALTER INDEX store_vectors_next_pkey RENAME TO store_vectors_pkey;
    ALTER TABLE store_vectors ADD FOREIGN KEY (prefix, key) REFERENCES store (prefix, key)
        ON DELETE CASCADE;
"""


async def recorded_model(url: str, seconds: float) -> Written | None:
    """Return what the memories were embedded with; None where there are none yet.

    Raises:
        StoreUnavailable: If Postgres cannot be reached.
    """
    link = PostgresLink(url, seconds)
    async with link.alone() as connection:
        try:
            return await recorded(connection)
        except psycopg.Error as error:
            raise link.unavailable(error) from error


@asynccontextmanager
async def reindexing(
    url: str, embeddings: Embeddings, wanted: Written, *, seconds: float
) -> AsyncIterator[Move | None]:
    """Ready a move of all memories to another model; the earlier vectors serve until it is done.

    None where the model is in use already, which also gives up an interrupted move.

    Raises:
        StoreUnavailable: If Postgres cannot be reached; do it again then.
    """
    link = PostgresLink(url, seconds)
    async with link.alone() as connection:
        try:
            current = await recorded(connection)
            if current is None or current == wanted:
                await _drop_next(connection)
                yield None
                return
            async with PostgresStore.open(
                url=url,
                embeddings=NoModel(current.embedding_name),
                embedding_name=current.embedding_name,
                dimensions=current.dimensions,
                timeout=seconds,
            ) as store:
                await _begin(connection, wanted)
                target = _NextVectors(connection, store, embeddings, wanted)
                yield Move(Side(store, notes=True), target)
        except psycopg.Error as error:
            raise link.unavailable(error) from error


async def _begin(connection: Connection, wanted: Written) -> None:
    """Note where the move goes and make its table, or go on with the one there is."""
    pending = await recorded(connection, NEXT)
    if pending == wanted and await exists(connection, "store_vectors_next"):
        return
    async with connection.transaction():
        await _drop_next(connection)
        await connection.execute("CREATE TABLE store_vectors_next (LIKE store_vectors)")
        for statement in (
            sql.SQL("ALTER TABLE store_vectors_next ALTER embedding TYPE vector({})").format(
                sql.Literal(wanted.dimensions)
            ),
            sql.SQL("ALTER TABLE store_vectors_next ADD PRIMARY KEY (prefix, key, field_name)"),
        ):
            await connection.execute(statement)
        await record(connection, wanted, NEXT)


async def _drop_next(connection: Connection) -> None:
    await connection.execute("DROP TABLE IF EXISTS store_vectors_next")
    if await exists(connection, "mnemograph"):
        await forget_pending(connection, NEXT)


class _NextVectors(Target):
    """The vectors of another model; the items stay where they are."""

    def __init__(
        self,
        connection: Connection,
        items: PostgresStore,
        embeddings: Embeddings,
        wanted: Written,
    ) -> None:
        super().__init__(items, notes=True)
        self._connection = connection
        self._embeddings = embeddings
        self._wanted = wanted

    async def lacking(self, items: Sequence[StoredItem]) -> list[StoredItem]:
        """Return the items with texts to embed that are not embedded as they are now."""
        cursor = await self._connection.execute(_DONE, _places(items))
        done = {(row["prefix"], row["key"]): row["updated_at"] for row in await cursor.fetchall()}
        return [s for s in items if s.vectors and done.get(_place(s)) != s.item.updated_at]

    async def restore(self, items: Sequence[StoredItem]) -> None:
        """Embed these items."""
        plan = plan_of_items(items)
        vectors = await embed(plan, self._embeddings, self._wanted.dimensions)
        async with self._connection.transaction(), self._connection.pipeline():
            await self._connection.execute(_DROP, _places(items))
            for stored, write in zip(items, plan.writes.values(), strict=True):
                for field in vectors_in(write, vectors):
                    row = (*_place(stored), *field, stored.item.updated_at)
                    await self._connection.execute(_ADD, row)

    async def delete_all_but(self, places: set[Place]) -> None:
        """Nothing: what has no item any more goes as soon as the vectors serve."""

    async def serve(self) -> None:
        """Let the vectors take over, in one transaction."""
        async with self._connection.transaction():
            await self._connection.execute(_SERVE, prepare=False)
            await record(self._connection, self._wanted)
            await forget_pending(self._connection, NEXT)


def _place(stored: StoredItem) -> tuple[str, str]:
    """Return prefix and key as the tables have them."""
    return prefix_of(stored.item.namespace), escaped(stored.item.key)


def _places(items: Sequence[StoredItem]) -> tuple[list[str], list[str]]:
    return columns((stored.item.namespace, stored.item.key) for stored in items)
