"""LangGraph's checkpointer in one SQLite file. What pruning keeps is decided in `checkpoints`.

The library reads and writes; here is what it lacks. Each call is one transaction on the
connection's own thread.
"""

import logging
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, Self, Unpack, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
)
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.utils import search_where

from stores.checkpoint_pruning import (
    UNREADABLE,
    Saved,
    at_checkpoint,
    checked,
    pruned_by,
    superseded,
)
from stores.self_pruning import PruningOptions, SelfPruning, beginner, input_of
from stores.sqlite import checkpoint_sql as sql
from stores.sqlite.connection import WAIT_SECONDS, SqliteConnection, cannot_open
from stores.sqlite.deletions import Deletions
from stores.sqlite.pruned_rows import drop, prune, saved_on

_log = logging.getLogger(__name__)


class SqliteCheckpoints(SelfPruning, SqliteSaver):
    """A LangGraph checkpointer on SQLite that prunes itself; make it with `open`.

    Only the asynchronous methods are used, from the event loop it was opened in; the synchronous
    ones wait for them from another thread. Failures raise `StoreUnavailable`.
    """

    def __init__(self, db: SqliteConnection, **options: Unpack[PruningOptions]) -> None:
        """Use `db`, which stays its caller's to close.

        Args:
            db: The database file.
            options: How it prunes itself.

        Raises:
            ValueError: If `keep_turns` is too small.
        """
        SqliteSaver.__init__(self, db.raw)
        self._prune_by(**options)
        self.db = db
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
            what = "The thread checkpoints in the data dir"
            opening = SqliteConnection.open(Path(path), what, _make_tables, seconds)
            try:
                db = await stack.enter_async_context(opening)
            except (OSError, sqlite3.Error) as error:
                raise cannot_open(f"The thread checkpoints in {path}", error) from error
            yield cls(db, **options)

    def setup(self) -> None:
        """Do nothing: `open` made the tables."""

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """Give the library a cursor; what it does is committed with all else of a call."""
        with closing(self.conn.cursor()) as cursor:
            yield cursor

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint with its pending writes: the one named, else the newest.

        Raises:
            CheckpointGone: If a run is to begin at one that is not there.
        """
        self._deletions.begin(config)
        namespace = str(config["configurable"].get("checkpoint_ns") or "")
        place = {"thread": str(config["configurable"]["thread_id"]), "ns": namespace}
        checkpoint, (there, written) = await self.db.read(
            lambda db: (self._loaded(config), db.execute(sql.NEWEST, place).fetchone())
        )
        if get_checkpoint_id(config):
            return await self._answer(config, checkpoint, there=checkpoint is not None)
        lost = str(written or "") > str(there or "")
        return await self._answer(config, checkpoint, there=bool(there), lost=lost)

    def _loaded(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint as the library reads it; None where it cannot be read."""
        try:
            checkpoint = SqliteSaver.get_tuple(self, config)
            if checkpoint is not None:
                cast(dict[str, Any], checked(checkpoint).metadata).pop(sql.MARK, None)
        except UNREADABLE as error:
            _log.warning("A checkpoint cannot be read and is passed over: %s", type(error))
            return None
        return checkpoint

    async def damaged(self) -> AsyncGenerator[str | None]:
        """Yield, of all checkpoints, the place of one that cannot be read, None of any other."""
        for thread_id, namespace, id in await self._places(None):
            checkpoint = await self._at(thread_id, namespace, id)
            yield None if checkpoint else f"checkpoint {id} of thread {thread_id}"

    async def _at(self, *place: str) -> CheckpointTuple | None:
        return await self.db.read(lambda _: self._loaded(at_checkpoint(*place)))

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
        return await self.db.read(lambda db: db.execute(query, values).fetchall())

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
        begun_by = beginner(config, input_of(checkpoint)) if source == "input" else None
        saved = Saved(namespace, checkpoint["id"], parent or "", source, step)

        def put(db: sqlite3.Connection) -> RunnableConfig:
            if begun_by:
                db.execute(sql.BEGIN_RUN, (thread_id, begun_by))
            before = saved_on(db, thread_id)
            pruned = pruned_by(saved, before, self._keep_turns, thin=self._thin)
            to, noted = config, metadata
            if pruned.saved != saved:
                to = at_checkpoint(thread_id, namespace, pruned.saved.parent)
                noted = cast(CheckpointMetadata, {**metadata, sql.MARK: pruned.saved.source})
            written = SqliteSaver.put(self, to, checkpoint, noted, new_versions)
            prune(db, thread_id, pruned)
            return written

        # Nothing waits from here to its place in line for the connection.
        if self._deletions.forbid(config):
            return at_checkpoint(thread_id, namespace, saved.id)
        return await self.db.write(put)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store what a task wrote, beside the checkpoint it started from, there yet or not."""
        if not self._deletions.forbid(config):
            await self.db.write(
                lambda _: SqliteSaver.put_writes(self, config, writes, task_id, task_path)
            )

    async def begun_by(self, owner_key: str) -> set[str]:
        """Return the threads on which an owner began runs, listed in the journal or not."""
        return {str(thread) for (thread,) in await self._rows(sql.BEGUN_BY, (owner_key,))}

    async def drop_begun(self, owner_key: str, threads: Collection[str]) -> None:
        """Forget that an owner began runs on some threads."""
        rows = [(owner_key, thread_id) for thread_id in threads]
        await self.db.write(lambda db: db.executemany(sql.DROP_BEGUN, rows))

    async def owners_that_began(self, user_key: str) -> set[str]:
        """Return the keys of a user's owners that began a run on any thread."""
        return {str(owner_key) for (owner_key,) in await self._rows(sql.BEGAN, (user_key,))}

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, newest first, each read when it is asked for."""
        bound = before if before and get_checkpoint_id(before) else None
        places = await self._places(config, filter, bound)
        left = len(places) if limit is None else limit
        for place in places:
            if left > 0 and (checkpoint := await self._at(*place)):
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

        def delete(db: sqlite3.Connection) -> None:
            for table in ("checkpoints", "writes", "newest", "begun_runs"):
                db.execute(f"DELETE FROM {table} WHERE thread_id = ?", (str(thread_id),))

        with self._deletions.of(str(thread_id)):
            await self.db.write(delete)
        await self.db.alone(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that some runs wrote, in whatever thread; refs stay."""

        def delete(db: sqlite3.Connection) -> None:
            for run_id in map(str, run_ids):
                db.execute(sql.DROP_WRITES_OF_RUN, (run_id,))
                db.execute(sql.FORGET_NEWEST_OF_RUN, (run_id,))
                db.execute(f"DELETE FROM checkpoints WHERE {sql.RUN} = ?", (run_id,))

        await self.db.write(delete)

    async def _copy(self, source: str, target: str) -> None:
        def copy(db: sqlite3.Connection) -> None:
            for statement in (sql.COPY_BEGUN, sql.COPY_CHECKPOINTS, sql.COPY_WRITES):
                db.execute(statement, {"source": source, "target": target})

        await self.db.write(copy)

    async def _keep_newest(self, thread_id: str) -> None:
        await self.db.write(lambda db: drop(db, thread_id, superseded(saved_on(db, thread_id))))


def _make_tables(db: sqlite3.Connection) -> None:
    SqliteSaver(db).setup()
    db.executescript(sql.SCHEMA)
