"""LibreChat as it comes, by what its version 0.8.7 sent: titles, another try, an edited message."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.service.http.test_openai_clients import always, prompt, replied, said
from tests.support.servers.openai_server import Fault, Reply
from tests.support.servers.served import OpenServed, Served, open_served

__all__ = ["open_served"]

USER = "6b0e381acdad0ed5df3e36ab"
CHAT = {
    "X-LibreChat-User-Id": USER,
    "X-LibreChat-Conversation-Id": "157635fa-5777-46e9-9118-7b8cc77e9f0b",
}
TITLE = (
    "Provide a title of at most five words for this conversation.\n\n"
    "Conversation:\nUser: My dog is called Biscuit.\nAI: "
)
CHECKPOINTS = (
    "Hold on, first write a checkpoint of all that was said. Your context window is nearly full.",
    "Hold on again, put what is new into your existing checkpoint, and send me the whole of it.",
)


async def ask(served: Served, *messages: Any, status: int = 200) -> str:
    """Send messages of one conversation, and return the reply."""
    body = {"model": "default", "user": USER, "stream": False, "messages": messages}
    answer = await served.client.post("/v1/chat/completions", json=body, headers=CHAT)
    assert answer.status_code == status, answer.text
    return str(answer.json()["choices"][0]["message"]["content"]) if status == 200 else ""


async def told(served: Served) -> Sequence[str]:
    """Return what memory holds of what was said, oldest first."""
    kept = await served.client.get(f"/memory/{USER}/default/transcript")
    return [turn["messages"][0]["text"] for turn in kept.json()["items"]]


async def test_a_title_is_given_and_not_remembered(open_served: OpenServed) -> None:
    async with open_served() as served:
        served.model.default = always(Reply("A Dog"))
        assert await ask(served, said(TITLE)) == "A Dog"
        assert await told(served) == []
        await ask(served, said("Provide a short title for my poem."))
        assert len(await told(served)) == 1


@pytest.mark.parametrize("asked", CHECKPOINTS)
async def test_a_summary_of_what_no_longer_fits_is_given_and_takes_nothing_away(
    open_served: OpenServed, asked: str
) -> None:
    async with open_served() as served:
        history = [said("I live in Boston.")]
        history.append(replied(await ask(served, *history)))
        await ask(served, *history, said("I keep bees."))
        await ask(served, *history, said(asked))
        assert await told(served) == ["I live in Boston.", "I keep bees."]


@pytest.mark.parametrize("fold_turns", [40, 3])
async def test_a_first_message_answered_anew_takes_the_place(
    open_served: OpenServed, fold_turns: int
) -> None:
    async with open_served(fold_turns=fold_turns) as served:
        history = [said("I live in Boston.")]
        for number in range(8):
            history.append(replied(await ask(served, *history)))
            history.append(said(f"I keep bee number {number}."))
        again = replied(await ask(served, history[0]))
        assert prompt(served.model).count("I live in Boston.") == 1
        assert await told(served) == ["I live in Boston."]
        await ask(served, history[0], again, said("I sail boats."))
        assert await told(served) == ["I live in Boston.", "I sail boats."]


async def test_a_message_that_comes_without_its_history_takes_nothing_away(
    open_served: OpenServed,
) -> None:
    """It sends what fits into its window: a long message may be all that does."""
    async with open_served() as served:
        reply = await ask(served, said("I live in Boston."))
        await ask(served, said("I live in Boston."), replied(reply), said("I keep bees."))
        await ask(served, said("Here is my whole novel."))
        assert await told(served) == [
            "I live in Boston.",
            "I keep bees.",
            "Here is my whole novel.",
        ]


async def test_a_first_message_that_failed_is_not_said_twice(open_served: OpenServed) -> None:
    async with open_served() as served:
        served.model.default = always(Fault(401))
        await ask(served, said("I keep bees."), status=503)
        served.model.default = always(Reply("I see."))
        await ask(served, said("I keep bees."))
        assert prompt(served.model).count("I keep bees.") == 1
        assert await told(served) == ["I keep bees."]


async def test_a_second_message_that_comes_before_the_first_is_answered_keeps_both(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        served.model.default = always(Reply("So it is.", delay=0.5))
        first = asyncio.create_task(ask(served, said("I live in Boston.")))
        await asyncio.sleep(0.4)
        await ask(served, said("I keep bees."))
        await first
        assert sorted(await told(served)) == ["I keep bees.", "I live in Boston."]
