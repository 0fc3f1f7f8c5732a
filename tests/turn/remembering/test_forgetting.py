"""What a person wants forgotten stands in no prompt again, and can be said anew."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.facts.extraction import FactChange
from domain.facts.facts import standing
from domain.facts.forgetting import Wanted
from domain.owner import Owner
from domain.records import Fact, Said, Turn
from nodes.remembering.by_form import wanted_by
from stores.maintenance.forgetting import forget
from stores.open import Stores
from tests.support.house import House, Open, is_reply, message_in
from tests.support.servers.openai_server import Behaviour, Body, Fault, Reply, Structured

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
        known = {text: id for id, text in re.findall(r"^(f\d+)[^:]*: (.*)$", data, re.M)}
        facts = []
        for source, text in re.findall(r"^(m\d+) [^:]*: (.*)$", data, re.M):
            if "forget" in text.casefold() or "vergiss" in text.casefold():
                said = "The user is pregnant."
                facts.append(_entry("forget", said, source, known.get(said)))
            elif "pregnant" in text:
                facts.append(_entry("add", "The user is pregnant.", source))
            if "Rome" in text:
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
    await forget(stores, ALEX, view.generation, Wanted(ids=ids), now=house.parts.now())


async def forget_pregnancy(house: House) -> None:
    stores = house.parts.stores
    wanted = Wanted(statements=["I am pregnant"])
    view = await stores.journal.read(ALEX)
    assert (await forget(stores, ALEX, view.generation, wanted, now=house.parts.now())).withheld


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


async def test_what_is_forgotten_while_a_model_reads_it_becomes_no_fact(open_house: Open) -> None:
    async with open_house(remember="background", extract_turns=2) as house:

        def slow(body: Body) -> Behaviour:
            behaviour = scripted(body)
            if isinstance(behaviour, Structured):
                return Reply(json.dumps(behaviour.value), delay=0.4, streams=False)
            return behaviour

        house.server.default = slow
        await house.say("I live in Rome")
        await house.say("I am pregnant")
        await house.server.asked(3)
        await house.say("Please forget that I am pregnant")
        await house.parts.stores.background.finish(10)
        left = {fact.text for fact in await facts_of(house)}
        assert left - {""} == {"The user lives in Rome."}  # Where it was noted first: a tombstone.


async def test_what_else_a_message_says_is_noted_where_a_part_is_forgotten_meanwhile(
    open_house: Open,
) -> None:
    async with open_house(remember="background", extract_turns=1) as house:

        def slow(body: Body) -> Behaviour:
            behaviour = scripted(body)
            if isinstance(behaviour, Structured):
                return Reply(json.dumps(behaviour.value), delay=0.4, streams=False)
            return behaviour

        house.server.default = slow
        await house.say("I am pregnant. I live in Rome.")
        await house.server.asked(2)
        await forget_pregnancy(house)
        await house.parts.stores.background.finish(10)
        assert {fact.text for fact in await facts_of(house)} == {"The user lives in Rome."}
        await house.say("What do you know about me?")
        assert "Rome" in house.prompt() and "pregnant" not in house.prompt()


async def test_what_else_a_message_says_is_noted_where_a_part_is_forgotten_before(
    open_house: Open,
) -> None:
    async with open_house(extract_turns=3) as house:
        house.server.default = scripted
        await house.say("I am pregnant. I live in Rome.")
        await forget_pregnancy(house)
        for text in ("It is warm today", "Good morning", "What do you know about me?"):
            await house.say(text)
        assert {fact.text for fact in await facts_of(house)} == {"The user lives in Rome."}
        assert "Rome" in house.prompt() and "pregnant" not in house.prompt()
        view = await house.parts.stores.journal.read(ALEX)
        assert not view.forgotten  # What was forgotten is kept for no longer than it is needed.


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_what_is_forgotten_as_it_is_written_becomes_no_fact(
    quick: Any, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    async with quick() as house:
        house.server.default = scripted
        write = Stores.write

        async def forgets(self: Stores, *args: Any) -> None:
            monkeypatch.undo()
            if after:
                await write(self, *args)
            await forget_pregnancy(house)
            if not after:
                await write(self, *args)

        monkeypatch.setattr(Stores, "write", forgets)
        await house.say("I am pregnant. I live in Rome.")
        assert {fact.text for fact in await facts_of(house)} == {"", "The user lives in Rome."}
        await house.say("What do you know about me?")
        assert "Rome" in house.prompt() and "pregnant" not in house.prompt()


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


def forget_memory(what: str) -> Reply:
    return Reply(None, tool_calls=(("forget_memory", {"what": what}),))


@pytest.mark.parametrize("tier", ["free", "plus"])
@pytest.mark.parametrize("remember", ["inline", "background"])
async def test_a_model_that_takes_tools_forgets_in_any_language(
    open_house: Open, tier: str, remember: str
) -> None:
    async with open_house(search_memory=True, remember=remember, extract_turns=1) as house:
        house.server.default = scripted
        await house.say("I am pregnant", tier=tier)
        await house.say("I live in Rome", tier=tier)
        await house.parts.stores.background.finish(5)  # Or it takes the answers of the next turn.
        house.server.answers(forget_memory("pregnant"), "Done.")
        await house.say("Felejtsd el, hogy terhes vagyok", tier=tier)
        await house.parts.stores.background.finish(5)
        told = [b for b in house.server.requests if is_reply(b)][-1]["messages"][-1]["content"]
        assert told.startswith("Forgotten")
        for thread in ("t", "another"):
            await house.say("What do you know about me?", thread, tier=tier)
            assert "pregnant" not in house.prompt() and "terhes" not in house.prompt()
            assert "Rome" in house.prompt()


async def test_a_model_is_told_that_nothing_says_what_it_is_to_forget(open_house: Open) -> None:
    async with open_house(search_memory=True) as house:
        house.server.default = scripted
        await house.say("I live in Rome")
        house.server.answers(forget_memory("a cat"), "I found nothing.")
        await house.say("Please forget that I have a cat")
        told = [b for b in house.server.requests if is_reply(b)][-1]["messages"][-1]["content"]
        assert told.startswith("Nothing that is remembered")
        await house.say("What do you know about me?")
        assert "a cat" not in house.prompt() and "Rome" in house.prompt()


@pytest.mark.parametrize("more", [{"memory_model": "offline"}, {"model": "fails"}, {}])
async def test_forms_forget_where_no_model_does(open_house: Open, more: dict[str, str]) -> None:
    """The memory model is the offline one, fails, or is not asked in the free tier."""
    tier = "plus" if more else "free"
    settings = {key: value for key, value in more.items() if key == "memory_model"}

    def failing(body: Body) -> Behaviour:
        return scripted(body) if is_reply(body) else Fault(500, "out of order")

    async with open_house(**settings) as house:
        house.server.default = failing if "model" in more else scripted
        await house.say("I am pregnant", tier=tier)
        await house.say("I live in Rome", tier=tier)
        await house.say("Please forget that I am pregnant", tier=tier)
        await house.say("My cat is called Mia", tier=tier)
        await house.say("Actually, ignore that, I was joking", tier=tier)
        await house.say("What do you know about me?", tier=tier)
        prompt = house.prompt()
        assert "Rome" in prompt
        assert not any(word in prompt for word in ("pregnant", "Mia", "joking"))


async def test_a_question_that_is_taken_back_takes_no_statement_with_it(open_house: Open) -> None:
    async with open_house(memory_model="offline", extract_turns=1) as house:
        for said in ("I keep bees", "Can you recommend a restaurant?", "Oh, forget it."):
            await house.say(said)
        await house.say("Any good films? Never mind, forget that.")
        for said in ("Can you recommend a bar?", "Wrong chat, ignore my last message"):
            await house.say(said)
        await house.say("What do I keep?", "another")
        assert "I keep bees" in house.prompt()


@pytest.mark.parametrize("asked", ["Can I eat sushi in Rome?", "Recommend a restaurant in Rome."])
@pytest.mark.parametrize(
    "back",
    [
        *("Forget what I just told you.", "Forget what I said.", "I lied.", "Just kidding!"),
        *("请忘记刚才说的", "今の話は忘れて", "방금 한 말은 잊어줘"),
    ],
)
async def test_who_was_joking_takes_back_a_statement_also_after_a_question(
    open_house: Open, asked: str, back: str
) -> None:
    async with open_house(memory_model="offline", extract_turns=1) as house:
        for said in ("I am pregnant.", asked, back):
            await house.say(said)
        await house.say("What do you know about me?", "another")
        assert "pregnant" not in house.prompt()


async def test_what_else_a_request_says_and_what_is_said_after_it_is_remembered(
    open_house: Open,
) -> None:
    async with open_house(search_memory=True, extract_turns=3) as house:
        house.server.default = scripted
        await house.say("I am pregnant")
        house.server.answers(forget_memory("I am pregnant"), "Done.")
        await house.say("Forget that I am pregnant. I live in Rome.")
        assert {fact.text for fact in await facts_of(house)} >= {"The user lives in Rome."}
        await house.say("What do you know about me?", "another")
        assert "pregnant" not in house.prompt() and "Rome" in house.prompt()


async def test_what_another_person_is_said_to_be_is_not_forgotten_with_it(quick: Any) -> None:
    def of_two(body: Body) -> Behaviour:
        answer = scripted(body)
        if isinstance(answer, Structured) and "My sister" in str(body["messages"][-1]["content"]):
            sister = _entry("add", "The user's sister is pregnant.", "m1") | {"subject": "sister"}
            return Structured({"facts": [sister], "entities": []})
        return answer

    async with quick() as house:
        house.server.default = of_two
        await house.say("I am pregnant")
        await house.say("My sister is pregnant too")
        await delete(house, "The user is pregnant.")
        await house.say("Who is pregnant?", "another")
        assert "sister is pregnant" in house.prompt() and "I am pregnant" not in house.prompt()


async def test_what_only_shares_a_word_or_a_sentence_with_it_is_not_forgotten(
    open_house: Open,
) -> None:
    async with open_house(memory_model="offline", extract_turns=1) as house:
        house.server.default = scripted
        await house.say("I have a dog")
        await house.say("The neighbour's dog barks all night")
        await house.say("I have a cat called Mia and I'm allergic to pollen")
        await house.say("Yes, I have a dog indeed")
        await delete(house, "I have a dog")
        await house.say("Please forget that I'm allergic to pollen")
        await house.say("Who barks, and what is my cat called?", "another")
        prompt = house.prompt()
        assert "neighbour's dog barks" in prompt and "I have a cat called Mia" in prompt
        assert not any(said in prompt for said in ("have a dog", "pollen", "allergic"))


async def test_what_a_model_noted_beside_it_is_still_recalled(quick: Any) -> None:
    async with quick() as house:
        house.server.default = scripted
        await house.say("I am pregnant and live in Rome")
        await delete(house, "The user is pregnant.")
        await house.say("Where in Rome do I live?", "another")
        assert "The user lives in Rome" in house.prompt() and "pregnant" not in house.prompt()


async def test_what_stands_beside_it_and_was_not_read_yet_is_read_then(open_house: Open) -> None:
    async with open_house(model="offline", extract_turns=20) as house:
        await house.say("I keep bees and I am allergic to walnuts")
        await house.say("Never mention my bees again")
        reply = await house.say("What am I allergic to?", "another")
        assert "- I am allergic to walnuts" in house.prompt() and "bees" not in str(reply)


async def test_several_things_and_all_of_a_day_are_forgotten_in_one_wish(open_house: Open) -> None:
    async with open_house(model="offline", memory_model="offline", extract_turns=2) as house:
        house.server.default = scripted
        for text in ("I play the cello", "My address is Elm Street 5", "My number is 5551234"):
            await house.say(text)
        await house.say("Forget my address and my number, I move soon")
        house.clock.passes(hours=30)
        for text in ("My salary is 4000", "I play the cello, as you know"):
            await house.say(text)
        house.clock.passes(hours=20)
        await house.say("My cat is called Mia")
        await house.say("Forget what I told you yesterday")
        for thread in ("t", "another"):
            await house.say("What do I play, and what is my cat called?", thread)
            assert "cello" in house.prompt() and "Mia" in house.prompt()
            assert not re.search("Elm|5551234|4000", house.prompt())


async def test_who_is_named_only_by_what_they_are_is_forgotten_with_their_name(quick: Any) -> None:
    def of_karl(body: Body) -> Behaviour:
        answer = scripted(body)
        if isinstance(answer, Structured) and "My ex Karl" in str(body["messages"][-1]["content"]):
            relation = {"name": "relation", "value": "ex"}
            karl = {"name": "Karl", "kind": "person", "attributes": [relation], "source": "m1"}
            return Structured({"facts": [], "entities": [karl]})
        return answer

    async with quick() as house:
        house.server.default = of_karl
        for text in ("My ex Karl lives in Bonn", "Karl is a dentist", "I live in Rome"):
            await house.say(text)
        await house.say("Forget everything you know about my ex")
        for thread in ("t", "another"):
            await house.say("Who is Karl, and where do I live?", thread)
            assert not re.search("Bonn|dentist", house.prompt()) and "Rome" in house.prompt()


def test_each_wish_means_the_day_before_its_own() -> None:
    days = [datetime(2026, 5, day, 9, tzinfo=UTC) for day in (3, 8)]
    turns: dict[str, Turn] = {}
    for place, at in enumerate(days):
        said = (Said(id=f"m{place}", role="user", text="Forget what I said yesterday", at=at),)
        turn = Turn(id=f"t{place}", parent=None, thread="t", at=at, seq=place, messages=said)
        turns[turn.id] = turn
    wishes = [
        FactChange(op="forget", text="forget what i said yesterday", source=turn.ref(0))
        for turn in turns.values()
    ]
    begins = [begin.day for begin, _ in wanted_by(wishes, turns).periods]
    assert begins == [2, 7]


@pytest.mark.parametrize(
    ("said", "wish", "gone", "left"),
    [
        ("I live in Oslo.", "Forget that I live in Oslo, I moved to Rome.", "Oslo", "Rome"),
        ("My phone number is 555-0199.",
         "Forget my phone number 555-0199, I am on 555-0200 now.", "0199", "0200"),
        ("Ich wohne in Ulm.", "Vergiss, dass ich in Ulm wohne, ich wohne jetzt in Bonn.",
         "Ulm", "Bonn"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("turns", [1, 4])
async def test_what_is_said_behind_a_wish_in_its_sentence_is_remembered(
    open_house: Open, said: str, wish: str, gone: str, left: str, turns: int
) -> None:
    async with open_house(memory_model="offline", extract_turns=turns) as house:
        await house.say(said)
        await house.say(wish)
        for thread in ("t", "another"):
            await house.say("What do you know about me?", thread)
            assert gone not in house.prompt() and left in house.prompt()


async def test_the_offline_model_remembers_what_is_said_behind_a_wish(open_house: Open) -> None:
    async with open_house(chat_model="offline", openai_base_url=None) as house:
        await house.say("I drink tea every morning.")
        await house.say("Forget that I drink tea, I drink coffee now.")
        assert [fact.text for fact in await facts_of(house)] == ["I drink coffee now."]


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("I live in Oslo, I love Rome.", "Forget that I live in Oslo, I love Rome."),
        ("In March, I moved to Rome.", "Forget that in March, I moved to Rome"),
    ],
)
async def test_what_was_said_in_the_words_of_a_wish_is_forgotten_whole(
    open_house: Open, said: str, wish: str
) -> None:
    async with open_house(memory_model="offline", extract_turns=1) as house:
        await house.say(said)
        await house.say(wish)
        await house.say("What do you know about me?", "another")
        assert "Rome" not in house.prompt()
        assert not any(fact.text for fact in await facts_of(house))
