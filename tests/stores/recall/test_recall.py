from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.store.base import BaseStore

from domain.facts.facts import delete, edit
from domain.owner import Owner
from domain.recall.packing import render
from domain.records import Attribute, Entity
from domain.rows import Rows
from stores.errors import StoreUnavailable
from stores.memories import Memories, Nearest
from tests.support.talk import (
    MAY,
    NOW,
    Start,
    Talk,
    chain_of,
    counter,
    embedding,
    every_store,
    fact,
    start,
    talk,
    turn,
)

__all__ = ["counter", "embedding", "every_store", "start", "talk"]


@pytest.fixture
def long_term(every_store: BaseStore) -> BaseStore:
    """Recall from each of the product's stores in turn."""
    return every_store


LIFE = (
    "I adopted a greyhound called Biscuit from the shelter.",
    "My sister Carla moved to Lisbon for her new job at the port.",
    "I am allergic to peanuts, so no satay for me.",
    "Work was stressful, my boss Dietrich cancelled the project.",
    "I started learning the cello two weeks ago.",
)


async def test_it_finds_what_was_said_word_for_word_in_journal_and_episodes(talk: Talk) -> None:
    said = chain_of(*LIFE)
    await talk.say(said)
    await talk.fold(said[:3], "About a dog, a sister and an allergy.")
    assert LIFE[0] in await talk.recalled("What is my greyhound called?")
    assert LIFE[4] in await talk.recalled("Which instrument am I learning?", budget=60)


async def test_items_are_dated_in_order_and_counted_exactly(talk: Talk) -> None:
    await talk.say(chain_of(*LIFE))
    found = await talk.ask("Where did my sister Carla move to, and what about the cello?")
    assert found.tokens == talk.counter.text(render(found.items)) <= 400
    assert [item.at for item in found.items] == sorted(item.at for item in found.items)
    text = render(found.items)
    assert "2 May 2026:\n- User: My sister Carla moved" in text


@given(budget=st.integers(0, 150))
@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_the_budget_is_a_wall(talk: Talk, budget: int) -> None:
    view = await talk.journal.read(talk.owner)
    if not view.turns:
        await talk.say(chain_of(*LIFE))
    found = await talk.ask("Tell me about the dog, the sister, the boss", budget=budget)
    assert talk.counter.text(render(found.items)) == found.tokens <= budget


@pytest.mark.parametrize(
    "message", ["Hi! How are you today?", "ok thanks", "haha", "Good night!", "", "   "]
)
async def test_small_talk_recalls_nothing(talk: Talk, message: str) -> None:
    said = chain_of(*LIFE)
    await talk.say(said)
    await talk.know(fact("The user has a greyhound called Biscuit.", said[0].ref(0)))
    found = await talk.ask(message)
    assert (found.items, found.tokens) == ((), 0)


@pytest.mark.parametrize(
    "message",
    ["Hallo, wie geht es dir?", "Gracias, ¡hasta luego!", "你好，最近怎么样？",
     "おはようございます", "صباح الخير، كيف حالك؟", "Merci beaucoup",
     "Спасибо, как дела?", "안녕하세요"],
)  # fmt: skip
async def test_small_talk_of_other_languages_recalls_nothing(talk: Talk, message: str) -> None:
    await talk.say(chain_of(*LIFE))
    assert (await talk.ask(message)).items == ()


@pytest.mark.parametrize(
    "question",
    ["Which pets live at my place?", "¿Dónde trabajo?", "أين أعمل؟", "Wo arbeite ich?",
     "我住在哪里？", "仕事は何ですか？", "Можешь подвести итоги проекта?",
     "Who am I?", "What do I like?", "¿Quién soy yo?"],
)  # fmt: skip
async def test_a_question_with_a_word_of_substance_recalls_something(
    talk: Talk, question: str
) -> None:
    await talk.say(chain_of(*LIFE))
    assert (await talk.ask(question)).items


@pytest.mark.parametrize(
    ("told", "question"),
    [
        ("Meine Schwester ist nach Lissabon gezogen.", "Where did my sister move?"),
        ("我养了一只叫小黑的狗。", "What is my dog called?"),
        ("Soy alérgico a los cacahuetes.", "Wogegen bin ich allergisch?"),
    ],
)
async def test_what_was_told_in_one_language_is_found_in_another(
    talk: Talk, told: str, question: str
) -> None:
    fillers = [f"The weather was fine on day {n}, so I went for a walk." for n in range(12)]
    await talk.say(chain_of(*fillers, told, *fillers))
    assert told in await talk.recalled(question, budget=90)


@pytest.mark.parametrize(
    ("told", "question"),
    [
        ("My greyhound Ada is three years old.", "Ada"),
        ("My greyhound Ada is three years old.", "Ada?"),
        ("Meine Schwester heißt Mia und wohnt in Kiel.", "Mia"),
        ("My brother Will lives in Porto.", "Who is Will?"),
        ("My brother Will lives in Porto.", "Will"),
        ("Mi hermano Dan vive en Lima.", "Dan"),
        ("Mijn broer Van woont in Gent.", "wie is Van?"),
        ("Il mio vicino si chiama Sara.", "Wer ist Sara?"),
    ],
)
async def test_a_name_that_is_a_small_word_of_some_language_recalls_whom_it_names(
    talk: Talk, told: str, question: str
) -> None:
    await talk.say(chain_of(*LIFE, told))
    assert told in await talk.recalled(question, budget=60)


@pytest.mark.parametrize("message", ["Yo", "Wo", "Mina", "And you?", "Und Ihnen?", "How Are You?"])
async def test_small_words_alone_recall_nothing(talk: Talk, message: str) -> None:
    await talk.say(chain_of(*LIFE, "Mi hermana vive en Lisboa.", "Wie geht es Ihnen heute?"))
    assert (await talk.ask(message)).items == ()


async def test_a_statement_recalls_what_it_is_about_first(talk: Talk) -> None:
    await talk.say(chain_of(*LIFE))
    text = await talk.recalled("I am visiting Carla in Lisbon.", budget=40)
    assert LIFE[1] in text
    assert LIFE[2] not in text


async def test_what_the_prompt_shows_is_not_recalled(talk: Talk) -> None:
    said = chain_of(*LIFE)
    await talk.say(said)
    await talk.know(fact("The user's dog is called Biscuit.", said[0].ref(0), id="dog"))
    shown = {each.ref(index) for each in said[:1] for index in range(2)}
    found = await talk.ask("What is my greyhound called?", shown=shown)
    assert not {item.id for item in found.items} & {*shown, "dog"}


async def test_what_only_an_abandoned_branch_holds_is_not_recalled(talk: Talk) -> None:
    first = turn("Let us plan the weekend.")
    left = turn("The secret code of the safe is 4711.", parent=first)
    kept = turn("The secret code of the safe is gone.", parent=first)
    await talk.say([first, left])
    await talk.know(fact("The code of the safe is 4711.", left.ref(0)))
    assert "4711" in await talk.recalled("What is the secret code of the safe?")
    await talk.say([kept])
    text = await talk.recalled("What is the secret code of the safe?")
    assert "4711" not in text
    assert "gone" in text
    view = await talk.journal.read(talk.owner)
    older = await talk.recall.recall(
        talk.owner, view, "Is there a code of the safe?", budget=300, now=NOW, refs=[left.id]
    )
    assert "4711" in render(older.items)


async def test_a_summary_is_recalled_only_if_all_its_turns_are_live(talk: Talk) -> None:
    first = turn("Let us plan.")
    left = turn("The wedding is off.", parent=first)
    await talk.say([first, left])
    await talk.fold([first, left], "The wedding is off, they planned.")
    assert "wedding is off" in await talk.recalled("What did we talk about last time?")
    await talk.say([turn("The wedding is on.", parent=first)])
    assert "wedding is off" not in await talk.recalled("What did we talk about last time?")


async def test_only_what_was_said_or_true_by_then(talk: Talk) -> None:
    said = chain_of("I live in Oslo.", "I moved to Rome, I live there now.")
    await talk.say(said)
    oslo = fact("The user lives in Oslo.", said[0].ref(0), id="oslo")
    rome = fact(
        "The user lives in Rome.",
        said[1].ref(0),
        id="rome",
        at=MAY + timedelta(days=1),
        supersedes=("oslo",),
    )
    await talk.know(oslo, rome)
    then = await talk.recalled("Where do I live?", as_of=MAY + timedelta(hours=3))
    assert "Oslo" in then and "Rome" not in then
    now = await talk.recalled("Where do I live?")
    assert "- User: I live in Oslo. (no longer true since 2 May 2026" in now


async def test_a_span_of_time_bounds_what_is_recalled(talk: Talk) -> None:
    await talk.say(chain_of("I ate soup.", "I ate bread.", "I ate fish."))
    day = timedelta(days=1)
    text = await talk.recalled("What did I eat?", between=(MAY + day / 2, MAY + day * 1.5))
    assert "bread" in text
    assert "soup" not in text and "fish" not in text


async def test_a_deleted_fact_and_its_turn_are_withheld(talk: Talk) -> None:
    said = chain_of(*LIFE)
    await talk.say(said)
    allergy = fact("The user is allergic to peanuts.", said[2].ref(0))
    await talk.know(allergy)
    await talk.fold(said[:4], "The user is allergic to peanuts, has a dog and a sister.")
    await talk.know(delete(allergy, NOW))
    for question in ("What am I allergic to?", "What do you know about me?", "peanuts?"):
        assert "peanut" not in await talk.recalled(question, widen=True)


async def test_an_edited_fact_outweighs_what_was_said(talk: Talk) -> None:
    said = chain_of(*LIFE)
    await talk.say(said)
    dog = fact("The user's greyhound is called Biscuit.", said[0].ref(0))
    await talk.know(dog)
    await talk.know(*edit(dog, "The user's greyhound is called Bosco.", NOW))
    text = await talk.recalled("What is my greyhound called?")
    assert "- The user's greyhound is called Bosco." in text
    assert "corrected by the user" in text


async def test_a_fact_is_shown_where_its_message_does_not_fit(talk: Talk) -> None:
    long = "I adopted a greyhound called Biscuit. " + "It rained all day and we waited. " * 12
    said = chain_of(long)
    await talk.say(said)
    await talk.know(fact("The user has a greyhound called Biscuit.", said[0].ref(0)))
    text = await talk.recalled("What is my greyhound called?", budget=40)
    assert text.endswith("- The user has a greyhound called Biscuit.")
    assert "greyhound called Biscuit." in await talk.recalled("Is there a greyhound?", budget=300)


async def test_asking_for_everything_brings_summaries_and_facts(talk: Talk) -> None:
    said = chain_of(*LIFE)
    await talk.say(said)
    await talk.fold(said, "About a dog, a sister, an allergy, work and a cello.")
    await talk.know(fact("The user has a greyhound.", said[0].ref(0)))
    found = await talk.ask("What do you know about me?")
    assert {item.kind for item in found.items} == {"episode", "fact"}


async def test_asking_for_everything_brings_what_nothing_was_drawn_from_yet(talk: Talk) -> None:
    said = chain_of(*LIFE)
    await talk.say(said)
    for question in ("What do you know about me?", "Co o mně víš?", "Bạn biết những gì về mình?"):
        text = await talk.recalled(question)
        assert all(each in text for each in LIFE), question
    await talk.fold(said[:2], "About a dog and a sister.")
    await talk.know(fact("The user is allergic to peanuts.", said[2].ref(0)))
    found = await talk.ask("What do you know about me?")
    assert {item.kind for item in found.items} == {"episode", "fact", "evidence"}
    text = render(found.items)
    assert LIFE[2] not in text and LIFE[3] in text and LIFE[4] in text


async def test_asking_again_looks_for_small_talk_too(talk: Talk) -> None:
    await talk.say(chain_of(*LIFE))
    assert (await talk.ask("How are you?")).items == ()
    assert (await talk.ask("How are you?", widen=True)).items


class Broken(Memories):
    """A store that stops answering when told to."""

    down: tuple[str, ...] = ()

    async def nearest_among(self, *args: Any, **options: Any) -> Nearest:
        if "vectors" in self.down:
            raise StoreUnavailable("The store does not answer.")
        return await super().nearest_among(*args, **options)

    async def all(self, owner: Owner, generation: str | None) -> Rows:
        if "memories" in self.down:
            raise StoreUnavailable("The store does not answer.")
        return await super().all(owner, generation)


async def test_with_the_store_down_words_still_find_it(start: Start) -> None:
    whole = start()
    broken = Broken(whole.memories._store)
    talk = start(broken)
    said = chain_of(*LIFE)
    await talk.say(said)
    await talk.fold(said[:2])
    await talk.ask("hello Carla?")
    broken.down = ("vectors", "memories")
    await talk.say([turn("Biscuit won a race.", parent=said[-1])])
    found = await talk.ask("What is my greyhound Biscuit?")
    assert found.degraded == ("vectors",)
    assert LIFE[0] in render(found.items) and "won a race" in render(found.items)
    fresh = await start(broken).ask("Which race did Biscuit win?")
    assert fresh.degraded == ("vectors", "memories")
    assert "won a race" in render(fresh.items)


async def test_another_owner_s_memory_stays_closed(talk: Talk) -> None:
    await talk.say(chain_of(*LIFE))
    for other in (Owner("Alex"), Owner("alex", "Default"), Owner("alex "), Owner("ale")):
        assert await talk.recalled("What is my greyhound called?", owner=other, widen=True) == ""


async def test_after_a_reset_nothing_from_before_is_recalled(talk: Talk) -> None:
    await talk.say(chain_of(*LIFE))
    assert LIFE[0] in await talk.recalled("What is my greyhound called?")
    await talk.journal.renew(talk.owner)
    assert await talk.recalled("What is my greyhound called?", widen=True) == ""


async def test_a_passage_of_a_long_reply_is_recalled(talk: Talk) -> None:
    filler = "This is a general remark about travelling light and well. " * 15
    reply = f"{filler}The museum of clocks opens at ten. {filler}"
    await talk.say([turn("What should I see in Vienna?", reply)])
    found = await talk.ask("When does the museum of clocks open?", budget=220)
    text = render(found.items)
    assert "museum of clocks opens at ten" in text
    assert "…" in text


async def test_entities_that_a_message_names_are_described(talk: Talk) -> None:
    said = chain_of(*LIFE)
    await talk.say(said)
    carla = Entity(
        id="carla",
        name="Carla",
        kind="person",
        attributes=(
            Attribute(name="relation", value="sister", source=said[1].ref(0), valid_from=MAY),
        ),
        sources=(said[1].ref(0),),
    )
    dead = carla.model_copy(update={"id": "x", "name": "Carla Ghost", "sources": ("gone/0",)})
    await talk.memories.put(talk.owner, None, carla, dead)
    view = await talk.journal.rows_changed(talk.owner, None)
    lines = await talk.recall.entities(talk.owner, view, "How is my sister doing?")
    assert lines == ["Carla (person): relation: sister"]
    assert await talk.recall.entities(talk.owner, view, "How is the weather?") == []


async def test_entities_come_by_meaning_too_after_those_that_are_named(talk: Talk) -> None:
    said = chain_of(*LIFE)
    await talk.say(said)
    pets = [
        Entity(
            id=name.lower(),
            name=name,
            attributes=(
                Attribute(name="relation", value=value, source=said[1].ref(0), valid_from=MAY),
            ),
            sources=(source,),
        )
        for name, value, source in (
            ("Rex", "pet dog", said[1].ref(0)),
            ("Carla", "sister", said[1].ref(0)),
            ("Bello", "pet dog", "gone/0"),
        )
    ]
    await talk.memories.put(talk.owner, None, *pets)
    view = await talk.journal.rows_changed(talk.owner, None)

    async def lines(query: str) -> list[str]:
        near = (await talk.recall.survey(talk.owner, view, query, now=NOW)).entities
        return await talk.recall.entities(talk.owner, view, query, near=near)

    assert await lines("Which animal lives with me, a pet perhaps?") == ["Rex: relation: pet dog"]
    both = await lines("Does Carla like my pet?")
    assert both == ["Carla: relation: sister", "Rex: relation: pet dog"]
    assert await lines("Tell me a joke") == []


async def test_a_very_long_message_is_answered_too(talk: Talk) -> None:
    await talk.say(chain_of(*LIFE))
    text = await talk.recalled("Look at this log: " + "error 17 at line 9; " * 4000 + "greyhound?")
    assert talk.counter.text(text) <= 400
