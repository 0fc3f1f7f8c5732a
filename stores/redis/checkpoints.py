"""LangGraph's checkpointer on Redis. What pruning keeps is decided in `checkpoint_pruning`.

The rows are ours (`checkpoint_rows`) and need no module of Redis. What those of
`langgraph-checkpoint-redis` would cost instead is written in docs/design/checkpoints-in-redis.md.
"""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, Unpack

from cachetools import LRUCache
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.constants import START
from redis.asyncio import Redis

from stores.checkpoint_pruning import (
    Saved,
    at_checkpoint,
    matches,
    pruned_by,
    superseded,
)
from stores.redis.begun_runs import BegunRuns
from stores.redis.checkpoint_layout import (
    Names,
    checkpoint_field,
    checkpoint_value,
    fields_of,
    writes_fields,
)
from stores.redis.checkpoint_listing import checkpoints_at, places_of, readable
from stores.redis.checkpoint_rows import PAGE, CheckpointRows
from stores.redis.connection import WAIT_SECONDS, connect
from stores.self_pruning import PruningOptions, SelfPruning, beginner, input_of, run_on

REMEMBERED_THREADS = 512
"""Threads whose names are remembered from one call to the next, to prune without asking again."""


class RedisCheckpoints(BegunRuns, SelfPruning):
    """A LangGraph checkpointer on Redis that prunes itself; make it with `open`.

    Only the asynchronous methods are used, from the event loop it was opened in; the synchronous
    ones wait for them from another thread. Failures raise `StoreUnavailable`.
    """

    def __init__(
        self,
        client: Redis,
        *,
        ttl_minutes: int | None = None,
        **options: Unpack[PruningOptions],
    ) -> None:
        """Use `client`, which stays its caller's to close.

        Args:
            client: Must not decode responses.
            ttl_minutes: How long after its last use a thread's checkpoints expire; None for never.
            options: How it prunes itself.

        Raises:
            ValueError: If `keep_turns` or `ttl_minutes` is too small.
        """
        if ttl_minutes is not None and ttl_minutes < 1:
            raise ValueError(f"ttl_minutes is {ttl_minutes}: give 1 or more, or None for never.")
        self._prune_by(**options)
        self._client = client
        self._rows = CheckpointRows(client, 60 * (ttl_minutes or 0))
        self._names: LRUCache[str, Names] = LRUCache(REMEMBERED_THREADS)
        BaseCheckpointSaver.__init__(self, serde=JsonPlusSerializer())

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        ttl_minutes: int | None = None,
        seconds: float = WAIT_SECONDS,
        **options: Unpack[PruningOptions],
    ) -> AsyncIterator[Self]:
        """Connect to the Redis at `url`, and close at the end.

        Args:
            url: Where it is, `redis://` or `rediss://`.
            ttl_minutes: How long after its last use a thread's checkpoints expire; None for never.
            seconds: How long a turn waits before it says that Redis is gone.
            options: How it prunes itself.

        Raises:
            StoreUnavailable: If it does not answer.
            ValueError: If `keep_turns` or `ttl_minutes` is too small.
        """
        async with connect(url, seconds) as client:
            yield cls(client, ttl_minutes=ttl_minutes, **options)

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Return a version above `current`, as LangGraph's own checkpointers write them.

        A number that counts up, and a random one: two runs from one checkpoint make two versions.
        """
        number = int(str(current).partition(".")[0]) + 1 if current is not None else 1
        return f"{number:032}.{random.random():016}"

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, and drop those that it makes needless.

        A run on a thread that was deleted since it began stores nothing any more. Returns the
        config that addresses the checkpoint. `new_versions` is not needed.
        """
        thread_id, namespace = _address(config)
        by = beginner(config, input_of(checkpoint)) if metadata.get("source") == "input" else None
        full = get_checkpoint_metadata(config, metadata)
        source, step = str(full.get("source", "")), int(full.get("step", 0))
        parent = get_checkpoint_id(config) or ""
        saved = Saved(namespace, checkpoint["id"], parent, source, step)
        # Where no call of this process has read them yet, the next one prunes for both.
        before = self._names.get(thread_id) or Names({}, {})
        others = before.checkpoints.values()
        pruned = pruned_by(saved, others, self._keep_turns, thin=self._thin)
        value = checkpoint_value(self.serde, checkpoint, full)
        field = checkpoint_field(pruned.saved, str(full.get("run_id") or ""))
        gone = fields_of(before, pruned.gone, pruned.oldest)
        run = run_on(config)
        after = await self._rows.put(thread_id, pruned.saved, field, value, gone, of_run=run, by=by)
        if after is not None:
            self._names[thread_id] = after
        return at_checkpoint(thread_id, namespace, saved.id)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store what a task wrote, beside the checkpoint it started from, there yet or not.

        What is there already stays, save for errors, interrupts and the like, which are replaced.
        """
        thread_id, namespace = _address(config)
        saved = Saved(namespace, str(get_checkpoint_id(config)))
        fields = writes_fields(self.serde, saved, writes, task_id, task_path)
        replace = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        by = beginner(config, dict(writes)) if START in task_path else None
        run = run_on(config)
        await self._rows.put_writes(thread_id, fields, replace=replace, of_run=run, by=by)
        if (names := self._names.get(thread_id)) is not None:
            names.writes.update(dict.fromkeys(fields, saved))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint with its pending writes: the one named, else the newest.

        Raises:
            CheckpointGone: If a run is to begin at one that is not there.
        """
        thread_id, namespace = _address(config)
        row = await self._rows.read(thread_id, namespace, get_checkpoint_id(config) or "")
        self._names[thread_id] = row.names
        checkpoint = None
        if row.field:
            checkpoint = readable(self.serde, thread_id, row.field, row.value, row.writes)
        if run := run_on(config):
            self._rows.begin(run, row)
        return await self._answer(config, checkpoint, there=bool(row.field), lost=row.lost)

    async def damaged(self) -> AsyncGenerator[str | None]:
        """Yield, of all checkpoints, the place of one that cannot be read, None of any other."""
        for place in await places_of(self._rows):
            for checkpoint in await checkpoints_at(self._rows, self.serde, [place]):
                yield None if checkpoint else f"checkpoint {place.id} of thread {place.thread_id}"

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, newest first."""
        places = await places_of(self._rows, config, before)
        left = len(places) if limit is None else limit
        while places and left > 0:
            size = PAGE if filter else min(PAGE, left)
            page, places = places[:size], places[size:]
            for checkpoint in await checkpoints_at(self._rows, self.serde, page):
                if left > 0 and checkpoint and matches(checkpoint.metadata, filter):
                    left -= 1
                    yield checkpoint

    def threads(self) -> AsyncIterator[str]:
        """Yield every thread that has checkpoints."""
        return self._rows.threads()

    async def adelete_checkpoints(self, thread_id: str) -> None:
        """Delete all checkpoints of a thread and leave its ref as it is."""
        self._names.pop(str(thread_id), None)
        if owner := await self._rows.drop_thread(str(thread_id)):
            await self.drop_begun(owner, [str(thread_id)])

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that some runs wrote, in whatever thread; refs stay."""
        for run_id in run_ids:
            await self._rows.drop_run(str(run_id))
        self._names.clear()

    async def _copy(self, source: str, target: str) -> None:
        self._names.pop(target, None)
        await self._rows.copy(self.serde, source, target)

    async def _keep_newest(self, thread_id: str) -> None:
        names = await self._rows.names(thread_id)
        await self._rows.drop(thread_id, fields_of(names, superseded(names.checkpoints.values())))
        self._names.pop(thread_id, None)


def _address(config: RunnableConfig) -> tuple[str, str]:
    """Return the thread and the namespace that a config names."""
    wanted = config["configurable"]
    return str(wanted["thread_id"]), str(wanted.get("checkpoint_ns") or "")
