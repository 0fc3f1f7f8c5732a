"""What was said is in the prompt word for word, or recall could choose it: never both."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from domain.prompt_budget import Shares
from domain.recall.packing import render
from domain.records import Recalled
from models.tokens import open_counter
from nodes.prompt import Draft, build
from stores.recall.recall import Recollection
from tests.support.house import Open, answer, is_reply, message_in
from tests.support.servers.openai_server import Behaviour, Body, Reply, too_long
from tests.turn.messages.test_said_again import send

pytestmark = pytest.mark.parametrize("backend", [{}], ids=["embedded"])

WALK = "We walked along the river and watched the boats go by for hours. "
TELESCOPE = "My sister Greta keeps a telescope called mark1 in Oslo."
ASKED = "What is the name of the telescope of my sister Greta?"
AT = datetime(2026, 5, 8, tzinfo=UTC)
TOKENS = open_counter("")


def tier(budget: int) -> dict[str, Any]:
    return {"tiers": {"small": {"context_budget": budget}}, "default_tier": "small"}


async def test_a_conversation_that_a_greeting_opens_is_shown_from_its_first_question_on(
    open_house: Open,
) -> None:
    async with open_house() as house:
        await send(house, AIMessage("Welcome, I am Ada of mark7"), HumanMessage("My cat is mark1"))
        await send(house, HumanMessage("And my dog is mark2"))
        assert {"mark1", "mark2"} <= house.shown()
        await send(house, HumanMessage("And my cow is mark3"))
        assert {"mark1", "mark2", "mark3"} <= house.shown()


async def test_a_buffer_that_fits_leaves_recall_its_room_for_what_is_not_in_it(
    open_house: Open,
) -> None:
    more = tier(1600) | {"fold_turns": 100, "fold_at": 0.6, "extract_turns": 100}
    async with open_house(**more, borrowed_turns=0) as house:
        for number in range(70, 76):
            said = (
                f"The vet said that Tom was born in spring, note mark{number}, and weighed little"
            )
            await house.say(said, f"before {number}")
        house.clock.passes(hours=2)
        for number in range(1, 7):
            await house.say(
                f"My cat Tom did trick mark{number} at the vet and then Tom was born again as he "
                "jumped from the spring board, said the vet about Tom"
            )
        told = await house.say("When was my cat Tom born, said the vet?")
        assert {f"mark{number}" for number in range(1, 7)} <= house.shown()
        assert len(house.shown() & {f"mark{number}" for number in range(70, 76)}) >= 4
        assert told["budget"]["total"] <= told["budget"]["limit"]


async def test_the_other_half_of_a_borrowed_turn_stays_where_one_is_recalled(
    open_house: Open,
) -> None:
    told = f"mark2. {WALK * 8}"

    def answered(body: Body) -> Behaviour:
        return Reply(told) if "mark1 " in message_in(body) else answer(body)

    more: dict[str, Any] = {"fold_turns": 1000, "fold_at": 0.99, "extract_turns": 1000}
    async with open_house(**tier(2400), **more) as house:
        house.server.default = answered
        await house.say(TELESCOPE, "before")
        left = []
        for number in range(3, 28):
            budget = (await house.say(f"mark{number}. {WALK * 2} {ASKED}"))["budget"]
            if "mark2" not in house.shown():
                left.append(budget["limit"] - budget["total"])
        assert left and max(left) < TOKENS.text(told)


async def test_what_has_no_room_in_a_smaller_window_is_recalled(open_house: Open) -> None:
    async with open_house(fold_turns=1000, fold_at=0.99, extract_turns=1000) as house:
        await house.say(TELESCOPE)
        for number in range(2, 15):
            await house.say(f"mark{number}. {WALK * 6}")
        says = "This model's maximum context length is 2000 tokens. However, you requested 4000"
        full = [too_long(says)]

        def answered(body: Body) -> Behaviour:
            return full.pop() if full and is_reply(body) else answer(body)

        house.server.default = answered
        told = await house.say(ASKED)
        assert not full and told["budget"]["limit"] <= 2000
        assert "mark1" in house.shown() and "mark2" not in house.shown()
        assert any("mark1 " in item["text"] for item in told["recalled"])


def wordy(name: str, words: int) -> str:
    return f"{name}: " + "river " * words


class Memory:
    """Recalls what it is given, in that order, as far as it fits; notes what was shown last."""

    def __init__(self, items: list[tuple[str, str]]) -> None:
        self.items, self.shown = items, set[str]()
        self.chosen: list[Recalled] = []

    def __call__(self, shown: Collection[str], room: int) -> Recollection:
        self.shown, self.chosen = {*shown}, []
        for ref, text in self.items:
            item = Recalled(id=ref, kind="evidence", score=1, text=text, at=AT)
            if ref not in shown and TOKENS.text(render([*self.chosen, item])) <= room:
                self.chosen.append(item)
        return Recollection(tuple(self.chosen))


@given(
    limit=st.sampled_from([700, 1000, 2000, 4000]),
    said=st.lists(st.one_of(st.integers(1, 40), st.integers(1, 700)), max_size=24),
    borrowed=st.lists(st.integers(1, 60), max_size=6),
    others=st.lists(st.integers(1, 40), max_size=8),
    summaries=st.lists(st.integers(1, 60), max_size=2),
    order=st.randoms(use_true_random=False),
    greeted=st.booleans(),
)
def test_each_message_is_shown_or_offered_to_recall_and_never_told_twice(
    limit: int,
    said: list[int],
    borrowed: list[int],
    others: list[int],
    summaries: list[int],
    order: Any,
    greeted: bool,
    backend: object,
) -> None:
    lines = [(f"b{n}/0", wordy(f"b{n}", words)) for n, words in enumerate(borrowed)]
    roles = [AIMessage, HumanMessage] if greeted else [HumanMessage, AIMessage]
    buffer: list[tuple[str, BaseMessage]] = [
        (f"t{n // 2}/{n % 2}", roles[n % 2](wordy(f"t{n}", words))) for n, words in enumerate(said)
    ]
    texts = dict(lines) | {ref: message.text for ref, message in buffer}
    texts |= {f"o{n}/0": wordy(f"o{n}", words) for n, words in enumerate(others)}
    remembered = list(texts.items())
    order.shuffle(remembered)
    memory = Memory(remembered)
    shares = Shares(
        limit=limit,
        reply_reserve=min(800, limit // 3),
        summary=limit * 12 // 100,
        entities=limit * 4 // 100,
        buffer=limit * 4 // 10,
        memories=limit * 15 // 100,
    )
    draft = Draft(
        persona="You.",
        earlier=[wordy("summary", words) for words in summaries],
        borrowed=lines,
        buffer=buffer,
        entities=[],
        recall=memory,
        today="Today.",
        message=[HumanMessage("And now?")],
        key=b"key",
    )
    prompt = build(draft, shares, TOKENS)
    text = "\n".join(message.text for message in prompt.messages)
    told = {ref for ref, said in texts.items() if said.strip() in text}
    assert prompt.budget["total"] <= limit
    assert all(text.count(f"{said.split()[0]} ") <= 1 for said in texts.values())
    if prompt.recalled or not memory.chosen:
        assert told == memory.shown - {""} | {item.id for item in prompt.recalled}
    else:  # Recalled memory made room for what was said.
        alone = replace(draft, recall=lambda _shown, _room: Recollection())
        assert prompt.messages == build(alone, shares, TOKENS).messages
