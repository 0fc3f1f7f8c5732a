"""Work that several ask for at once is done once: who comes while it is under way, joins it."""

import asyncio
from collections.abc import Coroutine, Hashable, Iterable
from contextvars import Context
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SingleFlight(Generic[K, T]):
    """Tasks of this process by key, each until it is done."""

    def __init__(self) -> None:
        """Begin with none."""
        self._tasks: dict[K, asyncio.Task[T]] = {}

    def get(self, key: K) -> asyncio.Task[T] | None:
        """Return the task under way for a key; wait for it with `asyncio.shield`."""
        return self._tasks.get(key)

    def start(
        self, keys: Iterable[K], work: Coroutine[Any, Any, T], *, context: Context | None = None
    ) -> asyncio.Task[T]:
        """Begin work for keys that none is under way for.

        It is a task of its own: who asked first may be cancelled while others still wait.
        """
        task = asyncio.create_task(work, context=context)
        mine = dict.fromkeys(keys, task)
        self._tasks.update(mine)

        def landed(done: asyncio.Task[T]) -> None:
            for key in mine:
                self._tasks.pop(key, None)
            if not done.cancelled():
                done.exception()  # Seen, also where nobody waits any more.

        task.add_done_callback(landed)
        return task

    def all(self) -> list[asyncio.Task[T]]:
        """Return every task under way."""
        return list(dict.fromkeys(self._tasks.values()))
