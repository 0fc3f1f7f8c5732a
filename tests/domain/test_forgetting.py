"""What a wish to forget reaches, and what it leaves: of facts and turns that stand in no store."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.facts.forgetting import Reach, Wanted, meant_by, reach
from domain.records import Attribute, Entity, Fact, Said, Turn
from domain.text.wishes import wants_forgotten

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
YESTERDAY, TODAY = NOW - timedelta(days=1), NOW - timedelta(hours=3)
LAST_WEEK = NOW - timedelta(days=9)
ANA = Entity(
    id="e1",
    name="Ana",
    kind="person",
    attributes=(Attribute(name="relation", value="sister", source="t0#0", valid_from=LAST_WEEK),),
)


def wished(
    wish: str, *said: str | tuple[str, datetime] | tuple[str, datetime, str], ana: bool = False
) -> Reach:
    """Return what a wish reaches of what was said before: texts, with when and by whom."""
    turns: dict[str, Turn] = {}
    facts: list[Fact] = []
    for place, each in enumerate((*said, (wish, NOW, "Bob" if len(said[0]) == 3 else ""))):
        text, at, name = (each, LAST_WEEK, "") if isinstance(each, str) else (*each, "")[:3]
        message = Said(id=f"m{place}", role="user", text=text, at=at, name=name or None)
        turn = Turn(id=f"t{place}", parent=None, thread="t", at=at, seq=place, messages=(message,))
        turns[turn.id] = turn
        if place < len(said):
            source = (turn.ref(0),)
            subject = name or "user"
            times = {"observed_at": at, "valid_from": at}
            facts.append(Fact(id=f"f{place}", text=text, subject=subject, sources=source, **times))
    what = wants_forgotten(wish)
    assert what
    wanted = replace(meant_by([(what, NOW)]), asking=[f"t{len(said)}"])
    return reach(facts, turns, [], [ANA] if ana else [], wanted)


def _forgotten(reached: Reach) -> Sequence[str]:
    return sorted(fact.text for fact in reached.facts)


@pytest.mark.parametrize(
    ("wish", "said", "kept"),
    [
        ("Forget that in March, I moved to Rome", "In March, I moved to Rome",
         "My sister Eva marries in March"),
        ("Forget that Tom, my brother, is in jail", "Tom, my brother, is in jail",
         "Tom plays the cello"),
        ("Forget that at work, I have problems with gin", "I have problems with gin at work",
         "I like it at work"),
        ("Forget that my mother and I argued about money", "My mother and I argued about money",
         "My mother is a nurse"),
        ("Forget that my mother and my sister argued", "My mother and my sister argued",
         "My mother lives in Rome"),
        ("사과 알레르기 잊어줘", "사과 알레르기가 있어요", "땅콩 알레르기가 있어요"),
        ("انس عنوان والدي", "عنوان والدي شارع النيل 5", "عنوان أمي شارع فيصل"),
        ("Forget my address, let's talk about cats", "My address is Elm Street 5", "I like cats"),
        ("Forget that I'm pregnant and let's talk about something else", "I'm pregnant",
         "I like something else"),
        ("Forget everything about May", "May is my friend", "I am allergic to nuts"),
    ],
)  # fmt: skip
def test_a_wish_reaches_what_it_says_and_no_more(wish: str, said: str, kept: str) -> None:
    assert _forgotten(wished(wish, said, kept)) == [said]


def test_who_is_part_of_a_statement_is_not_forgotten_with_it() -> None:
    facts = ("My sister and Tom are dating", "Ana works as a nurse", "Tom has a boat")
    assert _forgotten(wished("Forget that my sister and Tom are dating", *facts, ana=True)) == [
        facts[0]
    ]
    assert facts[1] in _forgotten(wished("Forget everything about my sister", *facts, ana=True))


def test_what_was_said_in_a_time_leaves_what_is_only_like_it() -> None:
    reached = wished(
        "Forget what I said yesterday",
        ("In March, I moved to Rome, and I have a dog", YESTERDAY),
        ("I like tea", LAST_WEEK),
        ("I like tea", YESTERDAY),
        ("In March, my daughter Eva was born", TODAY),
    )
    assert _forgotten(reached) == ["I like tea", "In March, I moved to Rome, and I have a dog"]
    assert reached.withheld == {"t0", "t2", "t4"} and not reached.rest


@pytest.mark.parametrize(
    "wish",
    [
        "Forget what he told me today", "Forget everything I said before yesterday",
        "Forget everything I said until yesterday",
    ],
)  # fmt: skip
def test_no_time_is_taken_for_another(wish: str) -> None:
    assert not _forgotten(wished(wish, ("I was ill yesterday", LAST_WEEK), ("I like tea", TODAY)))


def test_what_others_said_then_in_the_same_conversation_stays() -> None:
    said = (("I am allergic to nuts", YESTERDAY, "Ann"), ("I like beer", YESTERDAY, "Bob"))
    reached = wished("Forget what I said yesterday", *said)
    assert _forgotten(reached) == ["I like beer"] and "t0" not in reached.withheld


def test_a_long_day_is_forgotten_in_no_time() -> None:
    day = [
        (
            f"I met {n:x}anna on street{n} in town{n}, and we spoke of {n:x}books",
            TODAY if n % 6 == 0 else YESTERDAY,
        )
        for n in range(300)
    ]
    began = time.process_time()
    assert len(wished("Forget what I said yesterday", *day).facts) == 250
    assert time.process_time() - began < 3, "some 0.3 s; each sentence against all takes 20"


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("Reach me at 555-0199 and never share my phone number.", "my phone number"),
        ("Call me on 555-0199, that is my phone number.", "my phone number"),
        ("I live at 5 Elm Street, and my address is secret.", "my address"),
    ],
)
def test_of_a_fact_that_a_wish_names_itself_nothing_stays(text: str, wish: str) -> None:
    said = Fact(id="f1", text=text, sources=("t1#0",), observed_at=NOW, valid_from=NOW)
    reached = reach([said], {}, [], [], Wanted(ids=[said.id], statements=[wish]))
    assert (reached.facts, reached.rest) == ((said,), ())


@pytest.mark.parametrize(
    ("wish", "said", "rest"),
    [
        ("Vergiss, dass ich zwei Leguane halte",
         "Ich wohne in Bremen, arbeite als Bäcker und halte zwei Leguane.",
         ["Ich wohne in Bremen, arbeite als Bäcker"]),
        ("Glöm att jag har en igelkott",
         "Jag bor i Lund, jag jobbar som snickare och jag har en igelkott.",
         ["Jag bor i Lund", "Jag jobbar som snickare"]),
        ("Забудь, что я держу пчёл", "Я живу в Казани, работаю сварщиком и держу пчёл.",
         ["Я живу в Казани, работаю сварщиком"]),
        ("Forget my dog", "I live in Oslo, love my job, and I have a dog",
         ["I live in Oslo", "Love my job"]),
        ("Forget that my brother is in prison", "My brother is in prison, is quite ill", []),
        ("Forget that my sister is pregnant", "I live with my sister, she's pregnant",
         ["I live with my sister"]),
        ("Forget my phone number", "Call me on 555-0199, that is my phone number.", []),
        ("Vergiss meine Telefonnummer",
         "Ich bin unter 555 zu erreichen, das ist meine Telefonnummer.", []),
    ],
)  # fmt: skip
def test_what_else_a_sentence_says_is_kept_whole_and_no_value_of_what_is_forgotten(
    wish: str, said: str, rest: list[str]
) -> None:
    reached = wished(wish, said)
    assert _forgotten(reached) == [said] and [fact.text for fact in reached.rest] == rest
