"""A copy of the data dir for whoever only reads: beside a process that writes, or on a locked disk.

What is done to the copy goes with it, and the data dir itself is never written to.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from settings import Settings
from stores.errors import StoreUnavailable
from stores.journal.installation_key import FILE as KEY
from stores.sqlite.connection import advice_for

_LOGS = ("-wal", "-journal")
"""What SQLite keeps beside a file while it is written to, or after a crash."""
_ATTEMPTS = 5
"""Copies made of Chroma until one was not written to meanwhile; a torn index is rebuilt."""
_ORDER = ("journal.sqlite", "checkpoints.sqlite")
"""The journal is read before the episodes, so that no turn is missing in both."""


@asynccontextmanager
async def snapshot(settings: Settings) -> AsyncIterator[Settings]:
    """Copy the embedded stores that the settings name; give settings that name the copy.

    Needs no lock, so it works beside a process that holds the data dir, and makes nothing where
    there is nothing yet. Takes as much room in the folder for temporary files as the stores do.

    Raises:
        StoreUnavailable: If they cannot be read, or there is no room for the copy.
    """
    with TemporaryDirectory(prefix="mnemo-", ignore_cleanup_errors=True) as folder:
        try:
            await asyncio.to_thread(_copy, settings, Path(folder))
        except (OSError, sqlite3.Error) as error:
            room = f"{Path(folder).parent} has room for a copy of it"
            advice = advice_for(error, f"check its permissions, and that {room}")
            raise StoreUnavailable(
                f"The data dir {settings.data_dir} cannot be read ({error}): {advice}."
            ) from error
        try:
            yield settings.model_copy(update={"data_dir": Path(folder)})
        except StoreUnavailable as error:
            said = str(error).replace(folder, str(settings.data_dir))
            raise StoreUnavailable(said) from error


def _copy(settings: Settings, target: Path) -> None:
    source = settings.data_dir
    if source.exists():
        list(source.iterdir())  # A file in its place is no folder without memories.
    if settings.redis_url is None:
        for name in _ORDER:
            _copy_database(source / name, target / name)
        if (source / KEY).exists():
            shutil.copyfile(source / KEY, target / KEY)
    chroma = source / "chroma"
    if chroma.is_dir() and not (settings.chroma_url or settings.postgres_url):
        _copy_chroma(chroma, target / "chroma")


def _copy_chroma(source: Path, target: Path) -> None:
    for _ in range(_ATTEMPTS):
        before = _written(source)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        _copy_database(source / "chroma.sqlite3", target / "chroma.sqlite3", logged=False)
        for file in source.glob("*/*"):  # Without their modes: the copy is written to.
            (target / file.parent.name).mkdir(exist_ok=True)
            shutil.copyfile(file, target / file.parent.name / file.name)
        if _written(source) == before:
            return


def _written(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return when each file was written to last, and its size."""
    stats = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}


def _copy_database(source: Path, target: Path, *, logged: bool = True) -> None:
    """Copy a SQLite database as it is between two transactions.

    Args:
        source: Its file.
        target: That of the copy.
        logged: Whether it has a write-ahead log. Where nobody uses such a one, to open it as
            usual would leave files behind.
    """
    if not source.exists():
        return
    idle = logged and not source.with_name(f"{source.name}-wal").exists()
    location = f"{source.absolute().as_uri()}?{'immutable=1' if idle else 'mode=ro'}"
    try:
        with (
            closing(sqlite3.connect(location, uri=True)) as database,
            closing(sqlite3.connect(target)) as copy,
        ):
            database.backup(copy)
    except sqlite3.OperationalError:
        # A disk that takes no lock files: nobody writes there, and the copy repairs itself.
        for end in ("", *_LOGS):
            log = source.with_name(source.name + end)
            if log.exists():
                shutil.copyfile(log, target.with_name(target.name + end))
