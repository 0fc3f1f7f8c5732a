"""Every edit that works on a plain graph works here, as front ends make it.

They read the ten newest checkpoints, look in which a message first stands, and go on from the one
before that.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from tests.support.house import House, Open

READ = 10
"""Checkpoints that LangGraph's `useStream` reads of a thread."""
CONFIG = House.config()
Say = Callable[[str | None, RunnableConfig | None], Awaitable[Any]]


def plain_graph() -> tuple[Any, Say]:
    """Return a graph of one node that replies, and how something is said in it."""

    def reply(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"Reply to {state['messages'][-1].text}.")]}

    graph = StateGraph(MessagesState).add_node("reply", reply)
    graph.add_edge(START, "reply").add_edge("reply", END)
    plain = graph.compile(checkpointer=InMemorySaver())

    async def say(text: str | None, at: RunnableConfig | None) -> None:
        await plain.ainvoke({"messages": [HumanMessage(text)]} if text else None, at or CONFIG)

    return plain, say


def said(number: str) -> str:
    return f"Let us speak of mark{number} now"


async def play(graph: Any, say: Say, story: str) -> list[str]:
    """Say "4", edit "2>3" or make a reply anew "@4"; return what the user has said in the end."""
    for step in story.split():
        edited, _, anew = step.partition(">")
        if not anew and "@" not in step:
            await say(said(step), None)
            continue
        text = f"Reply to {said(step[1:])}" if "@" in step else said(edited)
        history = [s async for s in graph.aget_state_history(CONFIG, limit=READ)]
        first = [s for s in history if any(text in m.text for m in s.values.get("messages", ()))]
        await say(said(anew) if anew else None, first[-1].parent_config)
    messages = (await graph.aget_state(CONFIG)).values["messages"]
    return [message.text for message in messages if isinstance(message, HumanMessage)]


def played(house: House, **more: Any) -> Say:
    """Return how something is said in a house, as `play` wants it."""
    return lambda text, at: house.say(text, at=at, **more)


@pytest.mark.parametrize(
    ("story", "left"),
    [
        pytest.param("1 2 3 1>99", "99", marks=pytest.mark.deep),
        pytest.param("1 2 3 4 3>99", "1 2 99", marks=pytest.mark.deep),
        pytest.param("1 2 3 4 5 6 4>99", "1 2 3 99", marks=pytest.mark.deep),
        ("1 2 3 @3 3>99", "1 2 99"),
        pytest.param("1 2 3 4 5 6 7 8 6>98 98>99", "1 2 3 4 5 99", marks=pytest.mark.deep),
        pytest.param("1 2 3 2>97 @97 97>98 4 @4 4>99 5", "1 98 99 5", marks=pytest.mark.deep),
        ("1 @1 @1 2 1>99 3", "99 3"),
        pytest.param("1 2 3 2>50 51 @51 51>52 50>53 54", "1 53 54", marks=pytest.mark.deep),
    ],
)
async def test_an_edit_takes_the_place_of_the_turn_it_edits(
    open_house: Open, story: str, left: str
) -> None:
    plain, say = plain_graph()
    expected = [said(number) for number in left.split()]
    assert await play(plain, say, story) == expected
    async with open_house(fold_turns=100) as house:
        assert await play(house.graph, played(house), story) == expected
        assert house.shown() == {f"mark{number}" for number in left.split()}


async def test_a_finished_turn_leaves_as_many_checkpoints_as_one_of_a_plain_graph(
    open_house: Open,
) -> None:
    plain, say = plain_graph()
    async with open_house(fold_turns=4, extract_turns=2) as house:
        for story in ("1", "2", "@2", "3", "3>4", "@4", "5", "6"):
            lengths = []
            for graph, each in ((plain, say), (house.graph, played(house, durability="sync"))):
                await play(graph, each, story)
                lengths.append(len([s async for s in graph.aget_state_history(CONFIG)]))
            assert lengths[0] == lengths[1], story
