"""Work under way for owners in this process: one task an owner, joined by who comes, cancellable.

Nothing depends on a task surviving: whatever it leaves undone, the next turn finds due again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context

from domain.owner import Owner
from models.errors import ModelError
from models.single_flight import SingleFlight
from stores.errors import GenerationMoved, StoreUnavailable

_log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[object]]
BREATH = 0.02
"""Seconds before work begins, within which the turn that starts it ends."""


class BackgroundWork:
    """The tasks of this process, at most one an owner."""

    def __init__(self) -> None:
        """Begin with none."""
        self._flights = SingleFlight[str, None]()

    def start(self, owner: Owner, work: Work) -> asyncio.Task[None]:
        """Begin `work` for an owner; where some is under way already, join that instead."""
        task = self._flights.get(owner.key)
        if task is None:
            # A context of its own: the run that starts it must not stream or trace it.
            task = self._flights.start([owner.key], self._run(owner, work), context=Context())
        return task

    async def _run(self, owner: Owner, work: Work) -> None:
        await asyncio.sleep(BREATH)
        try:
            await work()
        except (ModelError, StoreUnavailable, GenerationMoved) as error:
            _log.warning("Work for an owner was not finished; it is tried again: %s", error)

    async def cancel(self, owner: Owner) -> None:
        """Stop what is under way for an owner."""
        task = self._flights.get(owner.key)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

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
