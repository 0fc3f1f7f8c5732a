"""One message may want several things forgotten: each is, with what follows from it."""

import re
from typing import Any, NamedTuple

import pytest

from domain.owner import Owner
from tests.support.house import House, Open, is_reply
from tests.support.servers.openai_server import Behaviour, Body, Reply, Structured

ALEX = Owner("alex")


class Talk(NamedTuple):
    """What was said, what a model notes of it, a wish, and words of what is forgotten and kept."""

    said: tuple[str, ...]
    notes: tuple[str, ...]
    wish: str
    gone: tuple[str, ...]
    kept: str


TALKS = {
    "ar": Talk(
        ("أنا حامل في الشهر الثالث.", "عنواني شارع الزهور رقم 12.", "أعمل مهندسة في القاهرة."),
        (
            "المستخدمة حامل في الشهر الثالث.",
            "عنوان المستخدمة شارع الزهور رقم 12.",
            "تعمل المستخدمة مهندسة في القاهرة.",
        ),
        "من فضلك انسَ أنني حامل وانسَ عنواني.",
        ("حامل", "الزهور"),
        "القاهرة",
    ),
    "zh": Talk(
        ("我怀孕三个月了。", "我的地址是花园路12号。", "我在上海当工程师。"),
        ("用户怀孕三个月了。", "用户的地址是花园路12号。", "用户在上海当工程师。"),
        "请忘掉我怀孕的事和我的地址。",
        ("怀孕", "花园路"),
        "上海",
    ),
    "ja": Talk(
        ("妊娠三か月です。", "住所は桜通り12番地です。", "東京でエンジニアをしています。"),
        (
            "ユーザーは妊娠三か月。",
            "ユーザーの住所は桜通り12番地。",
            "ユーザーは東京でエンジニアをしている。",
        ),
        "妊娠のことと住所のことは忘れてください。",
        ("妊娠", "桜通り"),
        "東京",
    ),
    "fi": Talk(
        (
            "Olen raskaana kolmatta kuuta.",
            "Osoitteeni on Ruusukatu 12.",
            "Työskentelen insinöörinä Tampereella.",
        ),
        (
            "Käyttäjä on raskaana kolmatta kuuta.",
            "Käyttäjän osoite on Ruusukatu 12.",
            "Käyttäjä työskentelee insinöörinä Tampereella.",
        ),
        "Unohda, että olen raskaana, ja osoitteeni myös.",
        ("raskaana", "Ruusukatu"),
        "Tampereella",
    ),
    "th": Talk(
        ("ฉันท้องสามเดือนแล้ว", "ที่อยู่ของฉันคือถนนกุหลาบ 12", "ฉันทำงานเป็นวิศวกรที่เชียงใหม่"),
        ("ผู้ใช้ท้องสามเดือน", "ที่อยู่ของผู้ใช้คือถนนกุหลาบ 12", "ผู้ใช้ทำงานเป็นวิศวกรที่เชียงใหม่"),
        "ช่วยลืมเรื่องที่ฉันท้องและที่อยู่ของฉันด้วย",
        ("ท้อง", "กุหลาบ"),
        "เชียงใหม่",
    ),
    "en": Talk(
        ("I am pregnant.", "The baby is due in June.", "I live in Rome."),
        ("The user is pregnant.", "The user's baby is due in June.", "The user lives in Rome."),
        "Forget that I am pregnant.",
        ("pregnant", "June"),
        "Rome",
    ),
}


def entry(op: str, text: str, source: str, target: Any = None) -> dict[str, Any]:
    more = {"kind": "other", "subject": "user", "slot": None, "when": None}
    return {"op": op, "target": target, "text": text, "source": source, **more}


def forgets(form: str, notes: list[str], known: dict[str, str], source: str) -> list[Any]:
    """Return how a model may write that several known facts are to be forgotten."""
    if form == "an entry each":
        return [entry("forget", note, source, known.get(note)) for note in notes]
    ids = [known[note] for note in notes]
    if form == "an entry each without words":
        return [entry("forget", "", source, id) for id in ids]
    if form == "other words":
        return [entry("forget", "Parenthood and residence.", source, id) for id in ids]
    return [entry("forget", notes[0], source, ids if form == "a list" else ", ".join(ids))]


def playing(talk: Talk, form: str) -> Any:
    """Return a model that notes what was said, and forgets in a form."""

    def answer(body: Body) -> Behaviour:
        data = str(body["messages"][-1]["content"])
        if is_reply(body):
            return Reply("OK.")
        known = {text: id for id, text in re.findall(r"^(f\d+)[^:]*: (.*)$", data, re.M)}
        facts = []
        for source, text in re.findall(r"^(m\d+) [^:]*: (.*)$", data, re.M):
            if text in talk.said:
                facts.append(entry("add", talk.notes[talk.said.index(text)], source))
            elif text == talk.wish:
                notes = [note for note in talk.notes if any(word in note for word in talk.gone)]
                facts += forgets(form, notes, known, source)
        return Structured({"facts": facts, "entities": []})

    return answer


async def noted(house: House) -> list[str]:
    view = await house.parts.stores.journal.read(ALEX)
    facts = await house.parts.stores.memories.facts(ALEX, view.generation)
    return [fact.text for fact in facts if not fact.deleted]


FORMS = (
    "an entry each",
    "an entry each without words",
    "other words",
    "a list",
    "with commas",
)


@pytest.mark.parametrize(
    ("code", "form"),
    [*((code, FORMS[0]) for code in TALKS), *(("ja", form) for form in FORMS[1:])],
)
async def test_all_that_a_model_says_is_to_be_forgotten_is(
    open_house: Open, code: str, form: str
) -> None:
    talk = TALKS[code]
    async with open_house(extract_turns=3, embeddings="wordllama") as house:
        house.server.default = playing(talk, form)
        for text in talk.said:
            await house.say(text)
        assert await noted(house) == list(talk.notes)
        await house.say(talk.wish)
        assert await noted(house) == [talk.notes[-1]]
        for thread in ("t", "another"):
            await house.say("42?", thread)
            prompt = house.prompt()
            assert talk.kept in prompt and talk.wish not in prompt
            assert not any(word in prompt for word in talk.gone)


@pytest.mark.parametrize(
    "said",
    [
        "It rains again today.",
        "Don't forget that it rains again today!",
        "I always forget my keys.",
        "Vergiss nicht, dass es heute wieder regnet!",
        "It was just a joke my boss told.",
    ],
)
async def test_a_careless_answer_takes_nothing_away_that_nobody_wants_forgotten(
    open_house: Open, said: str
) -> None:
    talk = TALKS["en"]._replace(wish=said)
    async with open_house(extract_turns=1, embeddings="wordllama") as house:
        house.server.default = playing(talk, "other words")
        for text in (*talk.said, talk.wish):
            await house.say(text)
        assert {*talk.notes} <= {*await noted(house)}


async def test_more_things_than_a_model_had_looked_for_are_forgotten_too(
    open_house: Open,
) -> None:
    talk = TALKS["en"]
    async with open_house(extract_turns=3, search_memory=True, embeddings="wordllama") as house:
        house.server.default = playing(talk, "an entry each")
        for text in talk.said:
            await house.say(text)
        call = Reply(None, tool_calls=(("forget_memory", {"what": "I am pregnant"}),))
        house.server.answers(call, "Done.")
        await house.say(talk.wish)
        assert await noted(house) == [talk.notes[-1]]
