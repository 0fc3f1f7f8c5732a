"""Sweeps from a serving process, as often as the settings say: one of all the processes does it."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from nodes.state import Parts
from service.ops.sweep import SWEPT, SweepReport, sweep
from stores.errors import StoreUnavailable

BEGUN = "sweep_begun"
"""The journal's mark that holds when a process last began to sweep."""
LOOKS = 24
"""How often a process looks, between two sweeps, whether it is time for one."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def sweeping(parts: Parts) -> AsyncIterator[None]:
    """Sweep now and then while it is entered; one that is cut off is done again by the next."""
    every = parts.settings.sweep_every
    task = asyncio.create_task(_sweep_forever(parts, every)) if every else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _sweep_forever(parts: Parts, every: timedelta) -> None:
    while True:
        # Not all processes at the same moment: whoever comes first begins.
        await asyncio.sleep(random.uniform(0.5, 1.5) * every.total_seconds() / LOOKS)
        try:
            report = await sweep_when_due(parts, every)
        except StoreUnavailable as error:
            _log.warning("The sweep could not be done and is tried again: %s", error)
            continue
        if report is not None:
            for sentence in report.failed:
                _log.warning("The sweep left an owner for the next one: %s", sentence)


async def sweep_when_due(parts: Parts, every: timedelta) -> SweepReport | None:
    """Sweep, unless any process began or ended to do so less than `every` ago; then None.

    Two that begin at the same moment both sweep, which does no harm.

    Raises:
        StoreUnavailable: If the journal does not answer.
    """
    marks, now = parts.stores.journal.backend, parts.now()
    last = [mark for name in (BEGUN, SWEPT) if (mark := await marks.mark(name))]
    if any(now - datetime.fromisoformat(mark) < every for mark in last):
        return None
    await marks.mark(BEGUN, now.isoformat())
    return await sweep(parts)
