"""Waiting for a model server that is up but still reads the model's weights."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from models.errors import StillLoading

T = TypeVar("T")

LONGEST = 300.0
"""Seconds: some 40 GB of weights from a slow disk."""
PAUSE = 1.0
"""Seconds between two questions."""


async def once_loaded(
    ask: Callable[[], Awaitable[T]], seconds: float | None = None
) -> tuple[T, float]:
    """Return an answer, and how many seconds it was waited until the model was loaded.

    Args:
        ask: Asks the server.
        seconds: How long it is asked again; a server that hangs says nothing, and is not.

    Raises:
        StillLoading: If the server still says so then.
        ModelError: If something else is wrong.
    """
    longest = LONGEST if seconds is None else seconds
    begun = asked = monotonic()
    while True:
        try:
            return await ask(), asked - begun
        except StillLoading:
            if monotonic() + PAUSE - begun > longest:
                raise
        await asyncio.sleep(PAUSE)
        asked = monotonic()
