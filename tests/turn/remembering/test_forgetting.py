"""What a person wants forgotten stands in no prompt again, and can be said anew."""

import re
from typing import Any

import pytest

from domain.facts.facts import standing
from domain.owner import Owner
from domain.records import Fact
from stores.maintenance.forgetting import forget
from tests.support.house import House, Open, is_reply, message_in
from tests.support.servers.openai_server import Behaviour, Body, Reply, Structured

ALEX = Owner("alex")


def _entry(op: str, text: str, source: str, target: str | None = None) -> dict[str, Any]:
    more = {"kind": "other", "subject": "user", "slot": None, "when": None}
    return {"op": op, "target": target, "text": text, "source": source, **more}


def scripted(body: Body) -> Behaviour:
    """Note what was said of pregnancy and Rome; forget what is to be forgotten; repeat the rest."""
    data = str(body["messages"][-1]["content"])
    if is_reply(body):
        return Reply(f"Yes, you told me: {message_in(body)[:60]}")
    if "response_format" in body:
        if "facts" not in str(body["response_format"]):
            return Structured({"value": 1.0, "missing": []})
        known = {text: id for id, text in re.findall(r"^(f\d+) [^:]*: (.*)$", data, re.M)}
        facts = []
        for source, text in re.findall(r"^(m\d+) [^:]*: (.*)$", data, re.M):
            if "forget" in text.casefold() or "vergiss" in text.casefold():
                said = "The user is pregnant."
                facts.append(_entry("forget", said, source, known.get(said)))
            elif "pregnant" in text:
                facts.append(_entry("add", "The user is pregnant.", source))
            elif "Rome" in text:
                facts.append(_entry("add", "The user lives in Rome.", source))
        return Structured({"facts": facts, "entities": []})
    words = re.findall(r"pregnant|Rome|mark\d+", data)
    return Reply("They spoke of " + ", ".join(dict.fromkeys(words)) + ".")


async def facts_of(house: House) -> list[Fact]:
    view = await house.parts.stores.journal.read(ALEX)
    return list(await house.parts.stores.memories.facts(ALEX, view.generation))


async def delete(house: House, text: str) -> None:
    view = await house.parts.stores.journal.read(ALEX)
    ids = {fact.id for fact in await facts_of(house) if fact.text == text}
    assert ids
    stores = house.parts.stores
    await forget(stores, ALEX, view.generation, now=house.parts.now(), ids=ids)


@pytest.fixture
def quick(open_house: Open) -> Any:
    return lambda **more: open_house(extract_turns=1, **more)


async def test_a_deleted_fact_is_in_no_prompt_of_any_thread(quick: Any) -> None:
    async with quick() as house:
        house.server.default = scripted
        await house.say("I am pregnant, do not tell anybody")
        await house.say("I live in Rome")
        await house.say("What do you know about me, am I pregnant?")
        await delete(house, "The user is pregnant.")
        await house.say("What else?")
        assert "pregnant" not in house.prompt() and "Rome" in house.prompt()
        await house.say("Hello again, what do you know of my health?", "another")
        assert "pregnant" not in house.prompt() and "Rome" in house.prompt()


async def test_an_episode_is_summarized_anew_without_what_is_forgotten(quick: Any) -> None:
    async with quick(fold_turns=4) as house:
        house.server.default = scripted
        await house.say("I am pregnant")
        await house.talk(1, 5)
        assert any("pregnant" in episode.summary for episode in await house.episodes())
        await delete(house, "The user is pregnant.")
        for text in ("What now?", "And what then?"):
            await house.say(text)
            assert "pregnant" not in house.prompt()
        assert not any("pregnant" in episode.summary for episode in await house.episodes())
        assert "They spoke of mark1" in house.prompt()
        held = [turn for episode in await house.episodes() for turn in episode.turns]
        assert "I am pregnant" in [turn.messages[0].text for turn in held]


@pytest.mark.parametrize("wish", ["Please forget that I am pregnant", "Vergiss das bitte wieder"])
async def test_who_asks_to_forget_is_obeyed_in_the_same_turn(open_house: Open, wish: str) -> None:
    async with open_house(extract_turns=3) as house:
        house.server.default = scripted
        for text in ("I am pregnant", "I live in Rome", "It is warm today"):
            await house.say(text)
        await house.say(wish)
        await house.say("What do you know about me?")
        assert "pregnant" not in house.prompt() and "ergiss" not in house.prompt()
        assert "Rome" in house.prompt()
        assert {fact.text for fact in await facts_of(house)} == {"", "The user lives in Rome."}


async def test_what_was_deleted_can_be_said_anew(quick: Any) -> None:
    async with quick() as house:
        house.server.default = scripted
        await house.say("I am pregnant")
        await delete(house, "The user is pregnant.")
        await house.say("Good morning")
        assert [one.fact.text for one in standing(await facts_of(house), None)] == []
        await house.say("I am pregnant")
        await house.say("What do you know about me?")
        assert "I am pregnant" in house.prompt()
        facts = standing(await facts_of(house), None)
        assert [one.fact.text for one in facts] == ["The user is pregnant."]
