"""One turn as every channel runs it: what it yields, and what ends up in its report."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from domain.owner import Owner
from service.conversation import Conversation, new_thread
from service.turn_report import Event, StepEvent, TokenEvent, TurnDone, TurnReport
from stores.maintenance.erase import reset
from tests.support.house import House, Open
from tests.support.servers.openai_server import Fault, Reply

ALEX = Owner("alex")
# On servers in the quick run too: what every channel runs, once over all that it stands on.
pytestmark = pytest.mark.parametrize("backend", ["embedded", "servers"], indirect=True)


async def events_of(
    conversation: Conversation, text: str, thread: str = "t", owner: Owner = ALEX, **more: Any
) -> list[Event]:
    return [event async for event in conversation.turn(owner, thread, text, **more)]


async def said(conversation: Conversation, text: str, *args: Any, **more: Any) -> TurnReport:
    last = (await events_of(conversation, text, *args, **more))[-1]
    assert isinstance(last, TurnDone)
    return last.report


def talking(house: House) -> Conversation:
    return Conversation(house.parts)


async def test_the_tokens_are_the_reply_and_the_report_comes_last(open_house: Open) -> None:
    async with open_house() as house:
        house.server.answers(Reply("Hello there, Alex, how are you?"))
        events = await events_of(talking(house), "Hello")
        tokens = [event.text for event in events if isinstance(event, TokenEvent)]
        assert len(tokens) > 3 and isinstance(events[-1], TurnDone)
        assert "".join(tokens) == events[-1].report.reply == "Hello there, Alex, how are you?"
        assert [type(event) for event in events].count(TurnDone) == 1


async def test_folding_and_extraction_are_told_before_they_end(open_house: Open) -> None:
    async with open_house(fold_turns=4, extract_turns=4) as house:
        conversation = talking(house)
        for number in range(1, 4):
            await events_of(conversation, f"Let us speak of mark{number}")
        events = await events_of(conversation, "Let us speak of mark4")
        steps = [event for event in events if isinstance(event, StepEvent)]
        assert {(step.step, step.messages) for step in steps} == {("fold", 4), ("extract", 4)}
        report = events[-1].report if isinstance(events[-1], TurnDone) else None
        assert report and report.folded == 4 and report.ms.remember > 0


async def test_what_a_user_can_act_on_is_an_error_in_the_report(open_house: Open) -> None:
    async with open_house() as house:
        conversation = talking(house)
        house.server.answers(Fault(500))
        assert "failed" in str((await said(conversation, "mark1")).error)
        assert "no date" in str((await said(conversation, "mark2", as_of="soon")).error)
        assert "no tier" in str((await said(conversation, "mark3", tier="gold")).error)
        assert "empty" in str((await said(conversation, "  ")).error)
        assert (await said(conversation, "mark4")).error is None
        assert house.shown() == {"mark1", "mark4"}, "a message that found no reply waits for one"
        foreign = await said(conversation, "mark5", "t", Owner("eve"))
        assert "another conversation" in str(foreign.error) and foreign.reply == ""


async def test_turns_of_one_thread_wait_for_each_other(open_house: Open) -> None:
    async with open_house() as house:
        conversation = talking(house)
        house.server.answers(Reply("one two three four", delay=0.05), Reply("five"))
        both = await asyncio.gather(said(conversation, "mark1"), said(conversation, "mark2"))
        assert [report.error for report in both] == [None, None]
        view = await house.parts.stores.journal.read(ALEX)
        first, second = sorted(view.turns.values(), key=lambda turn: turn.seq)
        assert second.parent == first.id


async def test_a_turn_cancelled_while_it_is_answered_leaves_its_message_waiting(
    open_house: Open,
) -> None:
    async with open_house() as house:
        conversation = talking(house)
        house.server.answers(Reply("one two three four five six " * 20, delay=0.05))

        async def until_the_third_token() -> None:
            seen = 0
            async with aclosing(conversation.turn(ALEX, "t", "Count to mark1")) as events:
                async for event in events:
                    seen += isinstance(event, TokenEvent)
                    if seen == 3:
                        third.set()
                        await asyncio.sleep(600)

        third = asyncio.Event()
        task = asyncio.create_task(until_the_third_token())
        await third.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        house.server.answers(Reply("Here."))
        assert (await said(conversation, "Now mark2")).reply == "Here."
        assert house.shown() == {"mark1", "mark2"}
        view = await house.parts.stores.journal.read(ALEX)
        assert len(view.turns) == 1


async def test_a_turn_cancelled_while_it_is_folded_is_kept(open_house: Open) -> None:
    async with open_house(fold_turns=3, extract_turns=100) as house:
        conversation = talking(house)
        await said(conversation, "Let us speak of mark1")
        await said(conversation, "Let us speak of mark2")

        async def until_it_folds() -> None:
            turn = conversation.turn(ALEX, "t", "Let us speak of mark3")
            async with aclosing(turn) as events:
                async for event in events:
                    if isinstance(event, StepEvent):
                        folding.set()

        folding = asyncio.Event()
        house.server.answers(Reply("Reply to mark3."), Reply("A summary.", delay=5))
        asked = len(house.server.requests)
        task = asyncio.create_task(until_it_folds())
        await folding.wait()
        await house.server.asked(asked + 2)
        task.cancel()
        await asyncio.wait([task])
        await said(conversation, "Let us speak of mark4")
        assert house.shown() == {"mark1", "mark2", "mark3", "mark4"}


async def test_a_turn_whose_owner_is_reset_meanwhile_says_so(open_house: Open) -> None:
    async with open_house() as house:
        conversation = talking(house)
        house.server.answers(Reply("one two three four five", delay=0.2))
        turn = asyncio.create_task(said(conversation, "Remember mark1"))
        await house.server.asked(1)
        await reset(house.parts.stores, ALEX)
        report = await turn
        assert "reset meanwhile" in str(report.error)
        await said(conversation, "And mark2")
        assert house.shown() == {"mark2"}


async def test_the_last_thread_is_the_one_spoken_on_last(open_house: Open) -> None:
    async with open_house() as house:
        conversation = talking(house)
        assert await conversation.last_thread(ALEX) is None
        first, second = new_thread(), new_thread()
        for thread in (first, second, first):
            house.clock.passes(minutes=1)
            report = await said(conversation, "Let us speak", thread)
        assert await conversation.last_thread(ALEX) == first
        assert await conversation.last_budget(ALEX, first) == report.budget
        assert await conversation.last_budget(Owner("eve"), first) is None
        await reset(house.parts.stores, ALEX)
        assert await conversation.last_thread(ALEX) is None
        assert await conversation.last_budget(ALEX, first) is None


async def test_a_search_of_the_model_is_told_and_counted(open_house: Open) -> None:
    async with open_house() as house:
        searching = house.parts.settings.model_copy(update={"search_memory": True})
        conversation = Conversation(replace(house.parts, settings=searching))
        await said(conversation, "I keep an otter named mark7", "first")
        house.server.answers(
            Reply("Let me see.", tool_calls=(("search_memory", {"query": "otter"}),)),
            Reply("It is mark7."),
        )
        events = await events_of(conversation, "Who is my pet?", "second")
        assert StepEvent("search") in events
        assert isinstance(events[-1], TurnDone) and events[-1].report.reply == "It is mark7."
