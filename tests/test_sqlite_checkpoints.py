"""Promises of the SQLite checkpointer alone: what lies on the disk."""

from pathlib import Path

import pytest

from stores.checkpoints import StoreUnavailable
from stores.sqlite_checkpoints import SqliteCheckpoints
from tests.checkpoint_backends import put, thread


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
    with pytest.raises(StoreUnavailable, match=r"checkpoints\.db cannot be opened \(.+\): check"):
        async with SqliteCheckpoints.open(path):
            pass
