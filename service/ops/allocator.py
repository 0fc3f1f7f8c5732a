"""How the C library keeps memory for a process that runs for long."""

import ctypes
from contextlib import suppress

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's `mallopt`, as the variable `MALLOC_ARENA_MAX` sets it."""
_ARENAS = 2


def keep_little() -> None:
    """Let all threads share two heaps, in place of eight for each processor.

    Each keeps what its threads once needed, and the threads that read stores are many. To be called
    before they begin; of other C libraries than glibc nothing is asked.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
