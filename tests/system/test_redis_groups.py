"""On several Redis servers, restarted and failed over meanwhile, what was answered is kept."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.owner import Owner
from domain.tiers import Tier
from service.ops.doctor_redis import check_redis
from service.thread_locks import ThreadBusy, open_thread_locks
from service.usage.limits import LimitExceeded, open_limits
from stores.errors import StoreUnavailable
from stores.maintenance.erase import forget, reset
from stores.redis.connection import connect
from tests.support.house import House, Open
from tests.support.servers.redis_groups import (
    RedisCluster,
    RedisPair,
    redis_cluster,
    redis_pair,
    until,
)

ALEX, BLAKE = Owner("alex"), Owner("blake")
TRIES = 120
"""How often a message is sent anew, half a second apart, until somebody took over."""


@pytest.fixture(params=["cluster", "sentinel"])
def group(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisCluster | RedisPair]:
    """Servers of which one may fail."""
    opened = redis_cluster() if request.param == "cluster" else redis_pair(tmp_path)
    with opened as servers:
        yield servers


class Talk:
    """What each user said and was answered."""

    def __init__(self, house: House) -> None:
        self.house, self.answered, self.tries = house, dict[Owner, list[str]](), 0

    async def say(self, owner: Owner) -> None:
        """Say something new until it is answered; what failed may be there or not."""
        for _ in range(TRIES):
            self.tries += 1
            text = f"{owner.user_id} speaks of mark{self.tries} now"
            try:
                await self.house.say(text, owner.user_id, user=owner.user_id)
            except StoreUnavailable:
                await asyncio.sleep(0.5)
                continue
            self.answered.setdefault(owner, []).append(text)
            return
        raise AssertionError("never answered again")

    async def both(self, times: int) -> None:
        for _ in range(times):
            await self.say(ALEX)
            await self.say(BLAKE)

    async def is_kept_once(self) -> None:
        """What was answered is in the journal or in one episode, and is its user's own."""
        for owner, answered in self.answered.items():
            view = await self.house.parts.stores.journal.read(owner)
            folded = [t for e in await self.house.episodes(owner.user_id) for t in e.turns]
            in_both = set(view.turns) & {turn.id for turn in folded}
            assert len({turn.id for turn in folded}) == len(folded) and not in_both
            texts = [m.text for t in (*view.turns.values(), *folded) for m in t.messages]
            assert set(answered) <= set(texts), set(answered) - set(texts)
            assert all(text.startswith(("Reply", owner.user_id)) for text in texts)


@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", [{}], ids=["own"])
async def test_what_was_answered_survives_a_restart_and_a_failover_in_the_middle(
    open_house: Open, group: RedisCluster | RedisPair, postgres_url: str
) -> None:
    stores = {"redis_url": group.url, "postgres_url": postgres_url, "store_timeout": 2.0}
    async with open_house(**stores, fold_turns=6, extract_turns=2) as house:
        talk = Talk(house)
        await talk.both(8)
        assert await house.episodes("alex") and await house.episodes("blake")
        primary, _ = group.pair(ALEX)
        talking = asyncio.create_task(talk.both(4))
        await asyncio.to_thread(primary.kill)
        await asyncio.to_thread(primary.start)
        await talking
        await talk.is_kept_once()
        await asyncio.to_thread(until, group.well)
        talking = asyncio.create_task(talk.both(4))
        await asyncio.to_thread(primary.kill)
        await asyncio.to_thread(until, lambda: group.taken_over(ALEX))
        await talking
        await talk.is_kept_once()

        await reset(house.parts.stores, ALEX)
        del talk.answered[ALEX]
        await talk.both(2)
        await talk.is_kept_once()
        assert "mark1 " not in house.prompt()
        for owner in (ALEX, BLAKE):
            await forget(house.parts.stores, owner.user_id)
            view = await house.parts.stores.journal.read(owner)
            assert not view.turns and not await house.episodes(owner.user_id)
        async with connect(group.url) as client:
            left = [key async for key in client.scan_iter()]
        assert not [key for key in left if b"checkpoint-rows" in key or b":turns" in key], left


@pytest.mark.deep
@pytest.mark.timeout(300)
@pytest.mark.parametrize("backend", [{}], ids=["own"])
async def test_locks_and_limits_hold_for_all_processes_on_several_servers(
    open_house: Open, group: RedisCluster | RedisPair
) -> None:
    plus = Tier(context_budget=6000, turns_per_minute=1, tokens_per_day=1000)
    async with open_house(redis_url=group.url, plus=plus) as house:
        settings = house.parts.settings
        async with open_thread_locks(settings) as mine, open_thread_locks(settings) as theirs:
            async with mine.hold("t", 0):
                with pytest.raises(ThreadBusy):
                    async with theirs.hold("t", 0):
                        pass
            async with theirs.hold("t", 0):
                pass
        async with open_limits(settings) as mine_, open_limits(settings) as theirs_:
            await mine_.admit("alex", None)
            with pytest.raises(LimitExceeded):
                await theirs_.admit("alex", None)
            await mine_.charge("alex", None, 400)
            quota = await theirs_.quota("alex")
            assert quota is not None and quota.left == 600
        assert all(row.state != "fail" for row in await check_redis(settings))
