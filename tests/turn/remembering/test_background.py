"""Background mode: the reply ends the run, and what is due is done all the same."""

import asyncio
from collections import Counter
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


async def test_what_was_said_is_indexed_before_the_next_message_comes(open_house: Open) -> None:
    for remember in ("background", "inline"):
        async with open_house(remember=remember, fold_turns=100, extract_turns=100) as house:
            await house.talk(1, 3)
            stores, owner = house.parts.stores, Owner("alex")
            await stores.background.finish(10)
            indexed = stores.recall.nbytes
            await stores.recall.load(owner, await stores.journal.read(owner))
            assert stores.recall.nbytes == indexed > 0


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


async def test_whoever_talks_on_six_threads_at_once_has_each_of_them_folded_and_loses_nothing(
    open_house: Open,
) -> None:
    async with open_house(remember="background", extract_turns=100) as house:

        async def talk(thread: int) -> None:
            for number in range(30):
                await house.say(f"Let us speak of mark{number}abcdef"[: 24 + thread], f"t{thread}")

        await asyncio.gather(*map(talk, range(6)))
        await house.parts.stores.background.finish(60)
        episodes = await house.episodes()
        left = (await house.parts.stores.journal.read(Owner("alex"))).turns
        folded = [turn.id for episode in episodes for turn in episode.turns]
        assert len({*folded, *left}) == len(folded) + len(left) == 180
        assert min(len(episode.turns) for episode in episodes) >= 3
        assert max(Counter(turn.thread for turn in left.values()).values()) < 12


async def test_what_is_not_folded_yet_and_has_no_room_in_the_prompt_is_recalled(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=1000, fold_at=0.99, extract_turns=1000) as house:
        await house.say("My sister Greta keeps a telescope called mark1 in Oslo.")
        talk = [f"mark{number}. " + "We walked and watched boats. " * 20 for number in range(2, 41)]
        for text in talk:
            await house.say(text)
        told = await house.say("What is the name of the telescope of my sister Greta?")
        assert "mark1" in house.shown()
        assert told["budget"]["total"] <= told["budget"]["limit"]
        assert max(map(house.prompt().count, talk)) == 1, "nothing is shown and recalled too"


async def test_the_end_of_the_previous_conversation_is_recalled_where_it_has_no_room(
    open_house: Open,
) -> None:
    walked = "We walked along the river and watched the boats go by for hours. " * 18
    async with open_house(fold_turns=1000, fold_at=0.99, extract_turns=1000) as house:
        await house.say("My sister Greta keeps a telescope called mark1 in Oslo.", "before")
        for number in range(2, 7):
            await house.say(f"mark{number}. {walked}", "before")
        for number in range(7, 20):
            await house.say(f"mark{number}. {walked}")
        await house.say("What is the name of the telescope of my sister Greta?")
        assert "mark1" in house.shown()


async def test_facts_are_drawn_of_what_was_said_while_others_were_folded(open_house: Open) -> None:
    async with open_house(remember="background", fold_turns=4, extract_turns=4) as house:
        summarizing = asyncio.Event()
        loop = asyncio.get_running_loop()

        def telling(body: Body) -> Any:
            if not is_reply(body):
                loop.call_soon_threadsafe(summarizing.set)
            return slow(body)

        house.server.default = telling
        await house.talk(1, 4)
        await summarizing.wait()
        await house.talk(5, 9)
        await house.parts.stores.background.finish(30)
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert view.seq - view.cursor < 4


def slow(body: Body) -> Any:
    """Reply at once, and take a while to summarize."""
    behaviour = answer(body)
    if isinstance(behaviour, Reply) and not is_reply(body):
        return Reply(behaviour.text, delay=0.3)
    return behaviour
