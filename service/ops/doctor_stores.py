"""The doctor's rows about stores: data dir, journal, checkpoints, long-term memory, owners.

Nothing is made where nothing is yet, and of a data dir a copy is looked at.
"""

import asyncio
import os
import sqlite3
from contextlib import AsyncExitStack, aclosing, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from langgraph.store.base import BaseStore

from models.embeddings.open import open_embeddings
from models.errors import ModelSettingsError
from models.open import character_models
from nodes.generate import LEARNED
from nodes.remembering.read_messages import DROPPED, UNREADABLE
from service.ops.damaged_rows import check_damaged
from service.ops.doctor import Check, State, Work, because
from service.ops.doctor_redis import check_redis
from service.ops.sweep import SWEPT, lost_owners
from settings import Settings
from stores.errors import StoreMismatch, StoreUnavailable
from stores.journal.journal import Journal
from stores.long_term import backend_of, open_long_term
from stores.maintenance.snapshot import snapshot
from stores.open import going_on
from stores.redis.connection import connect
from stores.redis.journal import open_redis_journal
from stores.sqlite.journal import open_sqlite_journal

SWEEP_LATE = timedelta(days=2)


def checks_of(settings: Settings) -> list[tuple[str, Work]]:
    """Return the checks of the stores that the settings name."""
    redis = settings.redis_url is not None
    first: list[tuple[str, Work]] = [("data dir", check_data_dir)]
    if redis:
        first.append(("redis", check_redis))
    else:
        first.append(("journal", check_files))
    return [*first, ("long-term memory", check_long_term)]


# Embedded


async def check_data_dir(settings: Settings) -> list[Check]:
    """Look at the folder of the embedded stores."""
    return [await asyncio.to_thread(_data_dir, settings)]


def _data_dir(settings: Settings) -> Check:
    path, why = settings.data_dir.absolute(), because(settings, "data_dir")
    if path.is_dir():
        if os.access(path, os.W_OK | os.X_OK):
            return Check("data dir", "ok", f"{path} {why}.")
        text = f"{path} cannot be written to: change its permissions, or set MNEMO_DATA_DIR."
        return Check("data dir", "fail", text)
    above = next(parent for parent in path.parents if parent.exists())
    if path.exists() or not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        text = f"{path} is no folder and cannot be made one: set MNEMO_DATA_DIR to another."
        return Check("data dir", "fail", text)
    return Check("data dir", "ok", f"{path} will be made at the first turn {why}.")


async def check_files(settings: Settings) -> list[Check]:
    """Open the journal and the checkpoints of the data dir, where there are any."""
    why = because(settings, "redis_url")
    rows = []
    for name, file in (("journal", "journal.sqlite"), ("checkpoints", "checkpoints.sqlite")):
        state, text = await asyncio.to_thread(_sqlite_file, settings.data_dir / file)
        rows.append(Check(name, state, f"SQLite, {file}: {text} {why}."))
    return rows


def _sqlite_file(path: Path) -> tuple[State, str]:
    if not path.exists():
        return "ok", "made at the first turn"
    try:
        with closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)) as db:
            db.execute("PRAGMA busy_timeout = 2000")
            (answer,) = db.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        return "fail", f"cannot be read ({error}); restore it from a backup, or move it away"
    return "ok", f"{path.stat().st_size / 1e6:.1f} MB" if answer else "empty"


# Long-term memory, and what lies in both


async def check_long_term(settings: Settings) -> list[Check]:
    """Open a copy of long-term memory as a turn would, and look at the owners in it."""
    try:
        async with snapshot(settings) as copy:
            rows = [*await _long_term(copy), *await _noted(copy)]
    except StoreUnavailable as error:
        return [Check("long-term memory", "fail", str(error))]
    here, there = str(settings.data_dir), str(copy.data_dir)
    return [replace(row, text=row.text.replace(there, here)) for row in rows]


async def _long_term(settings: Settings) -> list[Check]:
    name = "long-term memory"
    try:
        backend = backend_of(settings)
        seen = await backend.look(settings)
        text = f"{seen.text} {because(settings, backend.setting)}."
        async with AsyncExitStack() as stack:
            if not seen.exists:
                return [Check(name, "ok", text), *await _within(settings, None, stack)]
            store, earlier = await _opened(settings, stack)
            more = [*earlier, *await _within(settings, store, stack)]
            return [Check(name, "ok", text), *more]
    except (StoreUnavailable, StoreMismatch, ModelSettingsError) as error:
        return [Check(name, "fail", str(error))]


async def _opened(settings: Settings, stack: AsyncExitStack) -> tuple[Any, list[Check]]:
    """Return the store, with a check where it goes on with an earlier embedding model.

    Raises:
        StoreMismatch: If it was made with other settings.
    """
    embedding = await stack.enter_async_context(aclosing(await open_embeddings(settings)))
    try:
        return await stack.enter_async_context(open_long_term(settings, embedding)), []
    except StoreMismatch as mismatch:
        settings = going_on(settings, mismatch)
    embedding = await stack.enter_async_context(aclosing(await open_embeddings(settings)))
    store = await stack.enter_async_context(open_long_term(settings, embedding))
    return store, [Check("earlier embeddings", "warn", _earlier(settings))]


def _earlier(settings: Settings) -> str:
    default = Settings.model_fields["embeddings"].default
    return (
        f"They were made with {settings.embeddings} and go on with it: `mnemo reindex --embeddings "
        f"{default}` moves them to the default, MNEMO_EMBEDDINGS={settings.embeddings} says that "
        "this is meant."
    )


async def _journal(settings: Settings, stack: AsyncExitStack) -> Journal | None:
    """Open the journal where there is one.

    Raises:
        StoreUnavailable: If it cannot be opened.
    """
    if settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
        client = await stack.enter_async_context(connect(url, settings.store_timeout))
        return await stack.enter_async_context(open_redis_journal(client, settings.journal_ttl))
    path = settings.data_dir / "journal.sqlite"
    if not await asyncio.to_thread(path.exists):
        return None
    return await stack.enter_async_context(open_sqlite_journal(path, settings.store_timeout))


async def _within(settings: Settings, store: Any, stack: AsyncExitStack) -> list[Check]:
    """Look at the owners, and for rows that cannot be read."""
    try:
        journal = await _journal(settings, stack)
    except StoreUnavailable as error:
        text = f"The journal cannot be read: {error}"
        return [Check("owners", "fail", text)]
    owners = await _owners(journal, store)
    if store is None:
        return [owners] if owners.state == "fail" else []
    return [owners, await check_damaged(settings, store, journal, stack)]


async def _owners(journal: Journal | None, store: BaseStore | None) -> Check:
    """Look for owners of whom one half was lost: the journal, or long-term memory."""
    lost = await lost_owners(journal, store)
    said = []
    if lost.journals:
        said.append(
            f"{lost.journals} of {lost.owners} owners have memories but lost their journal, so "
            "nothing of it is shown: stop everything else, then `mnemo recover`."
        )
    if lost.memories:
        said.append(
            f"{lost.memories} of {lost.owners} owners have a journal that names summaries or facts "
            "which long-term memory lacks: restore a backup of it. What the journal holds is still "
            "shown."
        )
    if said:
        return Check("owners", "fail", " ".join(said))
    return Check("owners", "ok", f"{lost.owners}, each with its journal and its memories.")


async def _noted(settings: Settings) -> list[Check]:
    """Tell when the last sweep was, what the chat models are like, and what the other left out."""
    models = dict.fromkeys([str(settings.chat_model), *character_models(settings)])
    names = (SWEPT, DROPPED, UNREADABLE, *(LEARNED + model for model in models))
    try:
        async with AsyncExitStack() as stack:
            journal = await _journal(settings, stack)
            marks = [await journal.backend.mark(name) if journal else None for name in names]
    except StoreUnavailable as error:
        return [Check("sweep", "fail", f"The journal cannot be read: {error}")]
    swept, dropped, unread, *learned = marks
    rows = [_sweep(swept)]
    for model, shown in zip(models, learned, strict=True):
        if shown:
            text = f"{model}, as its answers showed: {shown}."
            rows.append(Check("learned", "ok", text))
    if dropped or unread:
        text = (
            f"{dropped or 0} notes of the memory model were left out, since nothing said supports "
            f"them, and of {unread or 0} messages that it could not read their own sentences were "
            "noted: a larger MNEMO_MEMORY_MODEL does better."
        )
        rows.append(Check("memory notes", "warn" if unread else "ok", text))
    return rows


SWEEPERS = (
    "`mnemo serve` and `mnemo telegram` sweep by themselves (MNEMO_SWEEP_EVERY), and where neither "
    "runs, `mnemo sweep` does"
)


def _sweep(at: str | None) -> Check:
    """Tell when the last sweep was."""
    if at is None:
        return Check("sweep", "ok", f"Never yet: {SWEEPERS}.")
    last = datetime.fromisoformat(at)
    late = datetime.now(UTC) - last > SWEEP_LATE
    text = f"The last sweep was on {last.astimezone():%Y-%m-%d at %H:%M}"
    text += f": {SWEEPERS}." if late else "."
    return Check("sweep", "warn" if late else "ok", text)
