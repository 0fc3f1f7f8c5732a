"""Today is today where the user is, and several speakers are kept apart."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from domain.owner import Owner
from nodes.state import ChatContext
from service.memory_view import remembered
from tests.support.house import Clock, House, Open, answer
from tests.support.servers.openai_server import Behaviour, Body, Structured


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
        spoken = (("Anna", "I am hungry"), ("Ben\n", "I am not"), (None, "Who is hungry?"))
        for name, text in spoken:
            message: Any = {"messages": [HumanMessage(text, name=name)]}
            await house.graph.ainvoke(message, house.config(), context=ChatContext(user_id="alex"))
        said = [m["content"] for m in house.server.requests[-1]["messages"] if m["role"] == "user"]
        assert said[:2] == ["Anna: I am hungry", "Ben: I am not"] and "\nWho is" in said[-1]


async def test_a_picture_reaches_the_model_with_the_name_of_who_sends_it(open_house: Open) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    text = {"type": "text", "text": "What is this?"}
    async with open_house() as house:
        given: Any = {"messages": [HumanMessage([text, image], name="Anna")]}
        await house.graph.ainvoke(given, house.config(), context=ChatContext(user_id="alex"))
        asked = house.server.requests[-1]["messages"][-1]["content"]
        assert image in asked
        assert "Anna: What is this?" in "".join(part.get("text", "") for part in asked)


async def speak(house: House, name: str | None, text: str, thread: str = "t") -> str:
    """Say something under a name; return the reply."""
    house.clock.passes(seconds=20)
    given: Any = {"messages": [HumanMessage(text, name=name)]}
    context = ChatContext(user_id="alex")
    result = await house.graph.ainvoke(given, house.config(thread), context=context)
    return str(result["messages"][-1].text)


@pytest.mark.parametrize("called", ["The user", ""])
async def test_what_two_speakers_say_of_themselves_are_two_facts(
    open_house: Open, called: str
) -> None:
    def homes(body: Body) -> Behaviour:
        data = str(body["messages"][-1]["content"])
        if "facts" not in str(body.get("response_format")):
            return answer(body)
        said = re.findall(r"^(m\d+) \(.*, (\w+)\): I live in (\w+)", data, re.M)
        more: dict[str, Any] = {"op": "add", "kind": "place", "slot": "home"}
        facts = [
            {
                "text": f"{called or name} lives in {town}.",
                "source": source,
                "subject": called,
                **more,
            }
            for source, name, town in said
        ]
        return Structured({"facts": facts, "entities": []})

    async with open_house(extract_turns=1) as house:
        house.server.default = homes
        for name, town in (("Anna", "Rome"), ("Ben", "Oslo")):
            await speak(house, name, f"I live in {town}")
        facts = (await remembered(house.parts.stores, Owner("alex"))).facts
        assert {(each.fact.subject, each.fact.text, each.current) for each in facts} == {
            ("Anna", "Anna lives in Rome.", True),
            ("Ben", "Ben lives in Oslo.", True),
        }


async def test_each_speaker_is_answered_with_what_they_said_themselves(open_house: Open) -> None:
    async with open_house(chat_model="offline", openai_base_url=None) as house:
        for name, text in (
            ("Anna", "I live in Rome"),
            ("Ben", "I live in Oslo"),
            (None, "I live in Paris"),
            ("王芳", "我住在上海"),
            ("Zoë", "Ich wohne in Köln"),
        ):
            await speak(house, name, text)
        for name, question, town in (
            ("Ben", "Where do I live?", "Oslo"),
            ("Anna", "Where do I live?", "Rome"),
            (None, "Where do I live?", "Paris"),
            (None, "Where does Ben live?", "Oslo"),
            ("Ben", "Where does Anna live?", "Rome"),
            ("Anna", "王芳住在哪里？", "上海"),
            ("Anna", "Wo wohnt Zoë?", "Köln"),
        ):
            reply = await speak(house, name, question, f"{name} {question}")
            assert [t for t in ("Rome", "Oslo", "Paris", "上海", "Köln") if t in reply] == [town]


async def test_what_one_speaker_wants_forgotten_is_not_forgotten_of_another(
    open_house: Open,
) -> None:
    async with open_house(chat_model="offline", openai_base_url=None, extract_turns=1) as house:
        for name in ("Anna", "Ben", None):
            await speak(house, name, f"I am left-handed and like {name or 'chess'}")
        await speak(house, "Ben", "Forget that I am left-handed")
        view = await remembered(house.parts.stores, Owner("alex"))
        assert {each.fact.subject for each in view.facts} == {"Anna", "user"}
        reply = await speak(house, None, "Who is left-handed?", "another")
        assert "like Anna" in reply and "like chess" in reply and "like Ben" not in reply


async def test_who_asks_as_of_a_day_is_told_nothing_that_was_said_later(open_house: Open) -> None:
    async with open_house() as house:
        await house.say("Let us speak of mark1")
        house.clock.passes(days=9)
        await house.say("Let us speak of mark2")
        await house.say("What do we speak of?", "another", as_of="2026-05-10")
        assert house.shown() == {"mark1"}
