"""Embedding all memories in Postgres anew: beside the vectors in use, until all are done.

What is done already is found by comparing times, so an interrupted move goes on where it stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from langchain_core.embeddings import Embeddings
from psycopg import sql

from stores.base_store.items import check_lengths, usable
from stores.postgres.pool import Connection, PostgresLink
from stores.postgres.schema import Embedded, exists, forget_pending, record, recorded
from stores.postgres.text import path_and_text, restored, unescaped

Progress = Callable[[int, int], None]
NEXT = "next_"
_PAGE = 50
"""Items embedded in one request, and written in one transaction."""

_ITEMS = """
    SELECT prefix, key, value, updated_at,
        ARRAY(SELECT field_name FROM store_vectors AS v
            WHERE v.prefix = store.prefix AND v.key = store.key) AS fields,
        ARRAY(SELECT field_name FROM store_vectors_next AS n
            WHERE n.prefix = store.prefix AND n.key = store.key
            AND n.updated_at = store.updated_at) AS done
    FROM store WHERE (prefix, key) > (%s, %s) ORDER BY prefix, key LIMIT %s
"""
_SERVE = """
    DELETE FROM store_vectors_next AS n
        WHERE NOT EXISTS (SELECT 1 FROM store AS s WHERE s.prefix = n.prefix AND s.key = n.key);
    DROP TABLE store_vectors;
    ALTER TABLE store_vectors_next RENAME TO store_vectors;
    ALTER INDEX store_vectors_next_pkey RENAME TO store_vectors_pkey;
    ALTER TABLE store_vectors ADD FOREIGN KEY (prefix, key) REFERENCES store (prefix, key)
        ON DELETE CASCADE;
"""


@dataclass(frozen=True)
class _Item:
    prefix: str
    key: str
    updated: Any
    texts: dict[str, str]
    """Field to its text."""


async def recorded_model(url: str, seconds: float) -> Embedded | None:
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


async def embed_anew(
    url: str, embeddings: Embeddings, wanted: Embedded, *, seconds: float, progress: Progress
) -> int:
    """Embed every memory with another model; the earlier vectors serve until all are done.

    Args:
        url: `postgresql://...`
        embeddings: The model to move to.
        wanted: Its name and dimensions.
        seconds: How long the server may take to let us in.
        progress: Told the number of items done, and of all, after every page.

    Returns:
        Number of items; 0 where the model was in use already.

    Raises:
        StoreUnavailable: If Postgres cannot be reached; call it again then.
        StoreMismatch: If the model gives vectors of another length than it was said to.
    """
    link = PostgresLink(url, seconds)
    async with link.alone() as connection:
        try:
            current = await recorded(connection)
            if current is None or current == wanted:
                await _drop_next(connection)
                return 0
            await _begin(connection, wanted)
            done = await _copy(connection, embeddings, wanted, progress)
            async with connection.transaction():
                await connection.execute(_SERVE, prepare=False)
                await record(connection, wanted)
                await forget_pending(connection, NEXT)
            return done
        except psycopg.Error as error:
            raise link.unavailable(error) from error


async def _begin(connection: Connection, wanted: Embedded) -> None:
    """Note where the move goes and make its table, or go on with the one there is."""
    if await recorded(connection, NEXT) == wanted and await exists(
        connection, "store_vectors_next"
    ):
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


async def _copy(
    connection: Connection, embeddings: Embeddings, wanted: Embedded, progress: Progress
) -> int:
    counted = await (await connection.execute("SELECT count(*) AS items FROM store")).fetchone()
    total, done, after = (counted or {})["items"], 0, ("", "")
    while True:
        page = await (await connection.execute(_ITEMS, (*after, _PAGE))).fetchall()
        if not page:
            return done
        missing = [row for row in page if sorted(row["fields"]) != sorted(row["done"])]
        if missing:
            await _embed(connection, embeddings, wanted, [_item(row) for row in missing])
        after = (page[-1]["prefix"], page[-1]["key"])
        done += len(page)
        progress(done, total)


def _item(row: dict[str, Any]) -> _Item:
    value = restored(row["value"])
    texts = {field: path_and_text(unescaped(field), value)[1] for field in row["fields"]}
    return _Item(row["prefix"], row["key"], row["updated_at"], texts)


async def _embed(
    connection: Connection, embeddings: Embeddings, wanted: Embedded, items: list[_Item]
) -> None:
    texts = list(dict.fromkeys(text for item in items for text in item.texts.values()))
    given = await embeddings.aembed_documents(texts) if texts else []
    check_lengths(given, wanted.dimensions)
    vectors = dict(zip(texts, map(usable, given), strict=True))
    async with connection.transaction(), connection.pipeline():
        for item in items:
            await connection.execute(
                "DELETE FROM store_vectors_next WHERE prefix = %s AND key = %s",
                (item.prefix, item.key),
            )
            for field, text in item.texts.items():
                vector = vectors[text]
                await connection.execute(
                    "INSERT INTO store_vectors_next (prefix, key, field_name, embedding, "
                    "created_at, updated_at) VALUES (%s, %s, %s, %s, CURRENT_TIMESTAMP, %s)",
                    (
                        *(item.prefix, item.key, field),
                        None if vector is None else vector.tolist(),
                        item.updated,
                    ),
                )
