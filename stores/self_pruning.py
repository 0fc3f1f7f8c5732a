"""What every checkpointer of ours does with whole threads: delete, copy, prune, and tell the refs.

Where the rows lie is the backends' part; which of them go is decided in `checkpoint_pruning`.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import nullcontext
from typing import TypedDict, Unpack

from stores.checkpoint_pruning import (
    KEEP_TURNS,
    ThreadRefs,
    checked_keep_turns,
    checked_strategy,
)
from stores.errors import GenerationMoved


class PruningOptions(TypedDict, total=False):
    """How a checkpointer prunes itself."""

    refs: ThreadRefs | None
    """Told when a thread is copied or deleted."""
    keep_turns: int
    """How many turns of a thread keep their checkpoints, 2 or more."""
    thin: bool
    """Whether a turn keeps its first and last steps alone."""


class SelfPruning(ABC):
    """The part of a checkpointer that deals with whole threads."""

    def _prune_by(self, **options: Unpack[PruningOptions]) -> None:
        """Take the options.

        Raises:
            ValueError: If `keep_turns` is too small.
        """
        self._keep_turns = checked_keep_turns(options.get("keep_turns", KEEP_TURNS))
        self._thin, self._refs = options.get("thin", False), options.get("refs")
        self._lost: set[str] = set()
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
    def threads(self) -> AsyncIterator[str]:
        """Yield every thread that has checkpoints."""

    @abstractmethod
    async def _keep_newest(self, thread_id: str) -> None:
        """Delete all checkpoints of a thread but the newest of each namespace."""

    @abstractmethod
    async def _copy(self, source: str, target: str) -> None:
        """Copy all checkpoints of a thread to another."""

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

        Args:
            thread_ids: The threads.
            strategy: `keep_latest` keeps the newest of each namespace, `delete` none.

        Raises:
            ValueError: If there is no such strategy.
        """
        prune = self.adelete_checkpoints if checked_strategy(strategy) else self._keep_newest
        for thread_id in map(str, thread_ids):
            await prune(thread_id)
