"""Which threads were deleted while a run on them went on. All runs are in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from cachetools import LRUCache
from langchain_core.runnables import RunnableConfig

from stores.self_pruning import RUNS_UNDER_WAY, RunOn, run_on


class Deletions:
    """The deletions of every thread, counted, and how many there were when each run began."""

    def __init__(self) -> None:
        """Know of none."""
        self._counts: Counter[str] = Counter()
        self._under_way: Counter[str] = Counter()
        self._began: LRUCache[RunOn, int] = LRUCache(RUNS_UNDER_WAY)

    def begin(self, config: RunnableConfig) -> None:
        """Note that a run begins on a thread, where one does.

        While the thread is being deleted it may read what is deleted, and writes nothing.
        """
        if run := run_on(config):
            count = self._counts[run.thread_id]
            self._began[run] = count - 1 if self._under_way[run.thread_id] else count

    @contextmanager
    def of(self, thread_id: str) -> Iterator[None]:
        """Note that a thread is deleted meanwhile: no run on it writes what it read before."""
        self._counts[thread_id] += 1
        self._under_way[thread_id] += 1
        try:
            yield
        finally:
            self._under_way[thread_id] -= 1

    def forbid(self, config: RunnableConfig) -> bool:
        """Return whether a run writes to a thread that was deleted since it began."""
        run = run_on(config)
        if run is None:
            return False
        count = self._counts[run.thread_id]
        return self._began.get(run, count) != count
