"""Every edit that works on a plain graph works here, as front ends make it.

They read the ten newest checkpoints, look in which a message first stands, and go on from the one
before that.
"""

from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from tests.support.house import House, Open

READ = 10
"""Checkpoints that LangGraph's `useStream` reads of a thread."""
STEPS_OF_A_PLAIN_GRAPH = 3


async def before(house: House, text: str) -> RunnableConfig:
    """Return where a client goes on from to say a message otherwise, or to hear it again."""
    history = [s async for s in house.graph.aget_state_history(house.config(), limit=READ)]
    first = [s for s in history if any(text in m.text for m in s.values.get("messages", ()))][-1]
    assert first.parent_config is not None
    return first.parent_config


def said(number: int) -> str:
    return f"Let us speak of mark{number} now"


@pytest.mark.deep
@pytest.mark.parametrize("durability", ["async", "sync"])
@pytest.mark.parametrize(("edited", "turns"), [(1, 3), (3, 4), (4, 6)])
async def test_an_edit_takes_the_place_of_the_turn_it_edits(
    open_house: Open, edited: int, turns: int, durability: Any
) -> None:
    async with open_house(fold_turns=100) as house:
        for number in range(1, turns + 1):
            await house.say(said(number), durability=durability)
        at = await before(house, said(edited))
        await house.say(said(99), at=at, durability=durability)
        assert house.shown() == {f"mark{number}" for number in (*range(1, edited), 99)}


async def test_the_last_message_is_edited_after_its_reply_was_made_again(open_house: Open) -> None:
    async with open_house(fold_turns=100) as house:
        for number in (1, 2, 3):
            await house.say(said(number))
        await house.say(None, at=await before(house, f"Reply to {said(3)}"))
        assert house.shown() == {"mark1", "mark2", "mark3"}
        await house.say(said(99), at=await before(house, said(3)))
        assert house.shown() == {"mark1", "mark2", "mark99"}


async def test_a_finished_turn_leaves_as_many_checkpoints_as_one_of_a_plain_graph(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=4, extract_turns=2) as house:
        for number in range(1, 9):
            await house.say(said(number))
            history = [s async for s in house.graph.aget_state_history(house.config())]
            assert len(history) == STEPS_OF_A_PLAIN_GRAPH * number
