"""The secret key of an installation, with which it signs its blocks and stamps."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from stores.errors import StoreUnavailable
from stores.journal.backend import JournalBackend

MARK = "delimiter-key"
FILE = "installation.key"


async def installation_key(journal: JournalBackend, data_dir: Path | None) -> bytes:
    """Return the key, made where there is none yet.

    Args:
        journal: Where it lies, for all processes of the installation.
        data_dir: Where embedded stores keep it as a file too, so that it outlives their journal.

    Raises:
        StoreUnavailable: If it can be neither read nor written.
    """
    path = data_dir / FILE if data_dir else None
    in_file = await asyncio.to_thread(_read, path) if path else None
    made = in_file or token_hex(32)
    key = await journal.mark_once(MARK, made)
    if not _is_key(key):  # Another program wrote over it; the journal confirms what it signed.
        key = await journal.mark(MARK, made) or made
    if path and in_file is None:
        await asyncio.to_thread(_write, path, key)
    return bytes.fromhex(in_file or key)


def _read(path: Path) -> str | None:
    try:
        text = path.read_text().strip()
    except (OSError, ValueError):
        return None
    return text if _is_key(text) else None


def _is_key(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) >= 32
    except ValueError:
        return False


def _write(path: Path, key: str) -> None:
    """Write it for this user alone; two processes write the same, since the journal has one."""
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(key)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written ({error.strerror}).") from error
