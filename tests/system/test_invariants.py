"""Random histories of the whole system against a model: no loss, once, branches, budget, isolation,
reset wins, no echo."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.models.scripted import Script, open_script, scripted_settings
from tests.support.player import OPERATIONS, Player

Operation = tuple[str, int, int, int]

OPERATION = st.tuples(
    st.sampled_from(OPERATIONS), st.integers(0, 1), st.integers(0, 3), st.integers(0, 40)
)
HISTORY = st.lists(OPERATION, min_size=3, max_size=18)
RULES: dict[str, Any] = {"fold_turns": 4, "extract_turns": 3, "borrowed_turns": 3}


@contextmanager
def playing(data_dir: Path, backend: dict[str, Any]) -> Iterator[tuple[asyncio.Runner, Script]]:
    """Open the stores once, on a loop of their own, for all histories of a test."""
    with asyncio.Runner() as runner, ExitStack() as stack:
        opened = open_script(scripted_settings(data_dir, **RULES, **backend))
        script = runner.run(opened.__aenter__())
        stack.callback(lambda: runner.run(opened.__aexit__(None, None, None)))
        yield runner, script


def holds(data_dir: Path, backend: dict[str, Any], examples: int, **more: Any) -> None:
    """Play random histories; every promise is checked after every step."""
    with playing(data_dir, backend) as (runner, script):

        @settings(
            max_examples=examples,
            suppress_health_check=list(HealthCheck),
            **more,
        )
        @given(history=HISTORY, tight=st.booleans(), durability=st.sampled_from(["async", "exit"]))
        def play(history: list[Operation], tight: bool, durability: str) -> None:
            runner.run(Player(script, tight=tight, durability=durability).play(history))

        play()


@pytest.mark.deep
@pytest.mark.timeout(2400)
def test_two_hundred_histories_keep_every_promise(
    tmp_path: Path, every_backend: dict[str, Any]
) -> None:
    holds(tmp_path, every_backend, 200, derandomize=True)
