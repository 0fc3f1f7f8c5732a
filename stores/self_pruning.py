"""What every checkpointer of ours does with whole threads: delete, copy, prune, and tell the refs.

Where the rows lie is the backends' part; which of them go is decided in `checkpoint_pruning`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, TypedDict, Unpack

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointTuple, get_checkpoint_id

from domain.owner import owner_of_run
from stores.checkpoint_pruning import (
    KEEP_TURNS,
    ThreadRefs,
    at_checkpoint,
    is_run,
    refuse_lost_start,
)
from stores.errors import GenerationMoved
from stores.other_threads import FromOtherThreads

BEGINS = "branch:to:locate"
"""The channel that leads to the first step of the chat graph, in each of its checkpoints."""
RUNS_UNDER_WAY = 4096
"""Threads whose last run's beginning a process remembers, to write nothing to one deleted since."""


class PruningOptions(TypedDict, total=False):
    """How a checkpointer prunes itself."""

    refs: ThreadRefs | None
    """Told when a thread is copied or deleted."""
    keep_turns: int
    """How many turns of a thread keep their checkpoints, 2 or more."""
    thin: bool
    """Whether a turn keeps its first and last steps alone."""


def beginner(config: RunnableConfig, given: Mapping[str, Any]) -> str | None:
    """Return the key of the owner whose run writes its input; None where no run writes.

    The input is kept before the run's first step lists the thread in the journal: a run that dies
    in between has left what was said on a thread that only this finds again.
    """
    runtime = config.get("configurable", {}).get("__pregel_runtime")
    if runtime is None:
        return None
    ids = {name: given.get(name) for name in ("user_id", "character_id")}
    try:
        return owner_of_run(
            runtime, {name: id for name, id in ids.items() if isinstance(id, str)}
        ).key
    except (ValueError, AttributeError):  # The run will be refused; or another graph's.
        return None


def input_of(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """Return the input that a run's first checkpoint holds, by field."""
    given = checkpoint["channel_values"].get("__start__")
    return given if isinstance(given, Mapping) else getattr(given, "__dict__", {})


def is_of_chat(checkpoint: CheckpointTuple) -> bool:
    """Return whether a checkpoint is of the chat graph, or of a run that may be one of its.

    Other graphs may lie in the same store. Ours begins with a step that lists the thread.
    """
    stepped = {name for name in checkpoint.checkpoint["channel_versions"] if name != "__start__"}
    stepped |= {channel for _, channel, _ in checkpoint.pending_writes or ()}
    begun = "messages" in input_of(checkpoint.checkpoint)
    return BEGINS in stepped or (begun and not stepped)


class RunOn(NamedTuple):
    """One run on one thread, as this process knows it."""

    thread_id: str
    runtime: int
    """The identity of LangGraph's runtime of the run, which lives as long as it does."""


def run_on(config: RunnableConfig) -> RunOn | None:
    """Return the run that calls a checkpointer; None where somebody else does, or a subgraph."""
    wanted = config.get("configurable", {})
    runtime = wanted.get("__pregel_runtime")
    if runtime is None or wanted.get("checkpoint_ns"):
        return None
    return RunOn(str(wanted["thread_id"]), id(runtime))


class SelfPruning(FromOtherThreads, ABC):
    """The part of a checkpointer that deals with whole threads."""

    def _prune_by(self, **options: Unpack[PruningOptions]) -> None:
        """Take the options, and belong to the event loop that runs now.

        Raises:
            ValueError: If `keep_turns` is too small.
        """
        self._keep_turns = options.get("keep_turns", KEEP_TURNS)
        # A run that is rolled back, or whose message is edited, goes on from the turn before it.
        if self._keep_turns < 2:
            raise ValueError(
                f"keep_turns is {self._keep_turns}: keep the checkpoints of at least 2 turns."
            )
        self._thin, self._refs = options.get("thin", False), options.get("refs")
        self._lost: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._copied: Callable[[str, str], None] | None = None

    def when_copied(self, tell: Callable[[str, str], None]) -> None:
        """Tell whoever keeps more of threads than checkpoints that one was copied to another."""
        self._copied = tell

    def lost(self, thread_id: str) -> bool:
        """Return whether the run under way on a thread found its newest checkpoint lost."""
        return thread_id in self._lost

    @abstractmethod
    async def adelete_checkpoints(self, thread_id: str) -> None:
        """Delete all checkpoints of a thread and leave its ref as it is."""

    @abstractmethod
    async def begun_by(self, owner_key: str) -> set[str]:
        """Return the threads on which an owner began runs, listed in the journal or not."""

    @abstractmethod
    async def drop_begun(self, owner_key: str, threads: Collection[str]) -> None:
        """Forget that an owner began runs on some threads."""

    @abstractmethod
    async def owners_that_began(self, user_key: str) -> set[str]:
        """Return the keys of a user's owners that began a run on any thread."""

    @abstractmethod
    def threads(self) -> AsyncIterator[str]:
        """Yield every thread that has checkpoints."""

    @abstractmethod
    async def _keep_newest(self, thread_id: str) -> None:
        """Delete all checkpoints of a thread but the newest of each namespace."""

    @abstractmethod
    async def _copy(self, source: str, target: str) -> None:
        """Copy all checkpoints of a thread to another."""

    async def _answer(
        self,
        config: RunnableConfig,
        checkpoint: CheckpointTuple | None,
        *,
        there: bool,
        lost: bool = False,
    ) -> CheckpointTuple | None:
        """Return what is answered where `config` asks and `checkpoint` could be read.

        A run whose newest checkpoint was lost or damaged begins without one, and `lost` tells;
        whoever merely looks is given the newest that can be read.

        Raises:
            CheckpointGone: If a run is to begin at one that is not there.
        """
        wanted = config["configurable"]
        thread_id, newest = str(wanted["thread_id"]), not get_checkpoint_id(config)
        damaged = newest and there and checkpoint is None
        if is_run(config):
            self._lost.discard(thread_id)
            if damaged or lost:
                self._lost.add(thread_id)
                return None
        elif damaged:
            place = at_checkpoint(thread_id, str(wanted.get("checkpoint_ns") or ""))
            return await anext(self.alist(place, limit=1), None)
        if checkpoint is None:
            refuse_lost_start(config)
        return checkpoint

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete all checkpoints of a thread, then its ref."""
        await self.adelete_checkpoints(str(thread_id))
        if self._refs:
            await self._refs.drop(str(thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints of a thread to another, and its ref.

        Raises:
            GenerationMoved: If the thread's owner was reset meanwhile; nothing is left behind.
        """
        source, target = str(source_thread_id), str(target_thread_id)
        if source == target:
            return
        copying = self._refs.copying(source, target) if self._refs else nullcontext(True)
        try:
            async with copying as owned:
                await self._copy(source, target)
        except GenerationMoved:
            await self.adelete_checkpoints(target)
            raise
        if self._copied and owned:
            self._copied(source, target)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete checkpoints of some threads; refs stay.

        `keep_latest` keeps the newest of each namespace, `delete` none.

        Raises:
            ValueError: If there is no such strategy.
        """
        if strategy not in ("keep_latest", "delete", "delete_all"):
            raise ValueError(f"No pruning strategy {strategy!r}: use 'keep_latest' or 'delete'.")
        prune = self._keep_newest if strategy == "keep_latest" else self.adelete_checkpoints
        for thread_id in map(str, thread_ids):
            await prune(thread_id)
