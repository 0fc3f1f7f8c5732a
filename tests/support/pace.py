"""How slow this machine is just now, for tests of time limits beside other busy programs."""

import time

_SPIN_SECONDS = 0.1
"""Processor time that a measurement takes: a few turns of the scheduler."""


def slowness() -> float:
    """Return how many times longer than alone a program takes now: 1 on an idle machine."""
    begun, spent = time.monotonic(), time.process_time()
    while time.process_time() - spent < _SPIN_SECONDS:
        pass
    return max(1.0, (time.monotonic() - begun) / _SPIN_SECONDS)


def took(begun: float) -> float:
    """Return the seconds since `begun`, of `time.monotonic`, as they were on an idle machine."""
    return (time.monotonic() - begun) / slowness()
