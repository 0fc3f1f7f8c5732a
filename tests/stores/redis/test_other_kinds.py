"""Keys that another program wrote over with another kind of value stop nobody for good."""

import re
from typing import Any

import pytest
from redis import Redis

from domain.owner import Owner
from service.ops.doctor_redis import check_redis
from service.ops.sweep import sweep
from stores.errors import StoreUnavailable
from stores.maintenance.erase import forget, reset
from tests.support.house import House, Open
from tests.support.stores import raw_stores

ALEX = Owner("alex")
BASE = f"mnemo:{{{ALEX.key}}}"
KEYS = [
    "mnemo:owners",
    f"mnemo:user:{ALEX.user_key}",
    f"{BASE}:generation",
    f"{BASE}:generations",
    f"{BASE}:first:book",
    f"{BASE}:first:turns",
    f"{BASE}:first:threads",
    f"{BASE}:first:summaries",
    f"{BASE}:counts",
    "mnemo:checkpoint-rows:{t}",
    "mnemo:thread:*",
    "mnemo:checkpoint-run:*",
    "mnemo:mark:*",
]
GONE = re.compile(rb"mark([1-6]|2\d|92)\b")
"""What Alex said."""
ENDINGS = [key.rpartition("}")[2] or key.split(":")[1] for key in KEYS]


@pytest.fixture
def backend(redis_url: str) -> dict[str, Any]:
    """Redis, and Chroma in the data dir."""
    return {"redis_url": redis_url}


async def attempt(house: House, text: str, thread: str = "t", user: str = "alex") -> str:
    """Return what a turn ends in: nothing, or the one sentence that it was refused with."""
    try:
        await house.say(text, thread, user=user)
    except StoreUnavailable as refused:
        assert "mnemo doctor" in str(refused) and "\n" not in str(refused)
        return str(refused)
    return ""


@pytest.mark.deep
@pytest.mark.parametrize("key", KEYS, ids=ENDINGS)
async def test_a_key_of_another_kind_is_named_passed_over_and_removed(
    open_house: Open, redis_url: str, key: str
) -> None:
    async with open_house(fold_turns=4, extract_turns=2) as house:
        await house.talk(1, 5)
        await house.talk(20, 21, "other")
        await house.talk(7, 8, "e", user="eve")
        stores, settings = house.parts.stores, house.parts.settings
        with Redis.from_url(redis_url) as redis:
            names = sorted(redis.scan_iter(match=key)) or [key.encode()]
            for name in names:
                redis.delete(name)
                redis.rpush(name, "no value of ours")
            named = [row.text for row in await check_redis(settings) if row.name == "redis keys"]
            assert names[0].decode() in named[0]
            await attempt(house, "Let us speak of mark6")
            await attempt(house, "Let us speak of mark9", "e", "eve")
            try:
                assert all(
                    "mnemo doctor" in sentence for sentence in (await sweep(house.parts)).failed
                )
            except StoreUnavailable as refused:
                assert "mnemo doctor" in str(refused)
            await reset(stores, ALEX)
            if not key.startswith("mnemo:mark:"):
                assert await attempt(house, "Begin with mark92", "new") == ""
                assert house.shown() == {"mark92"}
            await forget(stores, "alex")
            tokens = {f"{BASE}:generation".encode(), f"{BASE}:generations".encode()}
            assert {*redis.scan_iter(match=f"{BASE}:*")} == tokens
            assert [*redis.scan_iter(match="mnemo:checkpoint-rows:*")] == [
                b"mnemo:checkpoint-rows:{e}"
            ]
        values = [
            *raw_stores.redis_values(redis_url),
            *raw_stores.sqlite_values(settings.data_dir),
        ]
        assert not any(GONE.search(value) for value in values)
        if not key.startswith("mnemo:mark:"):
            assert await attempt(house, "Go on to mark93", "e", "eve") == ""
            assert "mark8" in house.shown()
