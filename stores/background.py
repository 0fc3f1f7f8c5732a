"""Work under way for owners in this process: joined by who comes, and cancellable.

Nothing depends on a task surviving: whatever it leaves undone, the next turn finds due again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Literal, get_args

from domain.owner import Owner
from models.errors import ModelError
from models.single_flight import SingleFlight
from stores.errors import GenerationMoved, StoreUnavailable

_log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[object]]
Kind = Literal["remember", "load"]
"""What work does: fold and extract, or have at hand what the next message needs."""
BREATH = 0.02
"""Seconds before work begins, within which the turn that starts it ends."""


class BackgroundWork:
    """The tasks of this process, at most one of a kind an owner."""

    def __init__(self) -> None:
        """Begin with none."""
        self._flights = SingleFlight[tuple[str, Kind], None]()

    def start(self, owner: Owner, work: Work, kind: Kind = "remember") -> asyncio.Task[None]:
        """Begin `work` for an owner; where some of its kind is under way already, join that."""
        key = (owner.key, kind)
        task = self._flights.get(key)
        if task is None:
            # A context of its own: the run that starts it must not stream or trace it.
            task = self._flights.start([key], self._run(work), context=Context())
        return task

    async def _run(self, work: Work) -> None:
        await asyncio.sleep(BREATH)
        try:
            await work()
        except (ModelError, StoreUnavailable, GenerationMoved) as error:
            _log.warning("Work for an owner was not finished; it is tried again: %s", error)

    async def cancel(self, owner: Owner) -> None:
        """Stop what is under way for an owner."""
        tasks = [task for kind in get_args(Kind) if (task := self._flights.get((owner.key, kind)))]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def finish(self, seconds: float) -> None:
        """Wait for all work, `seconds` at most, and stop what is left."""
        tasks = self._flights.all()
        if not tasks:
            return
        _, left = await asyncio.wait(tasks, timeout=seconds)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
