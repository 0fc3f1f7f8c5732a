"""A thread whose checkpoints are lost goes on from its journal, and that turn says so."""

from typing import Any

import pytest
from redis.asyncio import Redis

from tests.support.house import Open


async def lose(redis_url: str, what: str) -> None:
    """Take the thread's newest checkpoint, or all of them, as an eviction or an accident does."""
    raw: Any
    async with Redis.from_url(redis_url) as raw:
        (key,) = [found async for found in raw.scan_iter(match="mnemo:checkpoint-rows:*")]
        if what == "all":
            await raw.delete(key)
            return
        names = [name for name in await raw.hkeys(key) if name.startswith(b"checkpoint::")]
        await raw.hdel(key, max(names, key=lambda name: name.split(b":")[2]))


@pytest.mark.parametrize("what", ["newest", "all"])
async def test_a_thread_without_its_newest_checkpoint_goes_on_from_its_last_turn(
    open_house: Open, redis_url: str, what: str
) -> None:
    async with open_house(fold_turns=100) as house:
        await house.talk(1, 7)
        await lose(redis_url, what)
        result = await house.say("Let us speak of mark8 now")
        assert house.shown() == {f"mark{number}" for number in range(1, 9)}
        assert result["degraded"] == ["checkpoints"]
        assert (await house.say("Let us speak of mark9 now"))["degraded"] == []
        assert len(house.shown()) == 9


@pytest.fixture
def backend(redis_url: str) -> dict[str, str]:
    """Redis, and Chroma in the data dir."""
    return {"redis_url": redis_url}
