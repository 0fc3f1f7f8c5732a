"""What a client without a thread sends whole with every run is remembered once, on one thread."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage

from domain.owner import Owner
from domain.records import Turn
from domain.turns import live, parents_of
from nodes.messages.refusal import TurnRefused
from nodes.run_marks import TEMPORARY
from nodes.state import ChatContext
from tests.support.house import House, Open


async def run(
    house: House, messages: Sequence[AnyMessage], thread: str | None = None, user: str = "alex"
) -> AnyMessage:
    """Run without a thread, as the LangGraph server does it, or on a named one; return the reply.

    LangGraph gives what is sent an id, in place: it is a copy.
    """
    house.clock.passes(seconds=20)
    temporary = uuid4().hex
    marks = {} if thread else {TEMPORARY: True}
    config: Any = {"configurable": {"thread_id": thread or temporary, **marks}}
    given: Any = {"messages": [message.model_copy() for message in messages]}
    result = await house.graph.ainvoke(given, config, context=ChatContext(user_id=user))
    if thread is None:
        await house.parts.stores.checkpointer.adelete_thread(temporary)
    reply: AnyMessage = result["messages"][-1]
    return reply


async def known(house: House, user: str = "alex") -> dict[str, list[str]]:
    """Return what was said on each thread, with what came before it on another."""
    view = await house.parts.stores.journal.read(Owner(user))
    turns: dict[str, Turn] = dict(view.turns)
    for episode in await house.episodes(user):
        turns |= {turn.id: turn for turn in episode.turns}
    parents = parents_of(turns.values())
    return {
        thread: [
            said.text
            for turn in sorted(live([ref], parents), key=lambda id: turns[id].seq)
            for said in turns[turn].messages
            if said.role == "user"
        ]
        for thread, ref in view.refs.items()
    }


@pytest.mark.parametrize("fold_turns", [100, 3])
@pytest.mark.parametrize("sent", ["texts", "ids", "all that came back"])
async def test_a_history_sent_whole_without_a_thread_adds_only_what_is_new(
    open_house: Open, sent: str, fold_turns: int
) -> None:
    async with open_house(fold_turns=fold_turns) as house:
        history: list[AnyMessage] = []
        for number in range(8):
            id = None if sent == "texts" else f"id {number}"
            history.append(HumanMessage(f"Say mark{number % 6}", id=id))
            reply = await run(house, history)
            whole = sent == "all that came back"
            history.append(reply if whole else AIMessage(reply.text, id=id and f"reply {number}"))
        assert [*(await known(house)).values()] == [[f"Say mark{n % 6}" for n in range(8)]]
        assert "mark4" in house.shown()


async def test_a_window_of_the_newest_messages_is_known_too(open_house: Open) -> None:
    async with open_house() as house:
        history: list[AnyMessage] = []
        for number in range(6):
            history.append(HumanMessage(f"Say mark{number}"))
            history.append(await run(house, history[-5:]))
        assert [*(await known(house)).values()] == [[f"Say mark{n}" for n in range(6)]]


async def test_a_history_begun_elsewhere_is_remembered_once(open_house: Open) -> None:
    async with open_house() as house:
        history: list[AnyMessage] = []
        for number in range(3):
            history += [HumanMessage(f"Say mark{number}"), AIMessage(f"I say it {number} times.")]
        for number in range(3, 6):
            history.append(HumanMessage(f"Say mark{number}"))
            history.append(await run(house, history))
        assert [*(await known(house)).values()] == [[f"Say mark{n}" for n in range(6)]]


async def test_a_history_with_a_changed_end_adds_what_was_changed(open_house: Open) -> None:
    async with open_house() as house:
        history: list[AnyMessage] = []
        for number in range(3):
            history.append(HumanMessage(f"Say mark{number}"))
            history.append(await run(house, history))
        other = [*history[:4], HumanMessage("Say mark7"), AIMessage("So another model said.")]
        await run(house, [*other, HumanMessage("Say mark8")])
        first, second = sorted((await known(house)).values())
        assert first == ["Say mark0", "Say mark1", "Say mark2"]
        assert second == ["Say mark0", "Say mark1", "Say mark7", "Say mark8"]


async def test_a_run_sent_again_takes_the_place_of_the_first(open_house: Open) -> None:
    async with open_house() as house:
        history: list[AnyMessage] = [HumanMessage("Say mark1")]
        history += [await run(house, history), HumanMessage("Say mark2")]
        for _ in range(2):
            await run(house, history)
        assert [*(await known(house)).values()] == [["Say mark1", "Say mark2"]]


async def test_a_message_with_its_id_sent_again_is_its_turn_and_in_other_words_an_edit(
    open_house: Open,
) -> None:
    async with open_house() as house:
        first = HumanMessage("Say mark1", id="a")
        second = HumanMessage("Say mark2", id="b")
        sent: list[AnyMessage] = [first, await run(house, [first]), second]
        reply = await run(house, sent)
        asked = len(house.server.requests)
        again = await run(house, sent)
        assert again.text == reply.text and len(house.server.requests) == asked
        assert [*(await known(house)).values()] == [["Say mark1", "Say mark2"]]
        await run(house, [*sent[:2], HumanMessage("Say mark3", id="b")])
        assert [*(await known(house)).values()] == [["Say mark1", "Say mark3"]]


async def test_a_message_alone_is_new_whatever_its_id(open_house: Open) -> None:
    async with open_house() as house:
        for _ in range(3):
            await run(house, [HumanMessage("Say mark1", id="daily")])
        assert [*(await known(house)).values()] == [["Say mark1"]] * 3


async def test_messages_that_are_numbered_anew_in_each_conversation_are_told_apart(
    open_house: Open,
) -> None:
    async with open_house() as house:
        for name in ("a", "b"):
            history: list[AnyMessage] = []
            for number in range(3):
                history.append(HumanMessage(f"Say mark{number}{name}", id=f"{len(history)}"))
                history.append(AIMessage((await run(house, history)).text, id=f"{len(history)}"))
        told = sorted((await known(house)).values())
        assert told == [[f"Say mark{n}{name}" for n in range(3)] for name in ("a", "b")]


@pytest.mark.parametrize("thread", [None, "new"])
async def test_an_equal_end_alone_tells_no_conversation(
    open_house: Open, thread: str | None
) -> None:
    async with open_house() as house:
        end = HumanMessage("Thanks!")
        end_reply = AIMessage((await run(house, [end])).text)
        history: list[AnyMessage] = [HumanMessage("I keep mark1"), AIMessage("Nice.")]
        history += [end, end_reply]
        await run(house, [*history, HumanMessage("Say mark2")], thread)
        assert {"mark1", "mark2"} <= house.shown()
        assert sorted(map(len, (await known(house)).values())) == [1, 3]


async def test_of_two_conversations_that_end_alike_the_one_that_was_sent_goes_on(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=3) as house:
        sent: dict[str, list[AnyMessage]] = {"a": [], "b": []}
        for name, history in sent.items():
            for text in (*(f"Say mark{n}{name}" for n in range(3)), "Thanks!"):
                history.append(HumanMessage(text))
                history.append(AIMessage((await run(house, history)).text))
        await run(house, [*sent["a"], HumanMessage("Say mark4")])
        goes_on = next(texts for texts in (await known(house)).values() if "Say mark4" in texts)
        assert goes_on[0] == "Say mark0a"


async def test_a_thread_that_began_with_the_end_of_another_keeps_none_of_that(
    open_house: Open,
) -> None:
    async with open_house() as house:
        await house.talk(1, 3, "old")
        state = await house.graph.aget_state(house.config("old"))
        window = [type(m)(m.text) for m in state.values["messages"][-2:]]
        await run(house, [*window, HumanMessage("Say mark9")], "new")
        await house.parts.stores.checkpointer.adelete_thread("old")
        await house.say("What did I say?", "third")
        assert house.shown() == {"mark3", "mark9"}


async def test_messages_that_cannot_be_taken_are_refused_in_a_sentence(open_house: Open) -> None:
    async with open_house() as house:
        history: list[AnyMessage] = [HumanMessage("Say mark1")]
        history += [await run(house, history), HumanMessage("Say mark2")]
        with pytest.raises(TurnRefused, match="A message of the kind"):
            await run(house, [SystemMessage("Be kind."), *history])


async def test_of_two_runs_at_once_that_go_on_with_one_history_both_stay(open_house: Open) -> None:
    async with open_house() as house:
        history: list[AnyMessage] = [HumanMessage("Say mark1")]
        history.append(await run(house, history))
        both = ([*history, HumanMessage(text)] for text in ("Say mark2", "Say mark3"))
        await asyncio.gather(*(run(house, sent) for sent in both))
        ends = sorted(texts[-1] for texts in (await known(house)).values())
        assert ends == ["Say mark2", "Say mark3"]


async def test_a_known_history_on_a_new_thread_adds_only_what_is_new(open_house: Open) -> None:
    async with open_house() as house:
        await house.talk(1, 3, "old")
        state = await house.graph.aget_state(house.config("old"))
        history = [type(m)(m.text) for m in state.values["messages"]]
        await run(house, [*history, HumanMessage("Say mark4")], "new")
        await run(house, [*history, HumanMessage("Say mark5")])
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert len(view.turns) == 5
        ends = sorted(texts[-1] for texts in (await known(house)).values())
        assert ends == ["Let us speak of mark3 now", "Say mark4", "Say mark5"]
        await house.say("What did I say?", "old")
        assert {"mark1", "mark2", "mark3"} <= house.shown()


async def test_the_history_of_another_user_is_what_this_one_tells(open_house: Open) -> None:
    async with open_house() as house:
        history: list[AnyMessage] = [HumanMessage("Say mark1")]
        history += [await run(house, history), HumanMessage("Say mark2")]
        await run(house, history, user="sam")
        assert [*(await known(house)).values()] == [["Say mark1"]]
        assert [*(await known(house, "sam")).values()] == [["Say mark1", "Say mark2"]]


async def test_what_was_forgotten_is_not_told_by_the_history_that_holds_it(
    open_house: Open,
) -> None:
    async with open_house() as house:
        history: list[AnyMessage] = []
        for text in ("Say mark1", "Say mark2", "What did I say?"):
            history.append(HumanMessage(text))
            if text.startswith("What"):
                journal = house.parts.stores.journal
                view = await journal.read(Owner("alex"))
                first = next(id for id, turn in view.turns.items() if turn.parent is None)
                await journal.withhold(Owner("alex"), view.generation, [first])
            history.append(await run(house, history))
        assert house.shown() == {"mark2"}
        assert len((await house.parts.stores.journal.read(Owner("alex"))).turns) == 3
