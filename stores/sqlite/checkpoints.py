"""LangGraph's checkpointer in one SQLite file. What pruning keeps is decided in `checkpoints`.

The library reads and writes; here is what it lacks. Calls take turns on one connection, whose
own thread does all that blocks.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self, Unpack, cast

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
)
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.checkpoint.sqlite.utils import search_where

from stores.checkpoint_pruning import (
    UNREADABLE,
    Saved,
    at_checkpoint,
    checked,
    pruned_by,
    superseded,
)
from stores.errors import StoreUnavailable
from stores.self_pruning import PruningOptions, SelfPruning, beginner, input_of
from stores.sqlite import checkpoint_sql as sql
from stores.sqlite.connection import WAIT_SECONDS, ConnectionLock, advice_for
from stores.sqlite.deletions import Deletions

_log = logging.getLogger(__name__)


class SqliteCheckpoints(SelfPruning, AsyncSqliteSaver):
    """A LangGraph checkpointer on SQLite that prunes itself; make it with `open`.

    Only the asynchronous methods are used, from the event loop it was opened in; the synchronous
    ones wait for them from another thread. All of them, also those of the library that are not
    here, take turns by `lock`, so all raise `StoreUnavailable` where SQLite cannot do it.
    """

    def __init__(self, connection: aiosqlite.Connection, **options: Unpack[PruningOptions]) -> None:
        """Use `connection`, which stays its caller's to close.

        Args:
            connection: To the database file; call `setup` before anything else.
            options: How it prunes itself.

        Raises:
            ValueError: If `keep_turns` is too small.
        """
        AsyncSqliteSaver.__init__(self, connection)
        self._prune_by(**options)
        self._deletions = Deletions()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: str | Path,
        *,
        seconds: float = WAIT_SECONDS,
        **options: Unpack[PruningOptions],
    ) -> AsyncIterator[Self]:
        """Open the file at `path`, made with its folder if missing, and close it at the end.

        Args:
            path: The database file.
            seconds: How long a call waits for another program that keeps the file locked.
            options: How it prunes itself.

        Raises:
            StoreUnavailable: If the file cannot be opened, or is no SQLite database.
            ValueError: If `keep_turns` is too small.
        """
        async with AsyncExitStack() as stack:
            try:
                await asyncio.to_thread(Path(path).parent.mkdir, parents=True, exist_ok=True)
                connecting = aiosqlite.connect(path, timeout=seconds)
                connection = await stack.enter_async_context(connecting)
                saver = cls(connection, **options)
                await saver.setup()
            except (OSError, sqlite3.Error) as error:
                advice = advice_for(error, "check the folder, its permissions and its disk")
                raise StoreUnavailable(
                    f"The thread checkpoints in {path} cannot be opened ({error}): {advice}."
                ) from error
            saver.lock = ConnectionLock(
                connection, "The thread checkpoints in the data dir", seconds
            )
            yield saver

    async def setup(self) -> None:
        """Make the tables and indexes that are missing, once."""
        if self.is_setup:
            return
        await super().setup()
        async with self._writing() as cursor:
            await cursor.executescript(sql.SCHEMA)
            await cursor.execute("PRAGMA secure_delete = ON")

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[aiosqlite.Cursor]:
        """Give a cursor whose changes are kept together, or not at all."""
        async with self.lock, self.conn.cursor() as cursor:
            yield cursor
            await self.conn.commit()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint with its pending writes: the one named, else the newest.

        Raises:
            CheckpointGone: If a run is to begin at one that is not there.
        """
        thread_id = str(config["configurable"]["thread_id"])
        self._deletions.begin(config)
        checkpoint = await self._loaded(config)
        if get_checkpoint_id(config):
            return await self._answer(config, checkpoint, there=checkpoint is not None)
        namespace = str(config["configurable"].get("checkpoint_ns") or "")
        place = {"thread": thread_id, "ns": namespace}
        ((there, written),) = await self._rows(sql.NEWEST, place)
        lost = str(written or "") > str(there or "")
        return await self._answer(config, checkpoint, there=bool(there), lost=lost)

    async def _loaded(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint as the library reads it; None where it cannot be read."""
        try:
            checkpoint = await super().aget_tuple(config)
            if checkpoint is not None:
                cast(dict[str, Any], checked(checkpoint).metadata).pop(sql.MARK, None)
        except UNREADABLE as error:
            _log.warning("A checkpoint cannot be read and is passed over: %s", type(error))
            return None
        return checkpoint

    async def damaged(self) -> AsyncGenerator[str | None]:
        """Yield, of all checkpoints, the place of one that cannot be read, None of any other."""
        for thread_id, namespace, id in await self._places(None):
            checkpoint = await self._loaded(at_checkpoint(thread_id, namespace, id))
            yield None if checkpoint else f"checkpoint {id} of thread {thread_id}"

    async def _places(
        self,
        config: RunnableConfig | None,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
    ) -> list[Any]:
        """Return thread, namespace and id of checkpoints, newest first."""
        where, values = search_where(config, filter, before)
        query = f"""
            SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints {where}
            ORDER BY checkpoint_id DESC
        """
        return await self._rows(query, values)

    async def _rows(self, query: str, values: Any = ()) -> list[Any]:
        async with self.lock:
            return [*await self.conn.execute_fetchall(query, values)]

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, and drop those that it makes needless.

        A run on a thread that was deleted since it began stores nothing any more. Returns the
        config that addresses the checkpoint.
        """
        thread_id = str(config["configurable"]["thread_id"])
        namespace, parent = str(config["configurable"]["checkpoint_ns"]), get_checkpoint_id(config)
        source, step = str(metadata.get("source", "")), int(metadata.get("step", 0))
        if source == "input" and (owner_key := beginner(config, input_of(checkpoint))):
            async with self._writing() as cursor:  # What the run writes waits for it in line.
                await cursor.execute(sql.BEGIN_RUN, (thread_id, owner_key))
        saved = Saved(namespace, checkpoint["id"], parent or "", source, step)
        before = await self._saved(thread_id)
        pruned = pruned_by(saved, before, self._keep_turns, thin=self._thin)
        # Nothing waits from here to its place in line for the connection.
        if self._deletions.forbid(config):
            return at_checkpoint(thread_id, namespace, saved.id)
        if pruned.saved != saved:
            config = at_checkpoint(thread_id, namespace, pruned.saved.parent)
            metadata = cast(CheckpointMetadata, {**metadata, sql.MARK: pruned.saved.source})
        written = await super().aput(config, checkpoint, metadata, new_versions)
        try:
            await self._drop(thread_id, pruned.gone, pruned.oldest)
        except StoreUnavailable as error:
            # The checkpoint is stored, so the call succeeded; the next turn prunes for both.
            _log.warning("Old checkpoints of a thread are still there: %s", error)
        return written

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store what a task wrote, beside the checkpoint it started from, there yet or not."""
        if not self._deletions.forbid(config):
            await super().aput_writes(config, writes, task_id, task_path)

    async def begun_by(self, owner_key: str) -> dict[str, str]:
        """Return the last run that an owner began on each thread, listed in the journal or not."""
        return {str(thread): name for thread, name in await self._rows(sql.BEGUN_BY, (owner_key,))}

    async def drop_begun(self, owner_key: str, begun: Mapping[str, str]) -> None:
        """Forget that runs of an owner began, by thread, save where another began since."""
        async with self._writing() as cursor:
            rows = [(owner_key, thread_id, name) for thread_id, name in begun.items()]
            await cursor.executemany(sql.DROP_BEGUN, rows)

    async def owners_that_began(self, user_key: str) -> set[str]:
        """Return the keys of a user's owners that began a run on any thread."""
        return {str(owner_key) for (owner_key,) in await self._rows(sql.BEGAN, (user_key,))}

    async def _saved(self, thread_id: str) -> list[Saved]:
        return [Saved(*row) for row in await self._rows(sql.SAVED, (thread_id,))]

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, newest first, each read when it is asked for.

        The library holds its lock between them: a caller that stops early, or reads another
        checkpoint in between, would wait for ever.
        """
        bound = before if before and get_checkpoint_id(before) else None
        places = await self._places(config, filter, bound)
        left = len(places) if limit is None else limit
        for place in places:
            if left > 0 and (checkpoint := await self._loaded(at_checkpoint(*place))):
                left -= 1
                yield checkpoint

    async def threads(self) -> AsyncIterator[str]:
        """Yield every thread that has checkpoints."""
        for (thread_id,) in await self._rows("SELECT DISTINCT thread_id FROM checkpoints"):
            yield str(thread_id)

    async def adelete_checkpoints(self, thread_id: str) -> None:
        """Delete all checkpoints of a thread and leave its ref as it is.

        Their text is overwritten in the file and gone from its log. No run that is under way on
        the thread writes any more: all of them are in this process.
        """
        with self._deletions.of(thread := str(thread_id)):
            async with self._writing() as cursor:
                for table in ("checkpoints", "writes", "newest", "begun_runs"):
                    await cursor.execute(f"DELETE FROM {table} WHERE thread_id = ?", (thread,))
        await self._rows("PRAGMA wal_checkpoint(TRUNCATE)")

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that some runs wrote, in whatever thread; refs stay."""
        async with self._writing() as cursor:
            for run_id in map(str, run_ids):
                await cursor.execute(sql.DROP_WRITES_OF_RUN, (run_id,))
                await cursor.execute(sql.FORGET_NEWEST_OF_RUN, (run_id,))
                await cursor.execute(f"DELETE FROM checkpoints WHERE {sql.RUN} = ?", (run_id,))

    async def _copy(self, source: str, target: str) -> None:
        async with self._writing() as cursor:
            for copy in (sql.COPY_BEGUN, sql.COPY_CHECKPOINTS, sql.COPY_WRITES):
                await cursor.execute(copy, {"source": source, "target": target})

    async def _keep_newest(self, thread_id: str) -> None:
        await self._drop(thread_id, superseded(await self._saved(thread_id)))

    async def _drop(self, thread_id: str, gone: Iterable[Saved], oldest: str = "") -> None:
        """Delete checkpoints with their writes, and writes before `oldest` that have none."""
        places = [(thread_id, saved.namespace, saved.id) for saved in gone]
        if not places:
            return
        async with self._writing() as cursor:
            for table in ("checkpoints", "writes"):
                await cursor.executemany(
                    f"DELETE FROM {table} "
                    "WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",
                    places,
                )
            await cursor.execute(sql.DROP_ORPHANS, (thread_id, oldest))
