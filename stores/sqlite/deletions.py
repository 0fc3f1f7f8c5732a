"""Which threads were deleted while a run on them went on. All runs are in this process."""

from collections import Counter

from cachetools import LRUCache
from langchain_core.runnables import RunnableConfig

from stores.checkpoint_pruning import is_run
from stores.self_pruning import RUNS_UNDER_WAY


class Deletions:
    """The deletions of every thread, counted, and how many there were when its last run began."""

    def __init__(self) -> None:
        """Know of none."""
        self._counts: Counter[str] = Counter()
        self._began: LRUCache[str, int] = LRUCache(RUNS_UNDER_WAY)

    def begin(self, thread_id: str) -> None:
        """Note that a run begins on a thread."""
        self._began[thread_id] = self._counts[thread_id]

    def add(self, thread_id: str) -> None:
        """Note that a thread is deleted: no run under way on it writes any more."""
        self._counts[thread_id] += 1

    def forbid(self, config: RunnableConfig) -> bool:
        """Return whether a run writes to a thread that was deleted since it began."""
        thread_id = str(config["configurable"]["thread_id"])
        count = self._counts[thread_id]
        return is_run(config) and self._began.get(thread_id, count) != count
