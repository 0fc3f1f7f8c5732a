"""Keeps a lease alive while its work lasts: a slow model must not lose what it works on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from nodes.state import Parts

BEATS = 3
"""How often a lease is extended before it would end."""


@asynccontextmanager
async def extending(
    parts: Parts, extend: Callable[[datetime], Awaitable[object]]
) -> AsyncIterator[None]:
    """Extend a lease until the work inside is done.

    What `extend` raises ends the extending alone.
    """
    lease = parts.settings.fold_lease

    async def extending() -> None:
        while True:
            await asyncio.sleep(lease.total_seconds() / BEATS)
            await extend(parts.now() + lease)

    task = asyncio.create_task(extending())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
