"""What is said later in the journal is later, though a clock was wrong once."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from domain.facts.attributes import current_attributes
from domain.facts.entities import with_ends
from domain.owner import Owner
from service.conversation import Conversation
from service.memory_view import remembered
from service.ops.sweep import sweep
from tests.support.house import Clock, House, Open, answer, is_reply
from tests.support.servers.openai_server import Behaviour, Body, Structured

HOME = re.compile(r"^(m\d+) [^:]*: I live in (\w+)", re.M)
MONA = re.compile(r"^(m\d+) [^:]*:(?: I live in \w+ and)? Mona is my (\w+)", re.M)
OVER = re.compile(r"^(m\d+) [^:]*: Mona and I broke up", re.M)
KNOWN = re.compile(r"^(f\d+)\W.*Mona is the user's", re.M)


def scripted(body: Body) -> Behaviour:
    """Note where the user lives, and who Mona is until that is over."""
    if "facts" not in str(body.get("response_format")):
        return answer(body)
    data = str(body["messages"][-1]["content"])
    usual = {"op": "add", "target": None, "subject": "user", "when": None, "kind": "other"}
    facts = [
        {
            **usual,
            "text": f"The user lives in {town}.",
            "kind": "place",
            "slot": "home",
            "source": m,
        }
        for m, town in HOME.findall(data)
    ]
    entities = []
    for m, relation in MONA.findall(data):
        text = f"Mona is the user's {relation}."
        facts.append({**usual, "text": text, "slot": None, "source": m})
        attributes = [{"name": "relation", "value": relation}]
        entities.append({"name": "Mona", "kind": "person", "attributes": attributes, "source": m})
    for m in OVER.findall(data):
        over = {"op": "supersede", "target": KNOWN.findall(data)[0], "when": "last week"}
        text = "The user and Mona broke up."
        facts.append({**usual, **over, "text": text, "slot": None, "source": m})
    return Structured({"facts": facts, "entities": entities})


def slowly(clock: Clock) -> Callable[[Body], Behaviour]:
    """Return what answers as `scripted` does, and takes its time to reply."""

    def answered(body: Body) -> Behaviour:
        clock.passes(seconds=30 if is_reply(body) else 0)
        return scripted(body)

    return answered


async def relation_of_mona(house: House) -> str | None:
    view = await remembered(house.parts.stores, Owner("alex"))
    (mona,) = view.entities
    return current_attributes(with_ends(mona, view.facts)).get("relation")


@pytest.mark.parametrize("extract_turns", [1, 3])
async def test_what_is_said_after_a_clock_was_ahead_replaces_what_was_said_before(
    open_house: Open, extract_turns: int
) -> None:
    clock = Clock()
    async with open_house(clock=clock, extract_turns=extract_turns) as house:
        house.server.default = slowly(clock)
        clock.at += timedelta(days=4000)
        await house.say("I live in Rome and Mona is my girlfriend", "one")
        clock.at -= timedelta(days=4000)
        for thread, text in (("two", "I live in Oslo and Mona is my wife"), ("three", "Hello")):
            clock.passes(hours=1)
            await house.say(text, thread)
        facts = (await remembered(house.parts.stores, Owner("alex"))).facts
        homes = [each.fact.text for each in facts if each.current and each.fact.slot == "home"]
        assert homes == ["The user lives in Oslo."]
        assert await relation_of_mona(house) == "wife"


async def test_what_ended_before_it_was_told_at_all_has_ended(open_house: Open) -> None:
    async with open_house(extract_turns=1) as house:
        house.server.default = scripted
        await house.say("Mona is my girlfriend")
        assert await relation_of_mona(house) == "girlfriend"
        await house.say("Mona and I broke up last week")
        assert await relation_of_mona(house) is None
        await house.say("How is Mona?", "another")
        assert (
            "girlfriend" not in house.prompt().partition("Known entities:")[2].partition("\n\n")[0]
        )


async def test_what_was_said_last_is_gone_on_with_though_a_clock_was_ahead_before(
    open_house: Open,
) -> None:
    clock = Clock()
    async with open_house(clock=clock, sweep_idle=timedelta(hours=1)) as house:
        clock.at += timedelta(days=4000)
        await house.say("Let us speak of mark1", "one")
        clock.at -= timedelta(days=4000)
        await house.say("Let us speak of mark2", "two")
        conversation = Conversation(house.parts)
        assert await conversation.last_thread(Owner("alex")) == "two"
        clock.passes(hours=3)
        await house.say("Hello", "three")
        assert house.shown() == {"mark2"} and "came 3 hours ago" in house.prompt()
        clock.passes(hours=3)
        assert (await sweep(house.parts)).emptied == 1


async def test_a_clock_that_is_a_little_ahead_changes_nothing(open_house: Open) -> None:
    clock = Clock()
    async with open_house(clock=clock) as house:
        await house.say("one", "one")
        clock.passes(days=3, minutes=2)
        await house.say("two, by a server two minutes ahead", "one")
        clock.at -= timedelta(minutes=1)
        await house.say("three, by the other", "one")
        assert "days ago" not in house.prompt()


async def test_what_was_said_last_is_gone_on_with_by_a_clock_that_is_behind(
    open_house: Open,
) -> None:
    clock = Clock()
    async with open_house(clock=clock) as house:
        await house.say("Let us speak of mark1", "one")
        clock.passes(days=30)
        await house.say("Let us speak of mark2", "two")
        clock.at -= timedelta(days=3)
        assert await Conversation(house.parts).last_thread(Owner("alex")) == "two"
        await house.say("Hello", "three")
        assert house.shown() == {"mark2"}
