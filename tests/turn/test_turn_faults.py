"""Whatever the model server does, a turn ends in a reply or in one clear sentence, and keeps on."""

from typing import Any

import pytest

from domain.owner import Owner
from models.errors import (
    BadReply,
    ContentFiltered,
    CutReply,
    EmptyReply,
    MalformedReply,
    ModelError,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
    TimedOut,
)
from tests.support.house import Open, answer, is_reply
from tests.support.servers.openai_server import Behaviour, Body, Fault, Reply, too_long

pytestmark = pytest.mark.parametrize("backend", [{}], ids=["embedded"])

FAULTS: dict[str, tuple[Behaviour, type[ModelError]]] = {
    "too many requests": (Fault(429, headers={"Retry-After": "7"}), RateLimited),
    "no credit": (Fault(429, "You exceeded", "insufficient_quota"), QuotaExhausted),
    "a broken server": (Fault(500), ServerFailed),
    "no answer in time": (Reply("late", delay=9), TimedOut),
    "an empty reply": (Reply(""), EmptyReply),
    "a filtered reply": (Reply("I", finish_reason="content_filter"), ContentFiltered),
    "a stream that breaks off": (Reply("one two three four", cut_after=2), CutReply),
    "a stream that just ends": (Reply("one two three four", end_after=2), CutReply),
    "garbage": (Reply("x", malformed=True), BadReply),
    "tools and nothing else": (Reply(None, tool_calls=(("none", {}),)), MalformedReply),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_fault_is_one_sentence_and_the_message_is_answered_with_the_next(
    open_house: Open, fault: tuple[Behaviour, type[ModelError]]
) -> None:
    behaviour, error = fault
    async with open_house(model_timeout=3) as house:
        await house.say("Let us speak of mark1")
        house.server.answers(*[behaviour] * 9)
        with pytest.raises(error) as raised:
            await house.say("Let us speak of mark2")
        said = str(raised.value)
        assert said.endswith(".") and "\n" not in said and "Traceback" not in said
        house.server.queue.clear()
        state = await house.graph.aget_state(house.config())
        assert "Let us speak of mark2" in [m.text for m in state.values["messages"]]
        await house.say("Let us speak of mark3")
        assert house.shown() == {"mark1", "mark2", "mark3"}
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert sorted(len(turn.messages) for turn in view.turns.values()) == [2, 3]


async def test_a_busy_server_is_asked_again_by_itself(open_house: Open) -> None:
    async with open_house(model_retries=2, model_timeout=60) as house:
        house.server.answers(Fault(429, headers={"Retry-After": "0.1"}), Fault(500), "At last.")
        result = await house.say("Hello mark1")
        assert result["messages"][-1].text == "At last."


async def test_what_a_reply_cost_is_kept_with_it(open_house: Open) -> None:
    async with open_house() as house:
        result = await house.say("Hello mark1")
        usage = result["messages"][-1].usage_metadata
        assert usage["input_tokens"] > 0 and usage["output_tokens"] > 0


async def test_a_prompt_that_stays_too_long_is_said_in_one_sentence(open_house: Open) -> None:
    async with open_house() as house:
        house.server.default = lambda body: too_long()
        with pytest.raises(ModelError, match="longer than this model can read"):
            await house.say("Hello mark1")


UNUSABLE: dict[str, Behaviour] = {
    "an empty summary": Reply("  "),
    "a summary without an end": Reply("We met, and met, and", finish_reason="length"),
    "garbage": Reply("x", malformed=True),
    "a filter": Reply("x", finish_reason="content_filter"),
}


@pytest.mark.parametrize("behaviour", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_for_an_answer_that_is_no_summary_the_users_own_words_stand_in_at_once(
    open_house: Open, behaviour: Behaviour
) -> None:
    def failing(body: Body) -> Any:
        return answer(body) if is_reply(body) else behaviour

    async with open_house(fold_turns=4, extract_turns=100, model_retries=0) as house:
        house.server.default = failing
        notes: list[str] = []
        for number in range(1, 7):
            notes += (await house.say(f"Let us speak of mark{number} now"))["degraded"]
        assert not any(note.startswith("summarize") for note in notes), notes
        (first, *_), work = (
            await house.episodes(),
            [b for b in house.server.requests if not is_reply(b)],
        )
        assert first.extractive and "mark1" in first.summary
        assert len(work) <= 2, "it would say the same again"


@pytest.mark.deep
async def test_a_memory_model_that_fails_loses_nothing_and_is_replaced_after_three_tries(
    open_house: Open,
) -> None:
    def failing(body: Body) -> Any:
        return answer(body) if is_reply(body) else Fault(500)

    async with open_house(fold_turns=4, extract_turns=4) as house:
        house.server.default = failing
        degraded: list[str] = []
        for number in range(1, 5):
            result = await house.say(f"Let us speak of mark{number} now")
            degraded += result["degraded"]
        assert any(note.startswith("summarize") for note in degraded)
        assert any(note.startswith("extract_facts") for note in degraded)
        assert await house.episodes() == []
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert len(view.turns) == 4 and view.cursor == 0
        for number in range(5, 9):
            await house.say(f"Let us speak of mark{number} now")
            assert house.shown() == {f"mark{n}" for n in range(1, number + 1)}
        first, *_ = await house.episodes()
        assert first.extractive and "mark1" in first.summary
        house.server.default = answer
        await house.talk(9, 12)
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert view.cursor >= 9
