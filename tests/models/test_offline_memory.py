"""Summaries without a language model keep what matters, say who said it, and fit."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from domain.facts.extraction import Source
from domain.records import Said, Turn
from domain.summary_check import check
from models.offline.memory import OfflineMemory
from models.tokens import open_counter

AT = datetime(2026, 5, 8, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def memory() -> OfflineMemory:
    return OfflineMemory(open_counter("offline"))


def turns(*pairs: tuple[str, str], name: str | None = "Alex") -> list[Turn]:
    return [
        Turn(
            id=f"{number:032x}",
            parent=None,
            thread="t",
            at=AT,
            messages=(
                Said(id="u", role="user", text=said, name=name, at=AT),
                Said(id="a", role="assistant", text=reply, at=AT),
            ),
        )
        for number, (said, reply) in enumerate(pairs)
    ]


TALK = turns(
    ("Hi there! My name is Alex and I am allergic to peanuts.", "Nice! What do you do for work?"),
    ("I'm a nurse at Mercy Hospital since 2021. I do not eat meat because I love animals.", "Ok."),
    ("Thanks! The weather was nice today. I had a sandwich.", "What is your dog's name?"),
    ("Rex.", "Lovely name!"),
    ("I moved from Boston to Denver on 3 June 2026 with Caroline, who is 31.", "Great mountains!"),
)


async def summary(
    memory: OfflineMemory, of: list[Turn], max_tokens: int, missing: tuple[str, ...] = ()
) -> str:
    return await memory.summarize(of, before=None, max_tokens=max_tokens, missing=missing)


async def test_names_numbers_dates_negations_and_reasons_are_kept(memory: OfflineMemory) -> None:
    text = await summary(memory, TALK, 120)
    assert check(TALK, text).coverage == 1
    for detail in ("peanuts", "2021", "not eat meat because", "3 June 2026", "Caroline", "31"):
        assert detail in text


async def test_what_matters_most_is_kept_when_there_is_little_room(memory: OfflineMemory) -> None:
    text = await summary(memory, TALK, 45)
    assert "Denver" in text
    assert "sandwich" not in text
    assert "weather" not in text


@pytest.mark.parametrize("room", [40, 60, 100, 220])
async def test_a_summary_fits_and_is_the_same_each_time(memory: OfflineMemory, room: int) -> None:
    text = await summary(memory, TALK, room)
    assert 0 < memory.tokens.text(text) <= room
    assert await summary(memory, TALK, room) == text


async def test_each_sentence_is_whole_in_order_and_has_its_speaker(memory: OfflineMemory) -> None:
    text = await summary(memory, TALK, 220)
    assert text.startswith("Alex said: My name is Alex and I am allergic to peanuts.")
    assert text.index("peanuts") < text.index("nurse") < text.index("Denver")
    nameless = await summary(memory, turns(("I live in Rome.", "Ok."), name=None), 40)
    assert nameless == "The user said: I live in Rome."


async def test_a_short_answer_keeps_its_question(memory: OfflineMemory) -> None:
    assert '(asked "What is your dog\'s name?") Rex.' in await summary(memory, TALK, 220)


async def test_missing_details_come_first(memory: OfflineMemory) -> None:
    assert "sandwich" not in await summary(memory, TALK, 60)
    assert "sandwich" in await summary(memory, TALK, 60, ("sandwich",))


async def test_missing_details_as_the_check_names_them_are_found(memory: OfflineMemory) -> None:
    short = await summary(memory, TALK, 40)
    missing = check(TALK, short).missing
    assert missing
    again = await summary(memory, TALK, 40, missing)
    assert missing[0] not in check(TALK, again).missing


@pytest.mark.parametrize(
    "said", ["", "🙂", "ok", "word " * 3000, "字" * 2000, "no spaces" + "x" * 5000, "a\n\nb"]
)
async def test_any_conversation_has_a_summary_that_fits(memory: OfflineMemory, said: str) -> None:
    text = await summary(memory, turns((said, said)), 40)
    assert text.strip()
    assert memory.tokens.text(text) <= 40


@rules(max_examples=15)
@given(
    st.lists(st.tuples(st.text(max_size=80), st.text(max_size=80)), min_size=1, max_size=6),
    st.integers(40, 200),
)
async def test_whatever_was_said_the_summary_fits(pairs: list[tuple[str, str]], room: int) -> None:
    memory = OfflineMemory(open_counter("offline"))
    text = await summary(memory, turns(*pairs), room)
    assert text.strip()
    assert memory.tokens.text(text) <= room


async def test_it_gives_no_score_and_says_that_it_is_extractive(memory: OfflineMemory) -> None:
    assert await memory.score(TALK, "x") is None
    assert (memory.name, memory.extractive) == ("offline", True)


async def test_first_person_statements_become_facts(memory: OfflineMemory) -> None:
    said = Source(ref="turn/0", text="I live in Denver.", at=AT)
    found = await memory.extract([said], [], AT)
    assert any("Denver" in fact.text and fact.source == "turn/0" for fact in found.facts)
