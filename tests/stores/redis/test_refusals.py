"""A Redis that is there and refuses is not told to be started: its own words say what to change."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from domain.owner import Owner
from stores.errors import StoreUnavailable
from stores.redis.connection import connect
from stores.redis.journal import open_redis_journal
from tests.support.servers.redis_stack import RedisStack

ALEX = Owner("alex")
TURN_LIFE = timedelta(days=1)


@pytest.fixture
async def own() -> AsyncIterator[tuple[str, Redis]]:
    """A Redis of the test's own, to be misconfigured."""
    with RedisStack(plain=True) as server:
        async with Redis.from_url(server.url) as admin:
            yield server.url, admin


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [("maxmemory", "1", "maxmemory"), ("min-replicas-to-write", "1", "replicas")],
)
async def test_a_redis_that_takes_no_writes_says_why(
    own: tuple[str, Redis], setting: str, value: str, says: str
) -> None:
    url, admin = own
    async with connect(url) as client, open_redis_journal(client, TURN_LIFE) as journal:
        await admin.config_set(setting, value)
        with pytest.raises(StoreUnavailable, match=f"refuses a call.*{says}") as refused:
            await journal.note_thread(ALEX, None, "t")
        sentence = str(refused.value)
        assert not any(word in sentence for word in ("start it", "alex", "HSET", "\n"))
        await admin.config_set(setting, "0")
        await journal.note_thread(ALEX, None, "t")


async def test_a_key_of_another_kind_is_said(own: tuple[str, Redis]) -> None:
    url, admin = own
    await admin.rpush(f"mnemo:{{{ALEX.key}}}:generation", "no string")
    async with connect(url) as client, open_redis_journal(client, TURN_LIFE) as journal:
        with pytest.raises(StoreUnavailable, match=r"another kind of value.*mnemo doctor"):
            await journal.note_thread(ALEX, None, "t")


async def test_a_user_who_may_not_ask_for_the_version_is_served(own: tuple[str, Redis]) -> None:
    url, admin = own
    await admin.acl_setuser(
        "eve", enabled=True, passwords="+pw", keys="*", commands=["+@all", "-info"]
    )
    async with (
        connect(url.replace("://", "://eve:pw@")) as client,
        open_redis_journal(client, TURN_LIFE) as journal,
    ):
        await journal.note_thread(ALEX, None, "t")
        assert list((await journal.read(ALEX)).threads) == ["t"]


async def test_a_wrong_password_is_no_redis_that_is_away(own: tuple[str, Redis]) -> None:
    url, _ = own
    with pytest.raises(StoreUnavailable, match="refuses a call") as refused:
        async with connect(url.replace("://", "://eve:wrong@")):
            pass
    assert "wrong@" not in str(refused.value)


async def test_any_database_of_a_redis_will_do_and_one_it_has_not_is_said(
    own: tuple[str, Redis],
) -> None:
    url, _ = own
    place = url.rstrip("/0").rstrip("/") if url.endswith("/0") else url.rstrip("/")
    async with (
        connect(f"{place}/7") as client,
        open_redis_journal(client, TURN_LIFE) as journal,
    ):
        await journal.note_thread(ALEX, None, "t")
    with pytest.raises(StoreUnavailable, match="has no database of that number: leave the number"):
        async with connect(f"{place}/99"):
            pass
