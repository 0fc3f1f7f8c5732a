"""Facts through the whole product: what is current, what was, and what was said five ways."""

from typing import Any

import pytest

from domain.facts.facts import delete, edit, standing
from domain.owner import Owner
from domain.records import Attribute, Entity, Fact
from domain.rows import key_of
from service.memory_view import remembered
from stores.recall.recall import Recollection
from tests.support.house import House, Open, is_reply
from tests.support.servers.openai_server import Behaviour, Body, Reply, Structured

ALEX = Owner("alex")


@pytest.fixture
def backend() -> dict[str, str]:
    """Embedded stores and the offline model's own extraction."""
    return {"memory_model": "offline"}


async def facts(house: House) -> dict[str, bool]:
    """Return the texts of all facts, and whether each is current."""
    view = await house.parts.stores.journal.read(ALEX)
    known = await house.parts.stores.memories.facts(ALEX, view.generation)
    return {one.fact.text: one.current for one in standing(known, None)}


async def recall(house: House, query: str, **more: Any) -> Recollection:
    view = await house.parts.stores.journal.read(ALEX)
    return await house.parts.stores.recall.recall(
        ALEX, view, query, budget=400, now=house.clock(), **more
    )


async def fact_named(house: House, word: str) -> Fact:
    view = await house.parts.stores.journal.read(ALEX)
    (found,) = [
        f for f in await house.parts.stores.memories.facts(ALEX, view.generation) if word in f.text
    ]
    return found


async def change(house: House, *changed: Fact | Entity) -> None:
    """Write records, and tell every process, as the routes do."""
    await house.parts.stores.memories.put(ALEX, None, *changed)
    keys = [key_of(record) for record in changed]
    await house.parts.stores.journal.rows_changed(ALEX, None, keys)


async def test_what_a_newer_fact_replaced_is_history_and_as_of_finds_it_again(
    open_house: Open,
) -> None:
    async with open_house(extract_turns=1) as house:
        await house.say("I live in Boston")
        before = house.clock()
        house.clock.passes(days=40)
        await house.say("I live in Denver")
        old, new = await fact_named(house, "Boston"), await fact_named(house, "Denver")
        await change(house, new.model_copy(update={"supersedes": (old.id,)}))
        assert await facts(house) == {"I live in Boston": False, "I live in Denver": True}
        now = await recall(house, "Where do I live?")
        shown = "\n".join(item.text for item in now.items)
        assert "Denver" in shown
        for line in shown.splitlines():
            if "Boston" in line and not line.startswith("- You:"):
                assert "until" in line or "no longer" in line, line
        then = await recall(house, "Where do I live?", as_of=before)
        assert "Boston" in str(then.items) and "Denver" not in str(then.items)


async def test_the_same_said_again_is_one_fact(open_house: Open) -> None:
    async with open_house(extract_turns=1) as house:
        for text in (
            "I'm allergic to peanuts",
            "I’m  allergic to peanuts!",
            "I'm allergic to nuts",
        ):
            await house.say(text)
        assert list(await facts(house)) == ["I'm allergic to peanuts", "I'm allergic to nuts"]


async def test_an_edited_fact_replaces_the_old_one_from_the_next_turn_on(
    open_house: Open,
) -> None:
    async with open_house(extract_turns=1, fold_turns=4) as house:
        await house.say("My sister is called Anna")
        await house.talk(1, 6)
        old = await fact_named(house, "Anna")
        await change(house, *edit(old, "My sister is called Hanna.", house.clock()))
        found = await recall(house, "What is my sister called?")
        assert any("Hanna" in item.text for item in found.items)
        current = [text for text, now in (await facts(house)).items() if now]
        assert "My sister is called Hanna." in current
        assert not any(" Anna" in text for text in current)


async def test_a_deleted_fact_is_not_recalled_and_never_extracted_again(
    open_house: Open,
) -> None:
    async with open_house(extract_turns=1, fold_turns=4) as house:
        await house.say("I am allergic to peanuts")
        await house.talk(1, 6)
        fact = await fact_named(house, "peanuts")
        await change(house, delete(fact, house.clock()))
        found = await recall(house, "What am I allergic to?")
        assert "peanuts" not in str(found.items)
        assert not any("peanut" in text for text in await facts(house))


async def test_a_fact_of_an_abandoned_branch_is_not_recalled(open_house: Open) -> None:
    async with open_house(extract_turns=1) as house:
        (start,) = await house.talk(1, 1)
        await house.say("I am allergic to peanuts")
        await house.say("I am allergic to shrimps", at=start)
        found = await recall(house, "What am I allergic to?")
        assert "shrimps" in str(found.items) and "peanuts" not in str(found.items)


async def test_entities_are_known_with_what_was_said_of_them(open_house: Open) -> None:
    async with open_house(extract_turns=1, fold_turns=4) as house:
        await house.say("My sister Anna works at Acme")
        (source,) = (await fact_named(house, "Anna")).sources
        works = Attribute(name="employer", value="Acme", source=source, valid_from=house.clock())
        anna = Entity(id="anna", name="Anna", kind="person", attributes=(works,), sources=(source,))
        await change(house, anna)
        await house.talk(1, 6)
        await house.say("How is Anna?")
        assert "Known entities:" in house.prompt()
        assert "Anna" in house.prompt() and "Acme" in house.prompt()


def _noted(op: str, text: str, target: str | None = None) -> dict[str, Any]:
    more = {"kind": "relation", "subject": "user", "slot": None, "when": None, "source": "m1"}
    return {"op": op, "text": text, "target": target, **more}


def _ida(body: Body) -> Behaviour:
    """Note the girlfriend and the breakup, and whatever a question or a condition suggests."""
    said = str(body["messages"][-1]["content"])
    if is_reply(body):
        return Reply("I see.")
    attributes = [{"name": "relation", "value": "girlfriend"}]
    ida = {"name": "Ida", "kind": "person", "attributes": attributes, "source": "m1"}
    if "m1" in said and "broke up" in said:
        broke_up = _noted("supersede", "The user and Ida broke up.", "f1")
        return Structured({"facts": [broke_up], "entities": []})
    dog = {"name": "Rex", "kind": "other", "attributes": [], "source": "m1"}
    facts = [_noted("add", "The user's girlfriend is Ida."), _noted("add", "The user has Rex.")]
    return Structured({"facts": facts, "entities": [ida, dog]})


async def test_an_entity_ends_as_facts_do_and_questions_and_conditions_say_nothing(
    open_house: Open,
) -> None:
    async with open_house(extract_turns=1, memory_model=None) as house:
        house.server.default = _ida
        await house.say("My girlfriend is called Ida")
        await house.say("If I had Rex, I would be glad. Do I have Rex?")
        await house.say("Or is Rex a dog I have?")
        await house.say("What shall I give Ida?", "another")
        assert "relation: girlfriend" in house.prompt() and "Rex (" not in house.prompt()
        view = await remembered(house.parts.stores, ALEX)
        assert [each.fact.text for each in view.facts] == ["The user's girlfriend is Ida."]
        house.clock.passes(days=1)
        await house.say("Ida and I broke up")
        await house.say("What shall I say to Ida?", "a third")
        assert "relation: girlfriend" not in house.prompt()
        (entity,) = (await remembered(house.parts.stores, ALEX)).entities
        assert [each.value for each in entity.attributes if each.name == "relation"][-1] == ""
