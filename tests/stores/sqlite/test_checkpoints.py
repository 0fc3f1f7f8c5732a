"""Promises of the SQLite checkpointer alone: what lies on the disk, and what a bad one does."""

import asyncio
import json
import logging
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from service.cli.talk import Talk
from service.conversation import Conversation
from service.turn_report import report_of
from stores.errors import StoreUnavailable
from stores.sqlite.checkpoints import SqliteCheckpoints
from tests.support.house import Open
from tests.support.stores.checkpoint_backends import fill, put, thread, values

LONG = "and so on " * 5000
FULL = (
    "The thread checkpoints in the data dir cannot be used (database or disk is full): "
    "make room on its disk and try again."
)


@pytest.fixture
async def saver(tmp_path: Path) -> AsyncIterator[SqliteCheckpoints]:
    """Return a checkpointer that keeps the checkpoints of two turns."""
    async with SqliteCheckpoints.open(tmp_path / "checkpoints.db", keep_turns=2) as saver:
        yield saver


async def pragma(saver: SqliteCheckpoints, text: str) -> Any:
    row = await saver.db.alone(lambda db: db.execute(f"PRAGMA {text}").fetchone())
    return row and row[0]


async def _script(saver: SqliteCheckpoints, text: str) -> None:
    await saver.db.alone(lambda db: db.executescript(text))


async def fill_disk(saver: SqliteCheckpoints) -> None:
    """Leave the database no page more than it has."""
    await pragma(saver, f"max_page_count = {await pragma(saver, 'page_count')}")


async def make_room(saver: SqliteCheckpoints) -> None:
    await pragma(saver, "max_page_count = 1000000")


async def test_a_deleted_thread_is_gone_from_the_disk_too(tmp_path: Path) -> None:
    async with SqliteCheckpoints.open(tmp_path / "made" / "checkpoints.db") as saver:
        for number in range(50):
            await put(saver, thread("t"), f"secret {number} " * 200)
            await put(saver, thread("u"), "harmless " * 200)
        await saver.adelete_thread("t")
        on_disk = b"".join(file.read_bytes() for file in (tmp_path / "made").iterdir())
        assert b"secret" not in on_disk
        assert b"harmless" in on_disk


@pytest.mark.parametrize("content", ["not a database", None])
async def test_a_file_that_cannot_be_opened_is_said_in_one_sentence(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "checkpoints.db"
    if content:
        path.write_text(content * 100)
    else:
        path.mkdir()
    told = r"checkpoints\.db cannot be opened \(.+\): (check|it is damaged)"
    with pytest.raises(StoreUnavailable, match=told):
        async with SqliteCheckpoints.open(path):
            pass


# A disk that is full, or whose file cannot be used


Call = Callable[[SqliteCheckpoints], Coroutine[Any, Any, object]]
WRITES: dict[str, Call] = {
    "aput": lambda saver: put(saver, thread("t"), LONG),
    "aput_writes": lambda saver: _write_two(saver),
    "acopy_thread": lambda saver: saver.acopy_thread("t", "u"),
}
CALLS: dict[str, Call] = WRITES | {
    "aget_tuple": lambda saver: saver.aget_tuple(thread("t")),
    "alist": lambda saver: values(saver, thread("t")),
    "adelete_thread": lambda saver: saver.adelete_thread("t"),
    "adelete_for_runs": lambda saver: saver.adelete_for_runs(["run"]),
    "aprune": lambda saver: saver.aprune(["t"]),
}


async def _write_two(saver: SqliteCheckpoints) -> None:
    found = await saver.aget_tuple(thread("t"))
    assert found is not None
    await saver.aput_writes(found.config, [("said", "short"), ("said", LONG)], "other")


async def _held(saver: SqliteCheckpoints) -> list[Any]:
    return [
        (found.config, found.checkpoint, found.pending_writes) async for found in saver.alist(None)
    ]


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES.keys())
async def test_a_full_disk_is_said_in_one_sentence_and_nothing_is_stored_half(
    saver: SqliteCheckpoints, call: Call
) -> None:
    await fill(saver, "t")
    if call is WRITES["acopy_thread"]:
        await put(saver, thread("t"), LONG)
    before = await _held(saver)
    await fill_disk(saver)
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as refused:
            await call(saver)
        assert str(refused.value) == FULL
        assert await _held(saver) == before
    await make_room(saver)
    await fill(saver, "other")
    assert {thread: held for thread, held in await _by_thread(saver) if thread != "other"} == {
        "t": before
    }
    await call(saver)
    assert len(str(await _held(saver))) > len(str(before)) + len(LONG)


async def _by_thread(saver: SqliteCheckpoints) -> list[tuple[str, list[Any]]]:
    found: dict[str, list[Any]] = {}
    for one in await _held(saver):
        found.setdefault(one[0]["configurable"]["thread_id"], []).append(one)
    return list(found.items())


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES.keys())
async def test_a_file_that_may_not_be_written_says_so(saver: SqliteCheckpoints, call: Call) -> None:
    await fill(saver, "t")
    await pragma(saver, "query_only = ON")
    with pytest.raises(StoreUnavailable, match=r"readonly database\): let this user write"):
        await call(saver)
    assert await values(saver, thread("t")) == ["t"]


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES.keys())
async def test_a_file_that_another_program_keeps_locked_says_so(
    saver: SqliteCheckpoints, tmp_path: Path, call: Call
) -> None:
    await fill(saver, "t")
    await pragma(saver, "busy_timeout = 50")
    with closing(sqlite3.connect(tmp_path / "checkpoints.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"locked\): another program is writing"):
            await call(saver)
        other.execute("ROLLBACK")
    await call(saver)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_damaged_file_is_said_in_one_sentence_whatever_is_asked(
    tmp_path: Path, call: Call
) -> None:
    path = tmp_path / "checkpoints.db"
    async with SqliteCheckpoints.open(path) as saver:
        await fill(saver, "t")
    with path.open("r+b") as file:
        page = int.from_bytes(file.read(18)[16:], "big")
        file.seek(page)
        file.write(b"?" * (path.stat().st_size - page))
    async with SqliteCheckpoints.open(path) as saver:
        with pytest.raises(StoreUnavailable, match=r"malformed\): the file is damaged") as said:
            await call(saver)
        assert str(said.value).endswith(".") and "\n" not in str(said.value)


async def test_a_write_that_failed_halfway_is_not_completed_by_the_next_one(
    saver: SqliteCheckpoints,
) -> None:
    await fill(saver, "t")
    before = await _held(saver)
    await _script(
        saver,
        "CREATE TRIGGER stop AFTER INSERT ON writes WHEN length(new.value) > 10000 "
        "BEGIN SELECT RAISE(FAIL, 'no more'); END",
    )
    failing = asyncio.create_task(_write_two(saver))
    others = [asyncio.create_task(fill(saver, f"u{number}")) for number in range(5)]
    with pytest.raises(StoreUnavailable, match="no more"):
        await failing
    await asyncio.gather(*others)
    assert dict(await _by_thread(saver))["t"] == before


async def test_a_checkpoint_is_stored_though_older_ones_cannot_be_pruned(
    saver: SqliteCheckpoints, caplog: pytest.LogCaptureFixture
) -> None:
    await _script(
        saver,
        "CREATE TRIGGER keep BEFORE DELETE ON checkpoints BEGIN SELECT RAISE(ABORT, 'kept'); END",
    )
    at = thread("t")
    with caplog.at_level(logging.WARNING):
        for number in range(4):
            at = await put(saver, at, number, source="input", step=number)
    assert await values(saver, thread("t")) == [3, 2, 1, 0]
    assert "Old checkpoints of a thread are still there" in caplog.text
    await _script(saver, "DROP TRIGGER keep")
    await put(saver, at, 4, source="input", step=4)
    assert await values(saver, thread("t")) == [4, 3]


@pytest.mark.parametrize("backend", [{}], ids=["embedded"])
async def test_a_conversation_goes_on_once_the_checkpoints_have_room_again(
    open_house: Open,
) -> None:
    async with open_house() as house:
        saver = house.parts.stores.checkpointer
        conversation, talk = Conversation(house.parts), Talk(Owner("alex"), "t")
        await report_of(talk.turn(conversation, "Let us speak of mark1"))
        await fill_disk(saver)
        long = "Let us speak of mark2 " + "and so on " * 800
        for _ in range(2):
            assert (await report_of(talk.turn(conversation, long))).error == FULL
        await make_room(saver)
        assert (await report_of(talk.turn(conversation, long))).error is None
        assert (await report_of(talk.turn(conversation, "Let us speak of mark3"))).error is None
        assert house.shown() == {"mark1", "mark2", "mark3"}
        state = await house.graph.aget_state(house.config())
        said = [m.text[:21] for m in state.values["messages"] if m.type == "human"]
        assert said == [f"Let us speak of mark{number}" for number in (1, 2, 3)]


@pytest.mark.deep
def test_a_process_whose_files_may_not_grow_goes_on_when_they_may_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.stores.full_disk", str(tmp_path)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    for turn in (said["full"], said["still full"]):
        assert "cannot be used (disk I/O error): check that its disk works" in turn["error"]
    assert said["before"]["error"] is said["after"]["error"] is said["asked"]["error"] is None
    assert "peanuts" in said["asked"]["reply"]
    assert said["thread"] == [
        "I am allergic to peanuts",
        "My sister is called Anna",
        "What am I allergic to?",
    ]
    alone = said["alone"]
    assert len(alone["refused"]) == 4 and all("checkpoints" in text for text in alone["refused"])
    assert (alone["read"], alone["held"], alone["writes"]) == (["before"], ["after", "before"], [])
