"""The published contract of checkpointers, run on ours. Our own promises are elsewhere."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES

from stores.redis.checkpoints import RedisCheckpoints
from stores.sqlite.checkpoints import SqliteCheckpoints

Factory = Callable[[], AsyncGenerator[BaseCheckpointSaver[Any], None]]


@pytest.fixture(params=["redis", "sqlite"])
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> Factory:
    """Return what makes a checkpointer, the way the suite wants it."""
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")

        async def redis() -> AsyncGenerator[BaseCheckpointSaver[Any], None]:
            async with RedisCheckpoints.open(url) as saver:
                yield saver

        return redis

    async def sqlite() -> AsyncGenerator[BaseCheckpointSaver[Any], None]:
        async with SqliteCheckpoints.open(tmp_path / "checkpoints.db") as saver:
            yield saver

    return sqlite


async def test_all_eight_capabilities_are_detected_and_pass(factory: Factory) -> None:
    report = await validate(checkpointer_test(name="ours")(factory))
    assert {name: result.failures for name, result in report.results.items()} == {
        capability.value: [] for capability in ALL_CAPABILITIES
    }
    assert all(result.detected and result.passed for result in report.results.values())
    assert len(report.results) == 8
