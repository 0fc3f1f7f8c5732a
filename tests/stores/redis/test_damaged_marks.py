"""What another program wrote over the marks and lists in Redis stops no command."""

from typing import Any

import pytest
from redis import Redis

from domain.owner import Owner
from stores.maintenance.erase import forget, reset
from tests.support.house import Open

ALEX = Owner("alex")


@pytest.fixture
def backend(redis_url: str) -> dict[str, Any]:
    """Redis, and Chroma in the data dir."""
    return {"redis_url": redis_url}


@pytest.mark.parametrize("value", [b"", b"null", b"\xff\xfe"])
async def test_an_installation_key_that_is_none_is_made_anew(
    open_house: Open, redis_url: str, value: bytes
) -> None:
    async with open_house() as house:
        await house.talk(1, 2)
        old = house.parts.stores.key
    with Redis.from_url(redis_url) as redis:
        redis.set("mnemo:mark:delimiter-key", value)
    for number in (3, 4):
        async with open_house() as house:
            key = house.parts.stores.key
            assert len(key) >= 32 and key != old
            await house.talk(number, number)
            assert house.shown() == {f"mark{n}" for n in range(1, number + 1)}


async def test_names_that_are_no_text_stop_no_reset(open_house: Open, redis_url: str) -> None:
    async with open_house() as house:
        await house.talk(1, 2)
        with Redis.from_url(redis_url) as redis:
            (key,) = redis.scan_iter(match=f"mnemo:{{{ALEX.key}}}:generations")
            redis.sadd(key, b"\xff\xfe")
        await reset(house.parts.stores, ALEX)
        await house.talk(3, 3)
        assert house.shown() == {"mark3"}
        await forget(house.parts.stores, "alex")
        assert not await house.parts.stores.journal.backend.owners()
