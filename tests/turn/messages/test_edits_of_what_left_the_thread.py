"""A message that left its thread is still known by its id: edited, or sent again."""

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage

from domain.owner import Owner
from nodes.messages.refusal import TurnRefused
from nodes.state import ChatContext
from service.conversation import Conversation
from service.turn_report import report_of
from stores.errors import StoreUnavailable
from tests.support.house import House, Open
from tests.turn.messages.test_said_again import send

SMALL: dict[str, Any] = {"fold_turns": 3, "thread_keep": 6, "extract_turns": 100}
"""A thread that keeps three turns."""


def human(number: int, text: str = "", **more: Any) -> HumanMessage:
    return HumanMessage(text or f"Say mark{number}", id=f"id{number}", **more)


async def talk(house: House, last: int, thread: str = "t") -> list[AnyMessage]:
    """Say mark1, mark2, ... each under an id; return the thread, which lost the first of them."""
    for number in range(1, last + 1):
        said = await send(house, human(number), thread=thread)
    assert said[0].text != "Say mark1" and await house.episodes()
    return said


def users(messages: list[AnyMessage]) -> list[str]:
    return [m.text for m in messages if isinstance(m, HumanMessage)]


@pytest.mark.parametrize("tier", ["plus", "free"])
@pytest.mark.parametrize("edited", [1, 2, 4, 6])
async def test_an_edit_of_what_left_the_thread_takes_its_place(
    open_house: Open, edited: int, tier: str
) -> None:
    async with open_house(**SMALL, default_tier=tier) as house:
        await talk(house, 12)
        said = await send(house, human(edited, "Say mark99"))
        before = [f"Say mark{number}" for number in range(max(1, edited - 3), edited)]
        assert users(said) == [*before, "Say mark99"] and len(said) == 2 * len(before) + 2
        said = await send(house, human(50, "What did I say?"))
        left = {"mark99", *(f"mark{number}" for number in range(1, edited))}
        assert "mark99" in house.shown() <= left
        await house.say("What did I say?", "another")
        assert {"mark99"} <= house.shown() <= left
        for number in range(13, 20):  # Nothing old comes back when it is folded.
            await send(house, human(number))
        assert house.shown() <= left | {f"mark{number}" for number in range(13, 20)}


async def test_an_edit_by_id_ends_as_one_by_checkpoint_does(open_house: Open) -> None:
    """As one of a turn that lies in the middle of an episode."""
    prompts = []
    for by_checkpoint in (True, False):
        async with open_house(**SMALL, checkpoint_turns=100) as house:
            user = f"u{by_checkpoint}"
            context, at = ChatContext(user_id=user), None
            for number in range(1, 13):
                at = await house.here(user) if number == 5 else at
                given: Any = {"messages": [human(number)]}
                await house.graph.ainvoke(given, house.config(user), context=context)
            edit: Any = {"messages": [human(5, "Say mark99")]}
            where = at if by_checkpoint and at else house.config(user)
            await house.graph.ainvoke(edit, where, context=context)
            given = {"messages": [human(20, "What did I say?")]}
            await house.graph.ainvoke(given, house.config(user), context=context)
            prompts.append(house.shown())
            view = await house.parts.stores.journal.read(Owner(user))
            assert len(await house.episodes(user)) >= 3 and len(view.refs) == 1
    assert prompts[0] == prompts[1] == {"mark1", "mark2", "mark3", "mark4", "mark99"}


async def test_what_left_the_thread_sent_again_is_the_turn_that_answered_it(
    open_house: Open,
) -> None:
    async with open_house(**SMALL) as house:
        last = await talk(house, 12)
        asked = len(house.server.requests)
        for number in (1, 4, 12):
            again = await send(house, human(number))
            assert [(m.id, m.text) for m in again] == [(m.id, m.text) for m in last]
            turn = Conversation(house.parts).turn(
                Owner("alex"), "t", f"Say mark{number}", message_id=f"id{number}"
            )
            report = await report_of(turn)
            assert report.reply == f"Reply to Say mark{number}." and report.error is None
        assert len(house.server.requests) == asked
        said = await send(house, human(13))
        assert users(said)[-2:] == ["Say mark12", "Say mark13"]


async def test_a_folded_turn_that_the_thread_still_shows_answers_again_too(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=3) as house:
        for number in range(1, 9):
            await send(house, human(number))
        turn = Conversation(house.parts).turn(Owner("alex"), "t", "Say mark1", message_id="id1")
        assert (await report_of(turn)).reply == "Reply to Say mark1."


@pytest.mark.parametrize("with_replies", [True, False])
async def test_a_long_history_sent_whole_with_its_ids_adds_only_what_is_new(
    open_house: Open, with_replies: bool
) -> None:
    async with open_house(**SMALL) as house:
        history: list[AnyMessage] = []
        for number in range(1, 13):
            history.append(human(number))
            said = await send(house, *history)
            assert said[-2].text == f"Say mark{number}"
            assert len(users(said)) == len(set(users(said))) <= 5
            assert isinstance(said[-1], AIMessage)
            if with_replies:
                history.append(AIMessage(said[-1].text, id=said[-1].id))
        await house.say("What did I say?", "another")
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert view.seq == 13


async def test_an_edit_in_a_long_history_sent_whole_leaves_what_came_after(
    open_house: Open,
) -> None:
    async with open_house(**SMALL) as house:
        await talk(house, 12)
        history = [*map(human, range(1, 4)), human(4, "Say mark99")]
        said = await send(house, *history)
        assert users(said) == [f"Say mark{number}" for number in range(1, 4)] + ["Say mark99"]


async def test_ids_that_another_thread_used_before_are_no_edits_of_it(open_house: Open) -> None:
    async with open_house(**SMALL) as house:
        await talk(house, 12)
        house.clock.passes(hours=1)
        await talk(house, 12, "u")
        await house.say("What did I say?", "v")
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert view.seq == 25 and set(view.refs) == {"t", "u", "v"}


@pytest.mark.parametrize("thread_keep", [6, 50])
async def test_what_is_said_behind_an_edit_is_said_with_it(
    open_house: Open, thread_keep: int
) -> None:
    async with open_house(**SMALL | {"thread_keep": thread_keep}) as house:
        for number in range(1, 13):
            await send(house, human(number))
        said = await send(house, human(3, "Say mark98"), human(50, "Say mark99"))
        assert users(said) == ["Say mark1", "Say mark2", "Say mark98", "Say mark99"]
        await send(house, human(51, "What did I say?"))
        assert house.shown() == {"mark1", "mark2", "mark98", "mark99"}


async def test_a_copy_of_a_thread_knows_what_left_it_and_its_edit_is_its_own(
    open_house: Open,
) -> None:
    async with open_house(**SMALL) as house:
        await talk(house, 12)
        await house.parts.stores.checkpointer.acopy_thread("t", "copy")
        said = await send(house, human(4, "Say mark99"), thread="copy")
        assert users(said) == ["Say mark1", "Say mark2", "Say mark3", "Say mark99"]
        said = await send(house, human(60, "What did I say?"))
        assert users(said)[-2] == "Say mark12"


async def test_an_edit_shows_nothing_again_that_was_taken_out_before_it(open_house: Open) -> None:
    async with open_house(**SMALL) as house:
        await send(house, human(1))
        await send(house, RemoveMessage(id="id1"), human(2))
        for number in range(3, 13):
            await send(house, human(number))
        said = await send(house, human(3, "Say mark99"))
        assert users(said) == ["Say mark2", "Say mark99"]
        assert house.shown() == {"mark2", "mark99"}


@pytest.mark.parametrize("thread_keep", [6, 50])
@pytest.mark.parametrize("edited", [1, 2, 5])
async def test_an_edit_of_a_folded_turn_goes_on_at_breakpoints_that_stay_on(
    open_house: Open, edited: int, thread_keep: int
) -> None:
    async with open_house(**SMALL | {"thread_keep": thread_keep}) as house:
        for number in range(1, 13):
            await send(house, human(number))
        given: Any = {"messages": [human(edited, "Say mark99")]}
        at_all: Any = {"context": ChatContext(user_id="alex"), "interrupt_before": "*"}
        while given is not None or (await house.graph.aget_state(house.config())).next:
            await house.graph.ainvoke(given, house.config(), **at_all)
            given = None
        await send(house, human(50, "What did I say?"))
        assert house.shown() == {"mark99", *(f"mark{number}" for number in range(1, edited))}


async def test_where_the_memories_do_not_answer_an_edit_is_taken_for_a_new_message(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(**SMALL) as house:
        await talk(house, 12)
    async with open_house(**SMALL) as house:

        async def unavailable(*_: Any, **__: Any) -> Any:
            await asyncio.sleep(0)
            raise StoreUnavailable("down")

        monkeypatch.setattr(house.parts.stores.long_term, "abatch", unavailable)
        said = await send(house, human(1, "Say mark99"))
        assert users(said)[-2:] == ["Say mark12", "Say mark99"]
        assert "mark12" in house.shown()


@pytest.mark.parametrize("first", [human(50), AIMessage("Hi, I am Ada.", id="greeting")])
async def test_a_refused_edit_of_a_later_message_of_a_turn_leaves_the_thread_as_it_was(
    open_house: Open, first: AnyMessage
) -> None:
    async with open_house(**SMALL) as house:
        await send(house, first, human(51))
        last = await talk(house, 12)
        with pytest.raises(TurnRefused):
            await send(house, human(51, " "))
        said = await send(house, human(13))
        assert users(said)[-2:] == [users(last)[-1], "Say mark13"] and "mark12" in house.shown()


async def test_a_tier_without_memory_makes_no_index_of_it(open_house: Open) -> None:
    async with open_house(**SMALL, default_tier="free") as house:
        await talk(house, 12)
        await send(house, human(1, "Say mark99"))
        assert house.parts.stores.recall.nbytes == 0
