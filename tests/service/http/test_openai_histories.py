"""Which thread a history means whose client, or another model, changed what was said."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.owner import Owner
from domain.records import Said, Turn
from service.http.openai.threads import place_of
from tests.service.http.test_openai_clients import (
    User,
    always,
    ask,
    prompt,
    refs,
    replied,
    said,
    transcript,
)
from tests.support.servers.openai_server import Reply
from tests.support.servers.served import OpenServed, open_served

__all__ = ["open_served"]

CAT: Any = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}


@pytest.mark.parametrize(
    ("asked", "ours", "theirs"),
    [
        ("Name my dog?", "Call him Rex.", "Call him Biscuit, says another model."),
        ("I wake up.", "You are in a cellar, and it is dark.", "You are on a beach at noon."),
        ([CAT], "A cat.", "A dog, and an old one."),
        ("Say it.", "I see.", "I think that nobody could ever see so many of them."),
    ],
)
async def test_a_reply_of_another_model_to_the_same_question_counts(
    open_served: OpenServed, asked: Any, ours: str, theirs: str
) -> None:
    async with open_served() as served:
        served.model.default = always(Reply(ours))
        question = {"role": "user", "content": asked}
        await ask(served, question)
        history = [question, replied(theirs), said("Fine."), replied("Good, says that model.")]
        for end in (2, 4):
            await ask(served, *history[:end], said("I take that."))
            assert theirs in prompt(served.model)


@pytest.mark.parametrize(
    "sent",
    [[said("Thanks"), replied("Any time, says a model.")], [replied("Hello, I am Ada.")]],
)
async def test_a_short_exchange_that_ends_another_thread_too_tells_no_thread(
    open_served: OpenServed, sent: list[User]
) -> None:
    async with open_served() as served:
        served.model.default = always(Reply("Hello, I am Ada."))
        for text in ("My wife wants a divorce.", "Thanks"):
            await ask(served, said(text), extra_headers={"X-Thread-Id": "home"})
        home = await refs(served)
        await ask(served, *sent, said("Write a poem."))
        assert home.items() < (await refs(served)).items()


@pytest.mark.parametrize("shown", ["**{}**", "Thoughts first. {}", "{} [1]\n\nSources: a.pdf"])
async def test_a_known_history_that_ends_no_thread_is_no_second_one(
    open_served: OpenServed, shown: str
) -> None:
    async with open_served() as served:
        history: list[User] = []
        for text in ("I keep bees.", "I sail boats.", "I paint."):
            reply = await ask(served, *history, said(text))
            history += [said(text), replied(shown.format(reply))]
        edited = [*history[:4], said("I sing.")]
        edited.append(replied(shown.format(await ask(served, *edited))))
        await ask(served, *edited, said("So?"))
        begun = [turn[0] for turn in await transcript(served)]
        assert begun == ["I keep bees.", "I sail boats.", "I paint.", "I sing.", "So?"]


async def test_where_a_user_often_says_the_same_a_history_is_found_at_once(
    open_served: OpenServed,
) -> None:
    now, owner = datetime(2026, 1, 1, tzinfo=UTC), Owner("alex")
    turns = [
        Turn(
            id=f"t{number}",
            parent=f"t{number - 1}" if number else None,
            thread="tale",
            at=now,
            messages=(
                Said(id=f"{number}u", role="user", text="Go on.", at=now),
                Said(id=f"{number}a", role="assistant", text=f"Chapter {number}.", at=now),
            ),
        )
        for number in range(2000)
    ]
    history = [("A tale.", "Once."), *[("Go on.", "Told elsewhere.")] * 198]
    async with open_served() as served:
        stores = served.serving.parts.stores
        generation = (await stores.journal.read(owner)).generation
        await stores.journal.add_turns(owner, generation, turns, "tale", "t1999")
        conversation = served.serving.conversation
        named: Any = {"newest": "Hm.", "thread": None, "sends": "any", "now": now}
        finding = place_of(stores, conversation, owner, history, **named)
        place = await asyncio.wait_for(finding, 10)
        assert place.thread != "tale"
