"""The journal in one SQLite file of the data dir. Storage only; decisions are in `journal`."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from domain.owner import FIRST_GENERATION, Owner
from stores.journal.backend import ENDED, RawJournal, Write, count_in, generation_name
from stores.journal.journal import Journal
from stores.sqlite.connection import (
    WAIT_SECONDS,
    SqliteConnection,
    cannot_open,
    column,
    first,
    pairs,
)
from stores.sqlite.owner_index import OwnerIndex

# Deleted memories are overwritten on disk, not only unlinked.
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA secure_delete = ON;
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

    async def read(self, owner: Owner, head: str = "") -> RawJournal:
        """Return one consistent reading; summaries are cached in this process, not here."""
        return await self._read(owner, None)

    async def read_generation(self, owner: Owner, generation: str) -> RawJournal:
        """Return one consistent reading of a generation, current or not."""
        return await self._read(owner, generation)

    async def _read(self, owner: Owner, generation: str | None) -> RawJournal:
        asked = {"owner": owner.key, "token": generation, "first": FIRST_GENERATION}
        kinds: dict[str, dict[str, str]] = {"token": {}, "field": {}, "turn": {}}
        for kind, name, text in await self.db.read(lambda db: db.execute(READ, asked).fetchall()):
            kinds[kind][str(name)] = str(text)
        token = next(iter(kinds["token"].values()), None)
        return RawJournal(generation=token, fields=kinds["field"], turns=kinds["turn"])

    async def list_threads(self, owner: Owner, generation: str) -> tuple[int, dict[str, str]]:
        """Return the threads listed apart, by name, and the counter that they are at."""
        at, named = (owner.key, generation), "WHERE owner = ? AND generation = ?"
        moved, threads = await self.db.read(
            lambda db: (
                first(db, f"SELECT value FROM book {named} AND field = 'listed'", *at),
                pairs(db, f"SELECT thread, value FROM listed_threads {named}", *at),
            )
        )
        return count_in({"listed": moved or ""}, "listed"), threads

    async def commit(
        self, owner: Owner, generation: str | None, version: int, write: Write
    ) -> bool:
        """Write, if generation and version are still those; return whether they were."""
        at = (owner.key, generation_name(generation))

        def written(db: sqlite3.Connection) -> bool:
            token, stored = db.execute(STANDING, {"owner": at[0], "name": at[1]}).fetchone()
            if token != generation or version != count_in({"version": stored or ""}, "version"):
                return False
            if stored is None:  # The first write of this generation.
                db.execute("INSERT OR IGNORE INTO generations VALUES (?, ?)", at)
            for table, key, values in (
                ("book", "field", write.fields),
                ("turns", "id", write.turns),
                ("listed_threads", "thread", write.threads),
            ):
                gone = [(*at, name) for name, text in values.items() if text is None]
                db.executemany(
                    f"DELETE FROM {table} WHERE owner = ? AND generation = ? AND {key} = ?", gone
                )
                rows = [(*at, name, text) for name, text in values.items() if text is not None]
                db.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)", rows)
            return True

        return await self.db.write(written)

    async def renew(self, owner: Owner, token: str) -> list[str]:
        """Make `token` the current generation; return the names of all others that exist."""

        def renewed(db: sqlite3.Connection) -> list[str]:
            before = first(db, "SELECT token FROM generation WHERE owner = ?", owner.key)
            db.execute("INSERT OR REPLACE INTO generation VALUES (?, ?)", (owner.key, token))
            db.executemany(
                "INSERT OR IGNORE INTO generations VALUES (?, ?)",
                [(owner.key, generation_name(before)), (owner.key, token)],
            )
            others = "SELECT token FROM generations WHERE owner = ? AND token != ?"
            return column(db, others, owner.key, token)

        return await self.db.write(renewed)

    async def older(self, owner: Owner) -> list[str]:
        """Return the names of the owner's generations that are listed and not current."""
        others = (
            "SELECT generations.token FROM generations JOIN generation USING (owner) "
            "WHERE owner = ? AND generations.token != generation.token"
        )
        return await self.db.read(lambda db: column(db, others, owner.key))

    async def erase(self, owner: Owner, generation: str, *, last: bool = True) -> int:
        """Delete all that a generation's journal holds; return how many turns it held."""
        at = (owner.key, generation)
        named = "WHERE owner = ? AND generation = ?"

        def erased(db: sqlite3.Connection) -> int:
            count = first(db, f"SELECT count(*) FROM turns {named}", *at)
            for table in ("turns", "book", "listed_threads"):
                db.execute(f"DELETE FROM {table} {named}", at)
            if last:
                db.execute("DELETE FROM generations WHERE owner = ? AND token = ?", at)
            else:
                db.execute("INSERT INTO book VALUES (?, ?, ?, '1')", (*at, ENDED))
            return int(count or 0)

        return await self.db.write(erased)

    async def mark(self, name: str, value: str | None = None) -> str | None:
        """Read a mark of the whole installation, after setting it where a value is given."""
        return await self._mark("INSERT OR REPLACE", name, value)

    async def mark_once(self, name: str, value: str) -> str:
        """Return a mark of the whole installation; the first value that is given stays."""
        return await self._mark("INSERT OR IGNORE", name, value) or value

    async def _mark(self, insert: str, name: str, value: str | None) -> str | None:
        def marked(db: sqlite3.Connection) -> str | None:
            if value is not None:
                db.execute(f"{insert} INTO marks VALUES (?, ?)", (name, value))
            return first(db, "SELECT value FROM marks WHERE name = ?", name)

        return await self.db.write(marked)

    async def purge(self) -> None:
        """Leave nothing deleted in free pages or in the write-ahead log."""
        await self.db.alone(lambda db: db.executescript("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);"))

    async def ping(self) -> str:
        """Return what answers, with its version."""
        version = await self.db.read(lambda db: first(db, "SELECT sqlite_version()"))
        return f"SQLite {version}"

    async def count_up(self, owner: Owner, amounts: Mapping[str, int]) -> None:
        """Add to an owner's counters; one that does not exist yet begins at 0."""
        add = (
            "INSERT INTO counts VALUES (?, ?, ?) "
            "ON CONFLICT (owner, name) DO UPDATE SET value = value + excluded.value"
        )
        rows = [(owner.key, name, amount) for name, amount in amounts.items()]
        await self.db.write(lambda db: db.executemany(add, rows))

    async def counts(self, owner: Owner) -> dict[str, int]:
        """Return all counters of an owner; no reset touches them."""
        counted = "SELECT name, value FROM counts WHERE owner = ?"
        values = await self.db.read(lambda db: pairs(db, counted, owner.key))
        return {name: count_in(values, name) for name in values}

    async def drop_counts(self, owner: Owner) -> None:
        """Delete all counters of an owner."""
        delete = "DELETE FROM counts WHERE owner = ?"
        await self.db.write(lambda db: db.execute(delete, (owner.key,)))


@asynccontextmanager
async def open_sqlite_journal(path: Path, seconds: float = WAIT_SECONDS) -> AsyncIterator[Journal]:
    """Open the journal in the file `path`, which is made where it is missing.

    A call waits so many `seconds` for another program that keeps the file locked.

    Raises:
        StoreUnavailable: If the file cannot be opened or is no journal.
    """
    what = "The journal in the data dir"
    opening = SqliteConnection.open(path, what, lambda db: db.executescript(SCHEMA), seconds)
    async with AsyncExitStack() as stack:
        try:
            db = await stack.enter_async_context(opening)
        except (sqlite3.DatabaseError, OSError) as error:
            raise cannot_open(f"The journal {path.name} in the data dir", error) from error
        yield Journal(SqliteJournal(db))
