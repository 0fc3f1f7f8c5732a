"""A model server that is slow or not ready yet is waited for, and asked no more than it can do."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.owner import Owner
from models.errors import StillLoading, TimedOut
from tests.support.house import Open, answer, is_reply
from tests.support.servers.openai_server import Behaviour, Body, Fault, Reply, Structured

pytestmark = pytest.mark.parametrize("backend", [{}], ids=["embedded"])

LOADING = Fault(503, "Loading model")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.provider.loading.PAUSE", 0.02)


async def test_a_model_that_is_still_loading_is_waited_for_and_that_is_said(
    open_house: Open,
) -> None:
    async with open_house() as house:
        house.server.answers(LOADING, LOADING, "Here I am.")
        result = await house.say("Hello mark1")
        assert result["messages"][-1].text == "Here I am."
        assert any("until test-model was loaded" in note for note in result["degraded"])
        assert not (await house.say("Hello mark2"))["degraded"], "said once"


async def test_a_model_that_never_loads_is_said_in_one_sentence(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.provider.loading.LONGEST", 0.1)
    async with open_house() as house:
        house.server.default = lambda body: LOADING
        with pytest.raises(StillLoading, match="still loading the model"):
            await house.say("Hello mark1")


async def test_a_server_of_ones_own_that_is_too_slow_is_not_asked_again(open_house: Open) -> None:
    async with open_house(model_timeout=0.5, model_retries=2) as house:
        house.server.default = lambda body: Fault(500, delay=30)
        with pytest.raises(TimedOut, match=r"within 0.5 s"):
            await house.say("Hello mark1")
        assert len(house.server.requests) == 1


def work_of(delay: float, begun: list[float]) -> Callable[[Body], Behaviour]:
    """Answer memory work slowly; note when each piece of it begins."""

    def answered(body: Body) -> Behaviour:
        behaviour = answer(body)
        if is_reply(body):
            return behaviour
        begun.append(time.monotonic())
        if isinstance(behaviour, Structured):
            behaviour = Reply(json.dumps(behaviour.value))
        return replace(behaviour, delay=delay) if isinstance(behaviour, Reply) else behaviour

    return answered


@pytest.mark.deep
@pytest.mark.parametrize("concurrency", [None, 2])
async def test_near_servers_get_memory_work_one_by_one(
    open_house: Open, concurrency: int | None
) -> None:
    begun: list[float] = []
    async with open_house(fold_turns=4, extract_turns=4, model_concurrency=concurrency) as house:
        await house.talk(1, 3)
        house.server.default = work_of(0.5, begun)
        await house.say("Let us speak of mark4 now")
        together = begun[1] - begun[0] < 1.5
        assert together == (concurrency == 2), "four words take 2 s"


@pytest.mark.deep
async def test_a_lease_lives_as_long_as_its_work(open_house: Open) -> None:
    lease = timedelta(seconds=0.6)
    async with open_house(fold_turns=4, extract_turns=100, fold_lease=lease) as house:
        await house.talk(1, 3)
        asked, begun = len(house.server.requests), house.clock.at
        house.server.default = work_of(0.4, [])
        turn = asyncio.create_task(house.say("Let us speak of mark4 now"))
        await house.server.asked(asked + 2)
        while not turn.done() and house.clock.at < begun + 3 * lease:
            await asyncio.sleep(0.05)
            house.clock.passes(seconds=0.05)
            claim = (await house.parts.stores.journal.read(Owner("alex"))).claim
            assert claim is None or claim.until > house.clock.at
        await turn
        assert await house.episodes()
