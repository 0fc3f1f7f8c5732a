"""The tables of long-term memory in Postgres: made and upgraded once, by one process at a time.

Also the record of what the memories were embedded with. Nothing here reads or writes a memory.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import psycopg
from langgraph.store.postgres import AsyncPostgresStore
from langgraph.store.postgres.base import Migration
from psycopg import sql

from stores.base_store.backend import Written
from stores.errors import StoreMismatch, StoreUnavailable
from stores.postgres.pool import ADMIN_SECONDS, Connection, reason

_LOCK = int.from_bytes(blake2b(b"mnemograph", digest_size=8).digest(), signed=True)
_RECORD = "CREATE TABLE mnemograph (name text PRIMARY KEY, value text NOT NULL)"


@dataclass(frozen=True)
class Server:
    """What answers, and what is in it."""

    version: str
    """Of Postgres, as it tells it."""
    pgvector: str | None
    """Version of the extension, installed or to be had; None where there is none."""
    written: Written | None
    """What the memories were embedded with; None where there are none yet."""


async def look(connection: Connection, place: str) -> Server:
    """Look at a database without making anything.

    Raises:
        StoreUnavailable: If it is of no use.
    """
    try:
        await _check_database(connection, place)
        row = await _row(
            connection,
            "SELECT current_setting('server_version') AS version, (SELECT "
            "coalesce(installed_version, default_version) FROM pg_available_extensions "
            "WHERE name = 'vector') AS pgvector",
        )
        version = str(row["version"]).partition(" ")[0]
        return Server(version, row["pgvector"], await recorded(connection))
    except psycopg.Error as error:
        raise _refused(error, place) from error


async def prepare(connection: Connection, place: str, wanted: Written) -> None:
    """Make or upgrade the tables where that is due, and check what they were embedded with.

    Raises:
        StoreMismatch: If the memories were embedded with another model, or the tables are those
            of another program.
        StoreUnavailable: If the tables cannot be made; the text says what is missing.
    """
    try:
        await _check_database(connection, place)
        current = await recorded(connection)
        if current is not None:
            current.check(wanted)
        async with _library(connection, (current or wanted).dimensions) as library:
            if current is None or not await _is_current(connection, library):
                await _set_up(connection, place, library, wanted)
    except psycopg.Error as error:
        raise _refused(error, place) from error
    except TimeoutError as error:
        raise StoreUnavailable(
            f"Another process has been setting up the tables at {place} for too long: look at it."
        ) from error


@asynccontextmanager
async def _library(connection: Connection, dimensions: int) -> AsyncIterator[AsyncPostgresStore]:
    """Give LangGraph's own store, for its tables and their migrations alone."""
    store = AsyncPostgresStore(
        connection,
        # Nothing is embedded by it; and no index over all vectors, see `statements`.
        index={"dims": dimensions, "embed": lambda _: [], "ann_index_config": {"kind": "flat"}},
    )
    # Its asynchronous set-up overlooks these conditions, and fails without an index.
    store.VECTOR_MIGRATIONS = [
        each if each.condition is None or each.condition(store) else Migration("SELECT 1")
        for each in store.VECTOR_MIGRATIONS
    ]
    try:
        yield store
    finally:
        if store._task is not None:  # It would wait for operations for ever.
            store._task.cancel()
            with suppress(asyncio.CancelledError):
                await store._task


async def recorded(connection: Connection, prefix: str = "") -> Written | None:
    """Return what the memories were embedded with; None where there are none yet."""
    if not await exists(connection, "mnemograph"):
        return None
    cursor = await connection.execute("SELECT name, value FROM mnemograph")
    values = {row["name"]: row["value"] for row in await cursor.fetchall()}
    if f"{prefix}embedding_name" not in values:
        return None
    return Written(values[f"{prefix}embedding_name"], int(values[f"{prefix}dimensions"]))


async def record(connection: Connection, written: Written, prefix: str = "") -> None:
    """Note what the memories are embedded with, in one statement."""
    await connection.execute(
        "INSERT INTO mnemograph (name, value) VALUES (%s, %s), (%s, %s) "
        "ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
        (
            f"{prefix}embedding_name",
            written.embedding_name,
            f"{prefix}dimensions",
            str(written.dimensions),
        ),
    )


async def forget_pending(connection: Connection, prefix: str) -> None:
    """Note that no other model is being moved to."""
    names = [f"{prefix}embedding_name", f"{prefix}dimensions"]
    await connection.execute("DELETE FROM mnemograph WHERE name = ANY(%s)", (names,))


async def _check_database(connection: Connection, place: str) -> None:
    row = await _row(
        connection,
        "SELECT current_schema() AS schema, current_setting('server_encoding') AS encoding",
    )
    if row["schema"] is None:
        raise StoreUnavailable(
            f"Postgres at {place} has none of the schemas of its search_path: create one."
        )
    if row["encoding"] != "UTF8":
        raise StoreUnavailable(
            f"The database at {place} is encoded in {row['encoding']}, which cannot hold every "
            "text: create one WITH ENCODING 'UTF8'."
        )


async def _is_current(connection: Connection, library: AsyncPostgresStore) -> bool:
    """Return whether every migration of the installed library has been applied."""
    for table, migrations in (
        ("store_migrations", library.MIGRATIONS),
        ("vector_migrations", library.VECTOR_MIGRATIONS),
    ):
        if not await exists(connection, table):
            return False
        query = sql.SQL("SELECT max(v) AS version FROM {}").format(sql.Identifier(table))
        version = (await _row(connection, query))["version"]
        if version is None or version < len(migrations) - 1:
            return False
    return True


async def _set_up(
    connection: Connection, place: str, library: AsyncPostgresStore, wanted: Written
) -> None:
    """Make the tables while no other process does."""
    async with asyncio.timeout(ADMIN_SECONDS):
        # Asked for again and again: one statement that waits would hold a snapshot, and the
        # index that the other process makes waits for every snapshot to end.
        while True:
            row = await _row(connection, "SELECT pg_try_advisory_lock(%s) AS ours", (_LOCK,))
            if row["ours"]:
                break
            await asyncio.sleep(0.05)
    try:
        current = await recorded(connection)
        if current is None:
            await _begin(connection, place, wanted)
        else:
            current.check(wanted)
        await library.setup()
    finally:
        if not connection.closed:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


async def _begin(connection: Connection, place: str, wanted: Written) -> None:
    """Leave the record first: tables without it belong to another program."""
    if await exists(connection, "store"):
        raise StoreMismatch(
            f"The database at {place} holds the LangGraph store of another program: give "
            "Mnemograph a database of its own, or a schema (?options=-csearch_path%3Dmnemo)."
        )
    async with connection.transaction():
        await connection.execute(_RECORD)
        await record(connection, wanted)


async def exists(connection: Connection, table: str) -> bool:
    """Return whether the schema in use has a table of this name."""
    row = await _row(
        connection,
        "SELECT to_regclass(quote_ident(current_schema()) || '.' || %s) IS NOT NULL AS there",
        (table,),
    )
    return bool(row["there"])


async def _row(
    connection: Connection, query: sql.Composed | Any, parameters: tuple[Any, ...] = ()
) -> dict[str, Any]:
    row = await (await connection.execute(query, parameters)).fetchone()
    return row or {}


def _refused(error: psycopg.Error, place: str) -> StoreUnavailable:
    why = reason(error)
    if 'extension "vector"' in why and error.sqlstate in ("0A000", "58P01"):
        how = "install pgvector there (https://github.com/pgvector/pgvector)"
    elif error.sqlstate == "42501":
        how = (
            "let its role create tables, or have its owner run `CREATE EXTENSION vector` and open "
            "Mnemograph once"
        )
    else:
        how = "start it, or correct MNEMO_POSTGRES_URL"
    return StoreUnavailable(f"The tables of Mnemograph cannot be used at {place} ({why}): {how}.")
