"""How long an event loop is kept from running, as if nothing else ran on the machine.

What keeps it is a call on the loop, or another thread that keeps Python's lock. Either takes
processor time all the while; what the loop waits for a processor is the machine's. So it was
held for no longer than the busiest thread ran, and than it did not wait for a processor itself.
Nothing here is a test.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_EVERY = 0.004
"""Seconds between two looks."""


class Held:
    """The longest time between two looks."""

    seconds = 0.0


def _ran_and_waited() -> dict[int, tuple[float, float]]:
    """Return the seconds that each of Python's threads ran, and waited for a processor."""
    threads = {}
    for thread in threading.enumerate():
        with suppress(OSError):  # It has just ended.
            told = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text()
            ran, waited, _ = map(int, told.split())
            threads[thread.native_id or 0] = ran / 1e9, waited / 1e9
    return threads


@asynccontextmanager
async def watched() -> AsyncIterator[Held]:
    """Watch the running loop."""
    held, loop = Held(), threading.get_native_id()
    at, before = time.monotonic(), _ran_and_waited()

    async def watch() -> None:
        nonlocal at, before
        while True:
            await asyncio.sleep(_EVERY)
            now, after = time.monotonic(), _ran_and_waited()
            own = now - at - (after[loop][1] - before[loop][1])
            most = max(ran - before.get(id, (0.0, 0.0))[0] for id, (ran, _) in after.items())
            held.seconds = max(held.seconds, min(most, own))
            at, before = now, after

    task = asyncio.create_task(watch())
    try:
        yield held
        await asyncio.sleep(2 * _EVERY)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
