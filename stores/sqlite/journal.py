"""The journal in one SQLite file of the data dir. Storage only; decisions are in `journal`."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from domain.owner import FIRST_GENERATION, Owner
from stores.errors import StoreUnavailable
from stores.journal.backend import ENDED, RawJournal, Write, count_in, generation_name
from stores.journal.journal import Journal
from stores.sqlite.connection import WAIT_SECONDS, advice_for
from stores.sqlite.owner_index import OwnerIndex

SCHEMA = """
CREATE TABLE IF NOT EXISTS generation (owner TEXT PRIMARY KEY, token TEXT);
CREATE TABLE IF NOT EXISTS generations (owner TEXT, token TEXT, PRIMARY KEY (owner, token));
CREATE TABLE IF NOT EXISTS book (
    owner TEXT, generation TEXT, field TEXT, value TEXT, PRIMARY KEY (owner, generation, field)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS turns (
    owner TEXT, generation TEXT, id TEXT, value TEXT, PRIMARY KEY (owner, generation, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listed_threads (
    owner TEXT, generation TEXT, thread TEXT, value TEXT, PRIMARY KEY (owner, generation, thread)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS threads (thread TEXT PRIMARY KEY, owner TEXT);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS counts (
    owner TEXT, name TEXT, value INTEGER, PRIMARY KEY (owner, name)
) WITHOUT ROWID;
"""


READ = """
WITH at (owner, token) AS (
    SELECT :owner, coalesce(:token, (SELECT token FROM generation WHERE owner = :owner)))
SELECT 'token', NULL, token FROM at WHERE token IS NOT NULL
UNION ALL SELECT 'field', field, value FROM at JOIN book
    ON book.owner = at.owner AND book.generation = coalesce(at.token, :first)
UNION ALL SELECT 'turn', id, value FROM at JOIN turns
    ON turns.owner = at.owner AND turns.generation = coalesce(at.token, :first)
"""
"""One statement, so one consistent reading and one trip to the connection's thread."""
STANDING = """
SELECT (SELECT token FROM generation WHERE owner = :owner),
    (SELECT value FROM book WHERE owner = :owner AND generation = :name AND field = 'version')
"""


class SqliteJournal(OwnerIndex):
    """A `JournalBackend` on one connection; calls take turns on it."""

    async def _generation(self, owner: Owner) -> str | None:
        return await self._value("SELECT token FROM generation WHERE owner = ?", owner.key)

    async def _read(self, owner: Owner, generation: str | None) -> RawJournal:
        asked = {"owner": owner.key, "token": generation, "first": FIRST_GENERATION}
        async with self._lock:
            rows = await self._db.execute_fetchall(READ, asked)
        kinds: dict[str, dict[str, str]] = {"token": {}, "field": {}, "turn": {}}
        for kind, name, value in rows:
            kinds[kind][str(name)] = str(value)
        token = next(iter(kinds["token"].values()), None)
        return RawJournal(generation=token, fields=kinds["field"], turns=kinds["turn"])

    async def read(self, owner: Owner, head: str = "") -> RawJournal:
        """Return one consistent reading; summaries are cached in this process, not here."""
        return await self._read(owner, None)

    async def read_generation(self, owner: Owner, generation: str) -> RawJournal:
        """Return one consistent reading of a generation, current or not."""
        return await self._read(owner, generation)

    async def list_threads(self, owner: Owner, generation: str) -> tuple[int, dict[str, str]]:
        """Return the threads listed apart, by name, and the counter that they are at."""
        at = (owner.key, generation)
        async with self._transaction("BEGIN"):
            moved = await self._value(
                "SELECT value FROM book WHERE owner = ? AND generation = ? AND field = 'listed'",
                *at,
            )
            threads = await self._pairs(
                "SELECT thread, value FROM listed_threads WHERE owner = ? AND generation = ?", *at
            )
        return count_in({"listed": moved or ""}, "listed"), threads

    async def commit(
        self, owner: Owner, generation: str | None, version: int, write: Write
    ) -> bool:
        """Write, if generation and version are still those; return whether they were."""
        at = (owner.key, generation_name(generation))
        async with self._transaction():
            named = {"owner": owner.key, "name": at[1]}
            ((token, stored),) = await self._db.execute_fetchall(STANDING, named)
            if token != generation or version != count_in({"version": stored or ""}, "version"):
                return False
            if stored is None:  # The first write of this generation.
                await self._db.execute("INSERT OR IGNORE INTO generations VALUES (?, ?)", at)
            for table, key, values in (
                ("book", "field", write.fields),
                ("turns", "id", write.turns),
                ("listed_threads", "thread", write.threads),
            ):
                gone = [(*at, name) for name, value in values.items() if value is None]
                if gone:
                    delete = f"DELETE FROM {table} WHERE owner = ? AND generation = ? AND {key} = ?"
                    await self._db.executemany(delete, gone)
                rows = [(*at, name, value) for name, value in values.items() if value is not None]
                if rows:
                    insert = f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)"
                    await self._db.executemany(insert, rows)
        return True

    async def renew(self, owner: Owner, token: str) -> list[str]:
        """Make `token` the current generation; return the names of all others that exist."""
        async with self._transaction():
            before = await self._generation(owner)
            await self._db.execute(
                "INSERT OR REPLACE INTO generation VALUES (?, ?)", (owner.key, token)
            )
            await self._db.executemany(
                "INSERT OR IGNORE INTO generations VALUES (?, ?)",
                [(owner.key, generation_name(before)), (owner.key, token)],
            )
            others = "SELECT token FROM generations WHERE owner = ? AND token != ?"
            return await self._column(others, owner.key, token)

    async def older(self, owner: Owner) -> list[str]:
        """Return the names of the owner's generations that are listed and not current."""
        async with self._lock:
            return await self._column(
                "SELECT generations.token FROM generations JOIN generation USING (owner) "
                "WHERE owner = ? AND generations.token != generation.token",
                owner.key,
            )

    async def erase(self, owner: Owner, generation: str, *, last: bool = True) -> int:
        """Delete all that a generation's journal holds; return how many turns it held."""
        at = (owner.key, generation)
        async with self._transaction():
            count = await self._value(
                "SELECT count(*) FROM turns WHERE owner = ? AND generation = ?", *at
            )
            for table in ("turns", "book", "listed_threads"):
                await self._db.execute(
                    f"DELETE FROM {table} WHERE owner = ? AND generation = ?", at
                )
            if last:
                await self._db.execute("DELETE FROM generations WHERE owner = ? AND token = ?", at)
            else:
                await self._db.execute("INSERT INTO book VALUES (?, ?, ?, '1')", (*at, ENDED))
        return int(count or 0)

    async def mark(self, name: str, value: str | None = None) -> str | None:
        """Read a mark of the whole installation, after setting it where a value is given."""
        async with self._transaction():
            if value is not None:
                await self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))
            return await self._value("SELECT value FROM marks WHERE name = ?", name)

    async def mark_once(self, name: str, value: str) -> str:
        """Return a mark of the whole installation; the first value that is given stays."""
        async with self._transaction():
            await self._db.execute("INSERT OR IGNORE INTO marks VALUES (?, ?)", (name, value))
            return await self._value("SELECT value FROM marks WHERE name = ?", name) or value

    async def purge(self) -> None:
        """Leave nothing deleted in free pages or in the write-ahead log."""
        async with self._lock:
            await self._db.execute("VACUUM")
            await self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def ping(self) -> str:
        """Return what answers, with its version."""
        async with self._lock:
            return f"SQLite {await self._value('SELECT sqlite_version()')}"

    async def count_up(self, owner: Owner, amounts: Mapping[str, int]) -> None:
        """Add to an owner's counters; one that does not exist yet begins at 0."""
        async with self._transaction():
            await self._db.executemany(
                "INSERT INTO counts VALUES (?, ?, ?) "
                "ON CONFLICT (owner, name) DO UPDATE SET value = value + excluded.value",
                [(owner.key, name, amount) for name, amount in amounts.items()],
            )

    async def counts(self, owner: Owner) -> dict[str, int]:
        """Return all counters of an owner; no reset touches them."""
        async with self._lock:
            values = await self._pairs("SELECT name, value FROM counts WHERE owner = ?", owner.key)
        return {name: count_in(values, name) for name in values}

    async def drop_counts(self, owner: Owner) -> None:
        """Delete all counters of an owner."""
        async with self._transaction():
            await self._db.execute("DELETE FROM counts WHERE owner = ?", (owner.key,))


@asynccontextmanager
async def open_sqlite_journal(path: Path, seconds: float = WAIT_SECONDS) -> AsyncIterator[Journal]:
    """Open the journal in the file `path`, which is made where it is missing.

    A call waits so many `seconds` for another program that keeps the file locked.

    Raises:
        StoreUnavailable: If the file cannot be opened or is no journal.
    """
    connection = aiosqlite.connect(path, isolation_level=None, timeout=seconds)
    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await connection
        # Deleted memories are overwritten on disk, not only unlinked.
        await connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;" + SCHEMA
        )
    except (sqlite3.DatabaseError, OSError) as error:
        await connection.close()
        advice = advice_for(error, "check the folder, its permissions and its disk")
        raise StoreUnavailable(
            f"The journal {path.name} in the data dir cannot be opened ({error}): {advice}."
        ) from error
    try:
        yield Journal(SqliteJournal(connection, seconds))
    finally:
        await connection.close()
