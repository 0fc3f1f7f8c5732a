"""Where work of the processor runs: in a thread, unless it is over sooner than a thread begins."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def run_aside(small: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do work that takes the processor, without holding the event loop up for long.

    Args:
        small: True where it takes a few milliseconds at most: to hand it to a thread and back
            takes about one, and more where many conversations want a thread.
        work: What to do.
        *args: Its arguments.
        **kwargs: Its named arguments.
    """
    if small:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
