"""A message that comes again is a retry, an edit, or history; what is taken out is not told."""

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
)
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from nodes.messages.refusal import TurnRefused
from nodes.state import ChatContext
from tests.support.house import House, Open


async def send(house: House, *messages: BaseMessage, thread: str = "t") -> list[AnyMessage]:
    """Run a turn with these messages; return those of the thread after it."""
    house.clock.passes(seconds=20)
    given: Any = {"messages": list(messages)}
    result = await house.graph.ainvoke(
        given, house.config(thread), context=ChatContext(user_id="alex")
    )
    said: list[AnyMessage] = result["messages"]
    return said


async def test_the_same_message_again_is_the_turn_that_answered_it(open_house: Open) -> None:
    async with open_house() as house:
        first = await send(house, HumanMessage("Say mark1", id="a"))
        last = await send(house, HumanMessage("Say mark2", id="b"))
        asked = len(house.server.requests)
        for message in (HumanMessage("Say mark2", id="b"), HumanMessage("Say mark1", id="a")):
            again = await send(house, message)
            assert [(m.id, m.text) for m in again] == [(m.id, m.text) for m in last]
        assert len(house.server.requests) == asked and len(first) == 2


async def test_another_text_under_the_same_id_is_an_edit(open_house: Open) -> None:
    async with open_house(fold_turns=4) as house:
        for number in range(1, 7):
            await send(house, HumanMessage(f"Say mark{number}", id=f"id{number}"))
        assert await house.episodes()
        for number, kept in ((5, 4), (1, 0)):
            said = await send(house, HumanMessage(f"Say mark{number}b", id=f"id{number}"))
            texts = [m.text for m in said if isinstance(m, HumanMessage)]
            assert texts == [f"Say mark{n}" for n in range(1, kept + 1)] + [f"Say mark{number}b"]
            await house.say("What did I say?", f"after {number}")
            marks = {f"mark{number}b"} | {f"mark{n}" for n in range(1, kept + 1)}
            assert house.shown() == marks


@pytest.mark.parametrize("fold_turns", [None, 4])
@pytest.mark.parametrize("with_ids", [(), ("human",), ("ai",), ("human", "ai")])
async def test_a_history_sent_whole_adds_only_what_is_new(
    open_house: Open, with_ids: tuple[str, ...], fold_turns: int | None
) -> None:
    async with open_house(fold_turns=fold_turns) if fold_turns else open_house() as house:
        history: list[AnyMessage] = []
        for number in range(1, 8):
            history.append(HumanMessage(f"Say mark{number % 5}", id=f"id{number}"))
            sent = [
                m.model_copy(update={"id": m.id if m.type in with_ids else None}) for m in history
            ]
            said = await send(house, *sent)
            history.append(said[-1])
            assert [m.text for m in said] == [m.text for m in history]
            history[-1] = AIMessage(said[-1].text, id=said[-1].id)
        assert bool(await house.episodes()) == bool(fold_turns)


@pytest.mark.parametrize("fold_turns", [100, 3])
@pytest.mark.parametrize(("kept", "then"), [(1, "Say mark9"), (2, "Say mark3"), (4, "Say mark9")])
async def test_a_history_without_ids_that_ends_earlier_leaves_all_that_was_said(
    open_house: Open, fold_turns: int, kept: int, then: str
) -> None:
    async with open_house(fold_turns=fold_turns) as house:
        history: list[AnyMessage] = []
        for number in range(1, 6):
            history.append(HumanMessage(f"Say mark{number}"))
            said = await send(house, *(m.model_copy(update={"id": None}) for m in history))
            history.append(AIMessage(said[-1].text))
        said = await send(house, *history[: 2 * kept], HumanMessage(then))
        texts = [m.text for m in said if isinstance(m, HumanMessage)]
        assert texts[-1] == then and not set(texts) - {f"Say mark{n}" for n in range(1, 10)}
        await house.say("What did I say?", "another")
        assert house.shown() == {then.removeprefix("Say "), *(f"mark{n}" for n in range(1, 6))}


async def test_the_same_words_said_again_behind_replies_that_have_ids_are_said_again(
    open_house: Open,
) -> None:
    async with open_house() as house:
        history: list[AnyMessage] = []
        for number in range(1, 4):
            history.append(HumanMessage("Tell me more"))
            said = await send(house, *history)
            assert len(said) == 2 * number
            history.append(AIMessage(said[-1].text, id=said[-1].id))


async def test_a_nul_that_no_store_keeps_makes_no_message_another(open_house: Open) -> None:
    async with open_house() as house:
        for id in ("a", "b", "a"):
            said = await send(house, HumanMessage(f"Say mark{id}\x00", id=id))
        assert [m.text for m in said if isinstance(m, HumanMessage)] == ["Say marka", "Say markb"]


async def test_an_edit_of_what_was_taken_out_takes_nothing_else(open_house: Open) -> None:
    async with open_house() as house:
        for number in range(1, 5):
            said = await send(house, HumanMessage(f"Say mark{number}", id=f"id{number}"))
        gone = [RemoveMessage(id=m.id or "") for m in said[2:4]]
        await house.graph.aupdate_state(house.config(), {"messages": gone})
        await send(house, HumanMessage("Say mark5", id="id5"))
        before = (await house.graph.aget_state(house.config())).config
        await send(house, HumanMessage("Say mark6", id="id2"))  # Another tab still shows it.
        given: Any = {"messages": [HumanMessage("What did I say?")]}
        await house.graph.ainvoke(given, before, context=ChatContext(user_id="alex"))
        assert house.shown() == {"mark1", "mark3", "mark4", "mark5"}


async def test_what_is_taken_out_of_a_thread_of_an_older_version_is_told_nowhere(
    open_house: Open,
) -> None:
    async with open_house() as house:
        await send(house, HumanMessage("Remember mark1", id="a"))
        said = await send(house, HumanMessage("Remember mark2", id="b"))
        update = {"messages": [RemoveMessage(id=m.id or "") for m in said[:2]], "in_thread": None}
        await house.graph.aupdate_state(house.config(), update)
        await send(house, HumanMessage("What is left?"))
        assert house.shown() == {"mark2"}
        await house.say("What did I ask you to remember?", "another")
        assert house.shown() == {"mark2"}


async def test_a_message_taken_out_of_the_thread_is_told_nowhere(open_house: Open) -> None:
    async with open_house() as house:
        await send(house, HumanMessage("Remember mark1", id="a"))
        said = await send(house, HumanMessage("Remember mark2", id="b"))
        await send(house, RemoveMessage(id="a"), HumanMessage("Remember mark3", id="c"))
        assert house.shown() == {"mark2", "mark3"}
        await house.graph.aupdate_state(
            house.config(),
            {"messages": [RemoveMessage(id="b"), RemoveMessage(id=said[-1].id or "")]},
        )
        await send(house, HumanMessage("What is left?"))
        assert house.shown() == {"mark3"}
        await house.say("What did I ask you to remember?", "another")
        assert house.shown() == {"mark3"}


@pytest.mark.parametrize("fold_turns", [100, 3])
async def test_a_thread_that_is_emptied_is_told_nowhere_and_stays_empty(
    open_house: Open, fold_turns: int
) -> None:
    async with open_house(fold_turns=fold_turns) as house:
        for number in range(1, 7):
            await send(house, HumanMessage(f"I am mark{number}"))
        everything = RemoveMessage(id=REMOVE_ALL_MESSAGES)
        assert len(await send(house, everything, HumanMessage("Who am I?"))) == 2
        for thread in ("t", "another"):
            await house.say("Who am I, again?", thread)
            assert house.shown() == set()


async def test_what_the_thread_drops_by_itself_stays_and_what_is_taken_out_in_front_does_not(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=3, thread_keep=10) as house:
        for number in range(1, 10):
            said = await send(house, HumanMessage(f"I am mark{number}"))
        first = next(number for number in range(1, 10) if said[0].text == f"I am mark{number}")
        assert first > 1
        gone = [RemoveMessage(id=message.id or "") for message in said[:4]]
        await send(house, *gone, HumanMessage("Who am I?"))
        left = {f"mark{n}" for n in range(1, 10)} - {f"mark{first}", f"mark{first + 1}"}
        assert {f"mark{n}" for n in range(1, first)} <= house.shown() <= left


async def test_ids_that_other_threads_and_left_branches_use_too_are_each_threads_own(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=3) as house:
        for thread in ("t", "u"):
            for number in range(1, 8):
                text = f"Say mark{number}{thread}"
                await send(house, HumanMessage(text, id=f"{number}"), thread=thread)
            house.clock.passes(hours=1)
        await send(house, HumanMessage("Say mark2x", id="2"))
        assert {"mark1t", "mark2x"} == {mark for mark in house.shown() if mark[-1] != "u"}
        again = [HumanMessage(f"Say mark{number}t", id=f"{number}") for number in (1, 3)]
        said = await send(house, *again)
        texts = [m.text for m in said if isinstance(m, HumanMessage)]
        assert texts == ["Say mark1t", "Say mark2x", "Say mark3t"]


@pytest.mark.deep
async def test_what_is_taken_out_of_a_folded_turn_is_told_nowhere_nor_by_who_repeats_it(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=3) as house:
        await send(house, HumanMessage("I am mark1", id="a"))
        for number in range(2, 6):
            await send(house, HumanMessage(f"I am mark{number}"))
        await house.say("Fine", "another")  # Its reply is of no turn that is taken out.
        assert await house.episodes()
        house.server.answers("You said that you are mark1, and more.")
        await send(house, HumanMessage("What was the first?"))
        await send(house, RemoveMessage(id="a"), HumanMessage("What is left?"))
        for thread in ("t", "another"):
            await house.say("What am I?", thread)
            assert "mark1" not in house.shown()
        await house.say("Am I mark5?", "third")
        assert "User: I am mark5" in house.prompt()


@pytest.mark.parametrize("fold_turns", [100, 3])
@pytest.mark.parametrize("text", ["Say " + "mark9 " * 500, "   "])
async def test_an_edit_that_is_refused_leaves_what_was_said_as_it_was(
    open_house: Open, fold_turns: int, text: str
) -> None:
    async with open_house(fold_turns=fold_turns, message_bytes=2_000) as house:
        for number in range(1, 6):
            await send(house, HumanMessage(f"Say mark{number}", id=f"id{number}"))
        with pytest.raises(TurnRefused):
            await send(house, HumanMessage(text, id="id2"))
        said = await send(house, HumanMessage("What did I say?"))
        marks = [f"Say mark{number}" for number in range(1, 6)]
        assert [m.text for m in said if isinstance(m, HumanMessage)] == [*marks, "What did I say?"]
        await house.say("What did I say?", "another")
        assert house.shown() == {f"mark{number}" for number in range(1, 6)}
