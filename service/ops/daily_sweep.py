"""Sweeps from a serving process, as often as the settings say: one of all the processes does it."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from nodes.state import Parts
from service.ops.sweep import SWEPT, SweepReport, sweep
from service.usage.callbacks import unmetered

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
        while task is not None and not task.done():
            task.cancel()  # Again where a store's client took it for a time that is over.
            await asyncio.wait([task], timeout=0.2)


async def _sweep_forever(parts: Parts, every: timedelta) -> None:
    unmetered()  # Nobody asked for it: it uses up no user's tokens of the day.
    while True:
        # Not all processes at the same moment: whoever comes first begins.
        await asyncio.sleep(random.uniform(0.5, 1.5) * every.total_seconds() / LOOKS)
        try:
            report = await sweep_when_due(parts, every)
        except Exception:  # noqa: BLE001 (one round that fails must not end all later ones)
            _log.warning("The sweep could not be done and is tried again.", exc_info=True)
            continue
        if report is not None:
            for sentence in report.failed:
                _log.warning("The sweep left an owner for the next one: %s", sentence)


async def sweep_when_due(parts: Parts, every: timedelta) -> SweepReport | None:
    """Sweep, unless any process began or ended to do so less than `every` ago; then None.

    Two that begin at the same moment both sweep, which does no harm. One that fails or is cut off
    is tried again at the next look.

    Raises:
        StoreUnavailable: If the journal does not answer.
    """
    marks, now = parts.stores.journal.backend, parts.now()
    for name in (BEGUN, SWEPT):
        if _within(every, now, await marks.mark(name)):
            return None
    await marks.mark(BEGUN, now.isoformat())
    try:
        return await sweep(parts)
    except BaseException:  # however it ended, also by being cut off, it is to be begun again
        await marks.mark(BEGUN, "")
        raise


def _within(every: timedelta, now: datetime, mark: str | None) -> bool:
    """Return whether a mark holds a time near now; one of a clock that was wrong does not."""
    try:
        return abs(now - datetime.fromisoformat(mark or "")) < every
    except (TypeError, ValueError):
        return False
