"""How long an event loop is kept from running, in processor time of this process.

Other programs on the machine do not count; other threads of this one do, as long as they keep
Python's lock. Nothing here is a test.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_EVERY = 0.002
"""Seconds between two looks."""


class Held:
    """The longest time between two looks."""

    seconds = 0.0


@asynccontextmanager
async def watched() -> AsyncIterator[Held]:
    """Watch the running loop."""
    held = Held()

    async def watch() -> None:
        before = time.process_time()
        while True:
            await asyncio.sleep(_EVERY)
            now = time.process_time()
            held.seconds, before = max(held.seconds, now - before), now

    task = asyncio.create_task(watch())
    try:
        yield held
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
