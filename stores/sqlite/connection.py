"""How calls share one SQLite connection, how long they wait, and how its errors are said.

Shared by the journal and the checkpoints; never a table of either.
"""

import asyncio
import sqlite3
from contextlib import suppress
from time import monotonic
from types import TracebackType

import aiosqlite

from stores.errors import StoreUnavailable

WAIT_SECONDS = 5.0
"""How long a call waits for another program, unless the settings say otherwise."""
_ADVICE = {
    sqlite3.SQLITE_FULL: "make room on its disk and try again",
    sqlite3.SQLITE_IOERR: "check that its disk works and has room, and try again",
    sqlite3.SQLITE_READONLY: "let this user write the file and its folder, and try again",
    sqlite3.SQLITE_PERM: "let this user read and write the file, and try again",
    sqlite3.SQLITE_CANTOPEN: "let this user read and write the file and its folder, and try again",
    sqlite3.SQLITE_BUSY: "another program is writing to the file; let it finish, and try again",
    sqlite3.SQLITE_LOCKED: "another program is writing to the file; let it finish, and try again",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; bring it back from a backup",
    sqlite3.SQLITE_NOTADB: "the file is damaged; bring it back from a backup",
}
"""What to do, by SQLite's primary result code."""
_PRIMARY = 0xFF
"""The bits of a result code that say what kind it is; the others say where it happened."""


class ConnectionLock(asyncio.Lock):
    """A lock around a connection's calls: one that fails leaves nothing begun for the next.

    The rollback comes before the lock is given up, so nobody else can commit what was left. Where
    another program kept the file locked for as long as a call may wait, the calls of the next
    seconds do not wait again: a turn that makes seven of them waits once.
    """

    def __init__(
        self, connection: aiosqlite.Connection, what: str, seconds: float = WAIT_SECONDS
    ) -> None:
        """Guard `connection`.

        Args:
            connection: To the database file.
            what: Its name at the beginning of a sentence, such as "The journal in the data dir".
            seconds: How long a call, and after it nobody else, waits for another program.
        """
        super().__init__()
        self._connection, self._what, self._seconds = connection, what, seconds
        self._refused_at: float | None = None

    async def __aenter__(self) -> None:
        """Take the connection, and wait for other programs again once that may have changed."""
        await self.acquire()
        if self._refused_at is not None and monotonic() - self._refused_at > self._seconds:
            self._refused_at = None
            await self._wait(self._seconds)

    async def _wait(self, seconds: float) -> None:
        with suppress(sqlite3.Error, ValueError):  # ValueError: the connection is closed.
            await self._connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the connection up.

        Raises:
            StoreUnavailable: If SQLite refused what was done with it.
        """
        try:
            if error is not None:
                # Also after a cancellation: what was asked of the connection still happens.
                # What went wrong first is what is told, not that rolling it back failed too.
                with suppress(sqlite3.Error, ValueError):
                    await self._connection.rollback()
            if _code(error) == sqlite3.SQLITE_BUSY and self._refused_at is None:
                self._refused_at = monotonic()
                await self._wait(0)
        finally:
            self.release()
        if isinstance(error, sqlite3.DatabaseError):
            raise unavailable(self._what, error) from error


def _code(error: BaseException | None) -> int:
    """Return SQLite's primary result code; 0 where it is no error of SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def unavailable(what: str, error: sqlite3.Error) -> StoreUnavailable:
    """Return SQLite's error as one sentence that says what is wrong and what to do."""
    advice = _ADVICE.get(_code(error), "check its disk and permissions")
    return StoreUnavailable(f"{what} cannot be used ({error}): {advice}.")


def advice_for(error: Exception, otherwise: str) -> str:
    """Return what to do about a file that does not open: `otherwise`, unless it is damaged."""
    damaged = isinstance(error, sqlite3.DatabaseError)
    if damaged and not isinstance(error, sqlite3.OperationalError):
        return "it is damaged: `mnemo doctor` says more; put the folder back from a backup"
    return otherwise
