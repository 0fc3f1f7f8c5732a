"""Background mode: the reply ends the run, and what is due is done all the same."""

import asyncio
from typing import Any

import pytest

from domain.owner import Owner
from stores.maintenance.erase import reset
from tests.support.house import Open, answer, is_reply
from tests.support.servers.openai_server import Body, Reply

pytestmark = pytest.mark.parametrize("backend", [{}], ids=["embedded"])


async def test_a_reply_does_not_wait_for_folding_and_the_next_turn_finds_it_done(
    open_house: Open,
) -> None:
    async with open_house(remember="background", fold_turns=4, extract_turns=4) as house:
        house.server.default = slow
        await house.talk(1, 4)
        assert await house.episodes() == []
        await house.parts.stores.background.finish(10)
        (episode,) = await house.episodes()
        assert "mark1" in episode.summary
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert len(view.turns) == 2 and view.cursor == 4


async def test_a_second_trigger_joins_a_fold_that_is_under_way(open_house: Open) -> None:
    async with open_house(remember="background", fold_turns=4, extract_turns=100) as house:
        house.server.default = slow
        await house.talk(1, 6)
        await house.parts.stores.background.finish(10)
        summaries = [b for b in house.server.requests if not is_reply(b)]
        windows = {str(b["messages"][-1]["content"]) for b in summaries}
        assert len(windows) == len(summaries), "no window is summarized twice"
        turns = [t.id for e in await house.episodes() for t in e.turns]
        assert len(turns) == len(set(turns))


async def test_a_reset_cancels_what_is_under_way(open_house: Open) -> None:
    async with open_house(remember="background", fold_turns=4) as house:
        house.server.default = slow
        await house.talk(1, 4)
        await asyncio.sleep(0.05)
        await reset(house.parts.stores, Owner("alex"))
        await house.parts.stores.background.finish(0)
        assert await house.episodes() == []
        await house.say("Let us speak of mark9")
        assert house.shown() == {"mark9"}


async def test_a_task_that_died_is_made_up_for_by_the_next_turn(open_house: Open) -> None:
    async with open_house(remember="background", fold_turns=4, extract_turns=100) as house:
        house.server.default = slow
        await house.talk(1, 4)
        await house.parts.stores.background.cancel(Owner("alex"))
        house.clock.passes(minutes=5)
        await house.talk(5, 5)
        await house.parts.stores.background.finish(10)
        (episode,) = await house.episodes()
        assert len(episode.turns) == 2


def slow(body: Body) -> Any:
    """Reply at once, and take a while to summarize."""
    behaviour = answer(body)
    if isinstance(behaviour, Reply) and not is_reply(body):
        return Reply(behaviour.text, delay=0.3)
    return behaviour
