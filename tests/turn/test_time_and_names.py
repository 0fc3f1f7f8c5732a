"""Today is today where the user is, and several speakers are kept apart."""

from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from domain.owner import Owner
from nodes.state import ChatContext
from tests.support.house import Clock, Open


async def test_today_is_the_day_where_the_user_is(open_house: Open) -> None:
    clock = Clock()
    clock.at = datetime(2026, 5, 9, 3, tzinfo=UTC)
    async with open_house(clock=clock, timezone="Europe/Berlin", extract_turns=1) as house:
        await house.say("I have a dentist's appointment tomorrow", timezone="America/Los_Angeles")
        assert "Today is Friday, 8 May 2026, 20:00." in house.prompt()
        view = await house.parts.stores.journal.read(Owner("alex"))
        turn = next(iter(view.turns.values()))
        assert turn.at.date().isoformat() == "2026-05-08"
        asked = [b for b in house.server.requests if "facts" in str(b.get("response_format"))]
        assert "(Friday 8 May 2026, user)" in str(asked[-1]["messages"])
        await house.say("And now?", "another")
        assert "Today is Saturday, 9 May 2026, 05:00." in house.prompt()
        assert "8 May 2026:\n- User: I have a dentist's appointment" in house.prompt()


async def test_how_long_ago_the_last_message_was_is_told_after_an_hour(open_house: Open) -> None:
    async with open_house() as house:
        await house.say("Hello")
        await house.say("Still here")
        assert "ago" not in house.prompt()
        house.clock.passes(hours=3)
        await house.say("Back again")
        assert "The last message before this one came 3 hours ago." in house.prompt()
        house.clock.passes(days=4)
        await house.say("Hello again", "another")
        assert "The last message before this one came 4 days ago." in house.prompt()


async def test_an_unknown_time_zone_is_said_in_a_sentence(open_house: Open) -> None:
    async with open_house() as house:
        with pytest.raises(ValueError, match='There is no time zone "Mars/Phobos": write it like'):
            await house.say("Hello", timezone="Mars/Phobos")


async def test_the_names_of_speakers_stand_in_the_prompt(open_house: Open) -> None:
    async with open_house() as house:
        for name, text in (("Anna", "I am hungry"), ("Ben", "I am not"), (None, "Who is hungry?")):
            message: Any = {"messages": [HumanMessage(text, name=name)]}
            await house.graph.ainvoke(message, house.config(), context=ChatContext(user_id="alex"))
        said = [m["content"] for m in house.server.requests[-1]["messages"] if m["role"] == "user"]
        assert said[:2] == ["Anna: I am hungry", "Ben: I am not"] and "\nWho is" in said[-1]
