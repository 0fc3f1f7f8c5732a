"""One SQLite connection on a thread of its own, how long calls wait, and how its errors are said.

Shared by the journal and the checkpoints; never a table of either.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from traceback import clear_frames
from typing import Self, TypeVar

from stores.errors import StoreUnavailable

T = TypeVar("T")
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


class SqliteConnection:
    """A database file whose calls take turns on one thread, each a transaction in one trip there.

    A call that fails leaves nothing begun for the next. Where another program kept the file locked
    for as long as a call may wait, the calls of the next seconds do not wait again: a turn that
    makes several of them waits once.
    """

    def __init__(self, what: str, seconds: float = WAIT_SECONDS) -> None:
        """Make one that is to be opened.

        Args:
            what: Its name at the beginning of a sentence, such as "The journal in the data dir".
            seconds: How long a call, and after it nobody else, waits for another program.
        """
        self._what, self._seconds = what, seconds
        self._thread = ThreadPoolExecutor(1, "sqlite")
        self._refused_at: float | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        what: str,
        prepare: Callable[[sqlite3.Connection], object],
        seconds: float = WAIT_SECONDS,
    ) -> AsyncIterator[Self]:
        """Open the file at `path`, made with its folder if missing, and close it at the end.

        Args:
            path: The file.
            what: Its name at the beginning of a sentence.
            prepare: Makes its tables, new or not.
            seconds: How long a call waits for another program.

        Raises:
            OSError: If its folder cannot be made.
            sqlite3.Error: If it cannot be opened or prepared.
        """
        self = cls(what, seconds)
        try:
            await self._on_thread(lambda: self._connect(path, prepare))
            yield self
        finally:
            await self._on_thread(self._close)
            self._thread.shutdown(wait=False)

    def _connect(self, path: Path, prepare: Callable[[sqlite3.Connection], object]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.raw = sqlite3.connect(path, isolation_level=None, timeout=self._seconds)
        prepare(self.raw)

    def _close(self) -> None:
        if hasattr(self, "raw"):
            self.raw.close()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        # What was asked for is done, also where its caller is cancelled meanwhile.
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._thread, work))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` finds, all in one consistent reading.

        Raises:
            StoreUnavailable: If SQLite refused any of it.
        """
        return await self._together(work, "BEGIN")

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do all of `work`, or none of it, and return what it returns.

        Raises:
            StoreUnavailable: If SQLite refused any of it.
        """
        return await self._together(work, "BEGIN IMMEDIATE")

    async def alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` outside of a transaction: what SQLite refuses within one.

        Raises:
            StoreUnavailable: If SQLite refused it.
        """
        return await self._together(work, None)

    async def _together(self, work: Callable[[sqlite3.Connection], T], begin: str | None) -> T:
        # No cursor leaves the thread, nor in the frames of an error: it would reset its statement
        # from another one when it is let go of, while that may be at work again.
        def done() -> T:
            self._wait_again()
            try:
                if begin is not None:
                    self.raw.execute(begin)
                result = work(self.raw)
                if isinstance(result, sqlite3.Cursor):
                    result.close()
                self.raw.commit()
            except BaseException as error:
                # What went wrong first is what is told, not that rolling it back failed too.
                with suppress(sqlite3.Error):
                    self.raw.rollback()
                self._note_refusal(error)
                clear_frames(error.__traceback__)
                raise
            return result

        try:
            return await self._on_thread(done)
        except sqlite3.DatabaseError as error:
            raise unavailable(self._what, error) from error

    def _wait_again(self) -> None:
        """Wait for other programs again, once that may have changed."""
        if self._refused_at is not None and monotonic() - self._refused_at > self._seconds:
            self._refused_at = None
            self._wait(self._seconds)

    def _note_refusal(self, error: BaseException) -> None:
        if _code(error) == sqlite3.SQLITE_BUSY and self._refused_at is None:
            self._refused_at = monotonic()
            self._wait(0)

    def _wait(self, seconds: float) -> None:
        with suppress(sqlite3.Error):
            self.raw.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def pairs(db: sqlite3.Connection, sql: str, *args: str) -> dict[str, str]:
    """Return the rows of a question by their first column."""
    return {str(key): str(value) for key, value in db.execute(sql, args)}


def column(db: sqlite3.Connection, sql: str, *args: str) -> list[str]:
    """Return the first column of the rows of a question."""
    return [str(row[0]) for row in db.execute(sql, args)]


def first(db: sqlite3.Connection, sql: str, *args: str) -> str | None:
    """Return the first value of the first row of a question; None where there is none."""
    return next(iter(column(db, sql, *args)), None)


def _code(error: BaseException | None) -> int:
    """Return SQLite's primary result code; 0 where it is no error of SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def unavailable(what: str, error: sqlite3.Error) -> StoreUnavailable:
    """Return SQLite's error as one sentence that says what is wrong and what to do."""
    advice = _ADVICE.get(_code(error), "check its disk and permissions")
    return StoreUnavailable(f"{what} cannot be used ({error}): {advice}.")


def cannot_open(what: str, error: Exception) -> StoreUnavailable:
    """Return why a file does not open as one sentence that says what to do."""
    advice = advice_for(error, "check the folder, its permissions and its disk")
    return StoreUnavailable(f"{what} cannot be opened ({error}): {advice}.")


def advice_for(error: Exception, otherwise: str) -> str:
    """Return what to do about a file that does not open: `otherwise`, unless it is damaged."""
    damaged = isinstance(error, sqlite3.DatabaseError)
    if damaged and not isinstance(error, sqlite3.OperationalError):
        return "it is damaged: `mnemo doctor` says more; put the folder back from a backup"
    return otherwise
