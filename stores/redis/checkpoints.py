"""LangGraph's checkpointer on Redis. What pruning keeps is decided in `checkpoints`.

The library brings its calls from other threads; the rows are ours (`redis_checkpoint_rows`), as
the library's are twice as many and turn dates, and some dictionaries that a user may send, into
other things. Here values come back as SQLite gives them.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.redis.aio import AsyncRedisSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from stores.checkpoint_pruning import (
    KEEP_TURNS,
    Saved,
    StoreUnavailable,
    ThreadRefs,
    at_checkpoint,
    begins_turn,
    checked_keep_turns,
    checked_strategy,
    matches,
    oldest_kept,
    refuse_lost_start,
    stale,
    superseded,
)
from stores.redis.checkpoint_layout import (
    Place,
    checkpoint_fields,
    loaded,
    members_to_drop,
    writes_fields,
)
from stores.redis.checkpoint_rows import CheckpointRows
from stores.redis.connection import START, connect
from stores.urls import without_secrets

PAGE = 16
"""How many checkpoints one round trip reads."""


class RedisCheckpoints(AsyncRedisSaver):
    """A LangGraph checkpointer on Redis that prunes itself; make it with `open`.

    Only the asynchronous methods are used, from the event loop it was opened in; the synchronous
    ones wait for them from another thread. Failures raise `StoreUnavailable`.
    """

    def __init__(
        self,
        client: Redis,
        *,
        refs: ThreadRefs | None = None,
        keep_turns: int = KEEP_TURNS,
        ttl_minutes: int | None = None,
    ) -> None:
        """Use `client`, which stays its caller's to close; call `asetup` before anything else.

        Args:
            client: Must not decode responses.
            refs: Told when a thread is copied or deleted.
            keep_turns: How many turns of a thread keep their checkpoints, 2 or more.
            ttl_minutes: How long after its last use a thread's checkpoints expire; None for never.

        Raises:
            ValueError: If `keep_turns` or `ttl_minutes` is too small.
        """
        if ttl_minutes is not None and ttl_minutes < 1:
            raise ValueError(f"ttl_minutes is {ttl_minutes}: give 1 or more, or None for never.")
        self._keep_turns = checked_keep_turns(keep_turns)
        self._rows = CheckpointRows(client, 60 * (ttl_minutes or 0))
        self._refs = refs
        super().__init__(redis_client=client)
        self.serde = JsonPlusSerializer()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        refs: ThreadRefs | None = None,
        keep_turns: int = KEEP_TURNS,
        ttl_minutes: int | None = None,
    ) -> AsyncIterator[Self]:
        """Connect to the Redis at `url`, make the search index, and close at the end.

        Raises:
            StoreUnavailable: If it does not answer, or lacks Search.
            ValueError: If `keep_turns` or `ttl_minutes` is too small.
        """
        async with connect(url) as client:
            saver = cls(client, refs=refs, keep_turns=keep_turns, ttl_minutes=ttl_minutes)
            try:
                await saver.asetup()
            except ResponseError as error:
                raise StoreUnavailable(
                    f"The Redis at {without_secrets(url)} cannot hold thread checkpoints "
                    f"({error}): {START}."
                ) from error
            yield saver

    def create_indexes(self) -> None:
        """Make nothing: the library's two indexes are not used."""

    async def asetup(self) -> None:
        """Make the search index if it is missing."""
        self.loop = asyncio.get_running_loop()
        await self._rows.make_index()

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
        stream_mode: str = "values",
    ) -> RunnableConfig:
        """Store a checkpoint; where it begins a turn, prune the thread's oldest ones.

        Returns the config that addresses it. `new_versions` and `stream_mode` are not needed.
        """
        thread_id, namespace = _address(config)
        parent = get_checkpoint_id(config) or ""
        full = get_checkpoint_metadata(config, metadata)
        source, step = str(full.get("source", "")), int(full.get("step", 0))
        saved = Saved(namespace, checkpoint["id"], parent, source, step)
        fields = checkpoint_fields(self.serde, checkpoint, full, parent)
        followed = await self._rows.put(thread_id, saved, fields)
        if namespace == "" and begins_turn(saved, followed):
            await self._prune_turns(thread_id)
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
        place = Place(*_address(config), str(get_checkpoint_id(config)))
        fields = writes_fields(self.serde, writes, task_id, task_path)
        replace = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        await self._rows.put_writes(place, fields, replace=replace)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint with its pending writes: the one named, else the newest.

        Raises:
            CheckpointGone: If a run is to begin at one that is not there.
        """
        thread_id, namespace = _address(config)
        id = get_checkpoint_id(config) or await self._rows.newest(thread_id, namespace)
        for row in await self._rows.read([Place(thread_id, namespace, id)] if id else []):
            return loaded(self.serde, *row)
        refuse_lost_start(config)
        return None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, newest first.

        Args:
            config: The thread; a namespace ("" is the graph's own) and an id narrow it. None
                lists every thread.
            filter: Metadata that must be equal.
            before: A config whose checkpoint, and all after it, is left out.
            limit: At most so many.
        """
        places = await self._places(config, get_checkpoint_id(before) if before else None)
        left = len(places) if limit is None else limit
        while places and left > 0:
            size = PAGE if filter else min(PAGE, left)
            page, places = places[:size], places[size:]
            for row in await self._rows.read(page):
                found = loaded(self.serde, *row)
                if left > 0 and matches(found.metadata, filter):
                    left -= 1
                    yield found

    async def _places(self, config: RunnableConfig | None, before: str | None) -> list[Place]:
        """Return where the wanted checkpoints stand, newest first."""
        wanted = config["configurable"] if config else {}
        if config:
            threads = [_address(config)[0]]
        else:
            threads = [thread_id async for thread_id in self._rows.threads()]
        places = [
            Place(thread_id, saved.namespace, saved.id)
            for thread_id in threads
            for saved in (await self._rows.held(thread_id)).checkpoints.values()
            if wanted.get("checkpoint_ns") in (None, saved.namespace)
            and wanted.get("checkpoint_id") in (None, "", saved.id)
            and (not before or saved.id < before)
        ]
        return sorted(places, key=lambda place: place.id, reverse=True)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete all checkpoints of a thread, then its ref."""
        await self.adelete_checkpoints(thread_id)
        if self._refs:
            await self._refs.drop(str(thread_id))

    async def adelete_checkpoints(self, thread_id: str) -> None:
        """Delete all checkpoints of a thread and leave its ref as it is."""
        await self._rows.drop_thread(str(thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that some runs wrote, in whatever thread; refs stay."""
        for run_id in run_ids:
            await self._rows.drop_run(str(run_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints of a thread to another, then its ref."""
        source, target = str(source_thread_id), str(target_thread_id)
        if source == target:
            return
        await self._rows.copy(self.serde, source, target)
        if self._refs:
            await self._refs.copy(source, target)

    async def aprune(  # type: ignore[override]  # the contract, without the library's extras
        self, thread_ids: Sequence[str], *, strategy: str = "keep_latest"
    ) -> None:
        """Delete checkpoints of some threads; refs stay.

        Args:
            thread_ids: The threads.
            strategy: `keep_latest` keeps the newest of each namespace, `delete` none.

        Raises:
            ValueError: If there is no such strategy.
        """
        everything = checked_strategy(strategy)
        for thread_id in map(str, thread_ids):
            if everything:
                await self.adelete_checkpoints(thread_id)
            else:
                found = await self._rows.held(thread_id)
                gone = superseded(found.checkpoints.values())
                await self._rows.drop(thread_id, members_to_drop(found, gone))

    async def _prune_turns(self, thread_id: str) -> None:
        found = await self._rows.held(thread_id)
        oldest = oldest_kept(found.checkpoints.values(), self._keep_turns)
        gone = stale(found.checkpoints.values(), oldest)
        await self._rows.drop(thread_id, members_to_drop(found, gone, oldest))


def _address(config: RunnableConfig) -> tuple[str, str]:
    """Return the thread and the namespace that a config names."""
    wanted = config["configurable"]
    return str(wanted["thread_id"]), str(wanted.get("checkpoint_ns") or "")
