"""How the C library and Python keep memory for a process that runs for long."""

import ctypes
import gc
from contextlib import suppress

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's `mallopt`, as the variable `MALLOC_ARENA_MAX` sets it."""
_ARENAS = 2
_YOUNG = 1_000
"""New objects after which Python looks for garbage among them; its own number is 700 to 2,000."""


def keep_little() -> None:
    """Look for garbage soon, and let all threads share two heaps, not eight for each processor.

    A command puts the first off to start sooner (`service.cli.terminal.hasten`): then what a turn
    leaves in circles lies there for thousands of turns, up to 250 KB each. And each heap keeps what
    its threads once needed, and the threads that read stores are many. To be called before they
    begin; of other C libraries than glibc nothing is asked.
    """
    gc.set_threshold(_YOUNG, 10, 10)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
