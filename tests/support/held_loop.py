"""How long an event loop is kept from running, as if nothing else ran on the machine.

What keeps it is a call on the loop, or another thread that keeps Python's lock. Either takes
processor time all the while; what the loop waits for a processor is the machine's. So it was
held for no longer than the busiest thread ran, and than it did not wait for a processor itself.
Looking gives Python's lock away once: each time that the loop does, it waits 5 ms for it beside a
busy thread, which would be the watcher's doing (a file read for each thread took 60 to 90 ms).
Nothing here is a test.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_EVERY = 0.004
"""Seconds between two looks."""


_CLOCK_OF_A_THREAD = 6
"""Linux makes the number of a thread's clock of its id and these bits (clock_getcpuclockid)."""


class Held:
    """The longest time between two looks."""

    seconds = 0.0


def _ran() -> dict[int, float]:
    """Return the seconds that each of Python's threads ran."""
    threads = {}
    for thread in threading.enumerate():
        with suppress(OSError):  # It has just ended.
            id = thread.native_id or 0
            threads[id] = time.clock_gettime(~id << 3 | _CLOCK_OF_A_THREAD)
    return threads


@asynccontextmanager
async def watched() -> AsyncIterator[Held]:
    """Watch the running loop."""
    held = Held()
    own_stat = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)

    def look() -> tuple[float, float, dict[int, float]]:
        waited = int(os.pread(own_stat, 100, 0).split()[1]) / 1e9
        return time.monotonic(), waited, _ran()

    async def watch(at: float, waited: float, ran: dict[int, float]) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            now, waits, runs = look()
            own = now - at - (waits - waited)
            most = max(run - ran.get(id, 0.0) for id, run in runs.items())
            held.seconds = max(held.seconds, min(most, own))
            at, waited, ran = now, waits, runs

    task = asyncio.create_task(watch(*look()))
    try:
        yield held
        await asyncio.sleep(2 * _EVERY)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        os.close(own_stat)
