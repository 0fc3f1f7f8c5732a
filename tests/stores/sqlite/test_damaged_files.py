"""A damaged file ends in a sentence that says what to do about it."""

from pathlib import Path

import pytest

from settings import Settings
from stores.errors import StoreUnavailable
from stores.maintenance.snapshot import snapshot
from stores.open import open_stores

FILES = ["journal.sqlite", "checkpoints.sqlite"]
TOLD = "it is damaged: `mnemo doctor` says more; put the folder back from a backup"


@pytest.mark.parametrize("name", FILES)
async def test_a_damaged_file_is_said_with_the_doctor_and_the_backup(
    tmp_path: Path, name: str
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, chroma_shards=2)
    async with open_stores(settings):
        pass
    (tmp_path / name).write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable, match=TOLD):
        async with open_stores(settings):
            pass


@pytest.mark.parametrize("name", [*FILES, "chroma/chroma.sqlite3"])
async def test_so_it_is_by_commands_that_only_read(tmp_path: Path, name: str) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, chroma_shards=2)
    async with open_stores(settings):
        pass
    (tmp_path / name).write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable, match=TOLD):
        async with snapshot(settings) as copy, open_stores(copy):
            pass
