"""Promises of the connection to a SQLite file that journal and checkpoints each have."""

import asyncio
import sqlite3
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from stores.errors import StoreUnavailable
from stores.sqlite.connection import SqliteConnection


def _table(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")


def _notes(db: sqlite3.Connection) -> list[str]:
    return [text for (text,) in db.execute("SELECT text FROM notes ORDER BY text")]


def _noting(text: str) -> Callable[[sqlite3.Connection], object]:
    return lambda db: db.execute("INSERT INTO notes VALUES (?)", (text,))


async def test_what_was_asked_for_is_done_though_its_caller_left(tmp_path: Path) -> None:
    async with SqliteConnection.open(tmp_path / "notes.sqlite", "The notes", _table) as db:
        go_on = threading.Event()
        before = asyncio.create_task(db.read(lambda _: go_on.wait(30)))
        for name in ("first", "second"):
            left = asyncio.create_task(db.write(_noting(name)))
            await asyncio.sleep(0)
            left.cancel()
            with pytest.raises(asyncio.CancelledError):
                await left
        go_on.set()
        assert await before
        assert await db.read(_notes) == ["first", "second"]


async def test_a_call_is_done_whole_or_not_at_all(tmp_path: Path) -> None:
    def half(db: sqlite3.Connection) -> None:
        _noting("half")(db)
        db.execute("INSERT INTO nowhere VALUES (1)")

    async with SqliteConnection.open(tmp_path / "notes.sqlite", "The notes", _table) as db:
        with pytest.raises(StoreUnavailable, match="The notes cannot be used"):
            await db.write(half)
        with pytest.raises(ZeroDivisionError):
            await db.write(lambda raw: (_noting("other")(raw), 1 // 0))
        await db.write(_noting("whole"))
        assert await db.read(_notes) == ["whole"]


async def test_nothing_of_the_connection_leaves_its_thread(tmp_path: Path) -> None:
    async with SqliteConnection.open(tmp_path / "notes.sqlite", "The notes", _table) as db:
        left = await db.write(
            lambda raw: raw.execute("INSERT INTO notes VALUES ('a') RETURNING text")
        )
        assert isinstance(left, sqlite3.Cursor)
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            left.fetchone()
        del left
        with pytest.raises(ZeroDivisionError) as failed:
            await db.read(lambda raw: [1 // 0 for _ in raw.execute("SELECT * FROM notes")])
        frames = traceback.walk_tb(failed.value.__traceback__)
        kept = [value for frame, _ in frames for value in frame.f_locals.values()]
        assert not any(isinstance(value, sqlite3.Cursor | sqlite3.Connection) for value in kept)
