"""Who is history once a message ends it: a boss who goes with the job, though nobody names them."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.facts.attributes import current_attributes
from domain.facts.entities import merge, with_ends
from domain.facts.extraction import EntityMention, Source
from domain.owner import Owner
from service.memory_changes import delete_fact
from service.memory_view import remembered
from tests.support.house import House, Open, is_reply
from tests.support.servers.openai_server import Behaviour, Body, Reply, Structured

ALEX = Owner("alex")
MESSAGE = re.compile(r"^(m\d+) \([^)]*\): (.*)$", re.MULTILINE)
NOTHING: dict[str, Any] = {"facts": [], "entities": []}


def fact(text: str, op: str = "add", target: Any = None, source: str = "m1") -> dict[str, Any]:
    more = {"kind": "work", "subject": "user", "slot": None, "when": None}
    return {"op": op, "text": text, "target": target, "source": source, **more}


def person(name: str, relation: str, source: str = "m1") -> dict[str, Any]:
    attributes = [{"name": "relation", "value": relation}]
    return {"name": name, "kind": "person", "attributes": attributes, "source": source}


def noting(answers: Mapping[str, Callable[[str], dict[str, Any]]]) -> Callable[[Body], Behaviour]:
    """Return a model that notes of each message what `answers` says of one that begins so."""

    def answered(body: Body) -> Behaviour:
        if is_reply(body):
            return Reply("I see.")
        data = str(body["messages"][-1]["content"])
        for _, said in MESSAGE.findall(data):
            for begin, answer in answers.items():
                if said.startswith(begin):
                    return Structured(answer(data))
        return Structured(NOTHING)

    return answered


def known(data: str, name: str) -> str:
    """Return the id under which a model is shown what holds of somebody."""
    (id,) = re.findall(rf"^(e\d+): {name},", data, re.MULTILINE)
    return str(id)


async def relation(house: House, name: str) -> str | None:
    """Return what somebody is to the user now."""
    view = await remembered(house.parts.stores, ALEX)
    (entity,) = [each for each in view.entities if each.name == name]
    return current_attributes(with_ends(entity, view.facts)).get("relation")


async def prompted(house: House, question: str) -> str:
    """Return the entities in the prompt of a question, asked in a new conversation."""
    house.clock.passes(hours=2)
    await house.say(question, question)
    return house.prompt().partition("Known entities:")[2].partition("\n\n")[0]


BOSSES = [
    ("My boss is called Mona Falk", "Mona Falk", "boss", "I quit my job at the harbour",
     "The user quit their job at the harbour.", "What do you know of Mona Falk?"),
    ("Meine Chefin heißt Petra Kuhn", "Petra Kuhn", "Chefin", "Ich habe im Hafen gekündigt",
     "Der Nutzer hat im Hafen gekündigt.", "Was weißt du über Petra Kuhn?"),
    ("我的老板叫王芳", "王芳", "老板", "我辞职了", "我辞职了", "你知道王芳什么？"),
    ("Mi jefa se llama Rosa Gil", "Rosa Gil", "jefa", "He dejado mi trabajo en el puerto",
     "He dejado mi trabajo en el puerto.", "¿Qué sabes de Rosa Gil?"),
]  # fmt: skip


@pytest.mark.parametrize(("hired", "name", "who", "quit", "text", "question"), BOSSES)
async def test_a_boss_is_history_once_the_job_is_though_no_fact_says_so(
    open_house: Open, hired: str, name: str, who: str, quit: str, text: str, question: str
) -> None:
    answers = {
        hired: lambda _: {"facts": [], "entities": [person(name, who)]},
        quit: lambda data: {
            "facts": [fact(text, "supersede", f"f1, {known(data, name)}")],
            "entities": [],
        },
    }
    async with open_house(extract_turns=1, memory_model=None) as house:
        house.server.default = noting(answers)
        await house.say(hired)
        assert f"relation: {who}" in await prompted(house, question)
        await house.say(quit)
        assert await relation(house, name) is None
        after = await prompted(house, question)
        assert name in after and who not in after
        view = await remembered(house.parts.stores, ALEX)
        assert [each.fact.text for each in view.facts if each.current] == [text]


def hired(data: str) -> dict[str, Any]:
    job = fact("The user works at the harbour with Mona.")
    return {"facts": [job], "entities": [person("Mona", "boss")]}


def quitting(target: Any, text: str = "The user quit their job at the harbour.") -> Any:
    return lambda data: {"facts": [fact(text, "supersede", target)], "entities": []}


@pytest.mark.parametrize(
    ("target", "ends"),
    [
        ("f1, e1", True), (["f1", "e1"], True), ("E1", True), ("e1 and f1", True), ("e9", False),
        (None, False), ("f1", False), (1, False), ("m1", False), ("everything", False),
    ],
)  # fmt: skip
async def test_only_a_known_entity_that_is_named_by_its_id_ends(
    open_house: Open, target: Any, ends: bool
) -> None:
    async with open_house(extract_turns=1, memory_model=None) as house:
        house.server.default = noting({"I work": hired, "I quit": quitting(target)})
        await house.say("I work at the harbour, Mona is my boss there")
        await house.say("I quit my job at the harbour")
        assert await relation(house, "Mona") == (None if ends else "boss")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("If I quit my job, I would sail", "The user quit their job."),
        ("Should I quit my job?", "The user quit their job."),
        ("I had a long day at work", "The user won the lottery in Paris."),
    ],
)
async def test_nothing_ends_by_a_question_a_condition_or_what_nobody_said(
    open_house: Open, said: str, text: str
) -> None:
    answers = {"I work": hired, said: quitting("f1, e1", text)}
    async with open_house(extract_turns=1, memory_model=None) as house:
        house.server.default = noting(answers)
        await house.say("I work at the harbour, Mona is my boss there")
        await house.say(said)
        assert await relation(house, "Mona") == "boss"


@pytest.mark.parametrize(
    ("said", "text", "more"),
    [
        ("I will quit my job next year", "The user will quit their job.", {"kind": "plan"}),
        ("My sister quit her job", "The user's sister quit her job.", {"subject": "sister"}),
        ("Mona is still my boss, and I like her", "Mona is still the user's boss.", {}),
        ("I had a long day at work", "Mona boss", {}),
    ],
)
async def test_nothing_ends_by_a_plan_by_what_others_do_or_by_what_says_it_again(
    open_house: Open, said: str, text: str, more: dict[str, Any]
) -> None:
    async with open_house(extract_turns=1, memory_model=None) as house:
        ending = {"facts": [fact(text, "supersede", "e1") | more], "entities": []}
        house.server.default = noting({"I work": hired, said: lambda _: ending})
        await house.say("I work at the harbour, Mona is my boss there")
        await house.say(said)
        assert await relation(house, "Mona") == "boss"


async def test_an_entity_named_beside_a_fact_does_not_make_another_fact_end(
    open_house: Open,
) -> None:
    async with open_house(extract_turns=1, memory_model=None) as house:
        bike = quitting("f1, e1", "The user bought a red bike.")
        house.server.default = noting({"I work": hired, "I bought": bike})
        await house.say("I work at the harbour, Mona is my boss there")
        await house.say("I bought a red bike")
        view = await remembered(house.parts.stores, ALEX)
        assert len([each for each in view.facts if each.current]) == 2


def test_an_old_message_ends_nothing_that_was_told_long_after_it() -> None:
    now = datetime(2026, 5, 8, tzinfo=UTC)
    hired = Source(ref="t1/0", text="Mona is my boss", at=now - timedelta(days=10))
    years_ago = Source(ref="t2/0", text="I quit my job", at=now - timedelta(days=3000))
    sources = {each.ref: each for each in (hired, years_ago)}
    boss = EntityMention(name="Mona", attributes={"relation": "boss"}, source="t1/0")
    (mona,) = merge([boss], sources, (), now)
    end = EntityMention(name="Mona", attributes={"relation": ""}, source="t2/0", known=mona.id)
    (after,) = merge([end], sources, (mona,), now)
    assert current_attributes(after) == {"relation": "boss"}


async def test_what_ended_by_a_joke_that_is_taken_back_or_on_a_branch_that_is_left_holds(
    open_house: Open,
) -> None:
    answers = {
        "I work": hired,
        "I quit": quitting("f1, e1"),
        "Ignore": lambda _: {
            "facts": [fact("The user quit their job at the harbour.", "forget", "f2")],
            "entities": [],
        },
    }
    async with open_house(extract_turns=1, memory_model=None) as house:
        house.server.default = noting(answers)
        await house.say("I work at the harbour, Mona is my boss there")
        before = await house.here()
        await house.say("I quit my job at the harbour")
        assert "boss" not in await prompted(house, "Who is Mona?")
        await house.say("I baked a cake", at=before)
        assert "relation: boss" in await prompted(house, "Who is Mona to me?")
        await house.say("I quit my job at the harbour")
        assert "boss" not in await prompted(house, "And who is Mona?")
        await house.say("Ignore that, I was joking")
        assert "relation: boss" in await prompted(house, "So who is Mona?")


async def test_who_comes_back_is_there_again(open_house: Open) -> None:
    answers = {
        "I work": hired,
        "I quit": quitting("f1, e1"),
        "Mona is my boss": lambda _: {"facts": [], "entities": [person("Mona", "boss")]},
    }
    async with open_house(extract_turns=1, memory_model=None) as house:
        house.server.default = noting(answers)
        await house.say("I work at the harbour, Mona is my boss there")
        await house.say("I quit my job at the harbour")
        assert await relation(house, "Mona") is None
        await house.say("Mona is my boss once more")
        assert await relation(house, "Mona") == "boss"


async def test_the_memory_model_is_shown_no_entity_that_is_forgotten_or_has_ended(
    open_house: Open,
) -> None:
    answers = {"I work": hired, "I quit": quitting("f1, e1")}

    def shown() -> str:
        work = [body for body in house.server.requests if not is_reply(body)]
        return str(work[-1]["messages"][-1]["content"])

    async with open_house(extract_turns=1, memory_model=None) as house:
        house.server.default = noting(answers)
        await house.say("I work at the harbour, Mona is my boss there")
        await house.say("Hello")
        assert "Known entities:\ne1: Mona, relation: boss\n" in shown()
        await house.say("I quit my job at the harbour")
        await house.say("Good morning")
        assert "Known entities:" not in shown()
        await house.say("I work at the harbour again, Mona is my boss there")
        await house.say("Good evening")
        assert "e1: Mona, relation: boss" in shown()
        view = await remembered(house.parts.stores, ALEX)
        for each in view.facts:
            if "works" in each.fact.text and each.current:
                await delete_fact(house.parts, ALEX, each.fact.id)
        await house.say("Good night")
        assert "Mona" not in shown()


async def test_many_known_entities_cost_the_memory_model_little(open_house: Open) -> None:
    def people(_: str) -> dict[str, Any]:
        return {"facts": [], "entities": [person(name, "colleague") for name in names]}

    names = [f"{first}{last}" for first in ("Al", "Bo", "Cy", "Di") for last in ("ba", "de", "fo")]
    names += ["Mona", "Tilda", "Ute"]
    async with open_house(extract_turns=1, memory_model=None) as house:
        house.server.default = noting({"My colleagues": people})
        await house.say(f"My colleagues are {', '.join(names)}")
        await house.say("I like my colleague Tilda")
        work = [body for body in house.server.requests if not is_reply(body)]
        data = str(work[-1]["messages"][-1]["content"])
        lines = re.findall(r"^e\d+: .*$", data, re.MULTILINE)
        assert len(lines) == 12 and any("Tilda" in line for line in lines)
        assert house.parts.models.tokens.text("\n".join(lines)) <= 120


def test_an_entity_that_is_gone_meanwhile_is_not_made_anew_by_its_end() -> None:
    at = datetime(2026, 5, 8, tzinfo=UTC)
    end = EntityMention(name="Mona", attributes={"relation": ""}, source="t/0", known="gone")
    said = Source(ref="t/0", text="I quit", at=at)
    assert merge([end], {"t/0": said}, [], at) == ()
