"""How calls take turns on one SQLite connection, and how its errors are said.

Shared by the journal and the checkpoints; never a table of either.
"""

import asyncio
import sqlite3
from contextlib import suppress
from types import TracebackType

import aiosqlite

from stores.errors import StoreUnavailable

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


class Turns(asyncio.Lock):
    """A lock around a connection's calls: one that fails leaves nothing begun for the next.

    The rollback comes before the lock is given up, so nobody else can commit what was left.
    """

    def __init__(self, connection: aiosqlite.Connection, what: str) -> None:
        """Guard `connection`.

        Args:
            connection: To the database file.
            what: Its name at the beginning of a sentence, such as "The journal in the data dir".
        """
        super().__init__()
        self._connection, self._what = connection, what

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give up the turn.

        Raises:
            StoreUnavailable: If SQLite refused what was done in it.
        """
        try:
            if error is not None:
                # Also after a cancellation: what was asked of the connection still happens.
                # What went wrong first is what is told, not that rolling it back failed too.
                with suppress(sqlite3.Error, ValueError):
                    await self._connection.rollback()
        finally:
            self.release()
        if isinstance(error, sqlite3.DatabaseError):
            raise unavailable(self._what, error) from error


def unavailable(what: str, error: sqlite3.Error) -> StoreUnavailable:
    """Return SQLite's error as one sentence that says what is wrong and what to do.

    Args:
        what: The name of the database at the beginning of a sentence.
        error: What SQLite said.
    """
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    advice = _ADVICE.get(code, "check its disk and permissions")
    return StoreUnavailable(f"{what} cannot be used ({error}): {advice}.")
