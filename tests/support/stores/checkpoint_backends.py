"""Both checkpointers behind one door, and the few calls that tests make on either.

Nothing here is a test.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.graph import END, START, StateGraph, add_messages

from stores.redis.checkpoints import RedisCheckpoints
from stores.sqlite.checkpoints import SqliteCheckpoints

Saver = RedisCheckpoints | SqliteCheckpoints
Open = Callable[..., AbstractAsyncContextManager[Saver]]
BACKENDS = ("redis", "sqlite")


def opener(request: pytest.FixtureRequest, folder: Path) -> Open:
    """Return what opens the checkpointer that `request.param` names, on an empty store."""
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
        return lambda **options: RedisCheckpoints.open(url, **options)
    return lambda **options: SqliteCheckpoints.open(folder / "checkpoints.db", **options)


class Refs:
    """Refs in memory that note what was asked of them."""

    def __init__(self) -> None:
        """Begin without calls."""
        self.calls: list[tuple[str, ...]] = []

    @asynccontextmanager
    async def copying(self, source: str, target: str) -> AsyncIterator[bool]:
        """Note a copy."""
        yield True
        self.calls.append(("copy", source, target))

    async def drop(self, thread_id: str) -> None:
        """Note a deletion."""
        self.calls.append(("drop", thread_id))


def thread(thread_id: str, namespace: str = "", **more: str) -> RunnableConfig:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": namespace, **more}}


async def put(
    saver: Saver, config: RunnableConfig, value: object, id: str | None = None, **metadata: Any
) -> RunnableConfig:
    """Store a checkpoint whose one channel holds `value`; return its config."""
    checkpoint = empty_checkpoint()
    checkpoint["id"] = id or str(uuid6())
    checkpoint["channel_values"] = {"value": value}
    checkpoint["channel_versions"] = {"value": "1"}
    found: dict[str, Any] = {"source": "update", "step": 0, "parents": {}, **metadata}
    # Metadata of tests has fields of their own.
    return await saver.aput(config, checkpoint, found, {"value": "1"})  # type: ignore[arg-type]


async def fill(saver: Saver, name: str) -> None:
    """Store one checkpoint with a write in a thread, both telling its name."""
    await saver.aput_writes(await put(saver, thread(name), name), [("said", name)], "task")


async def values(saver: Saver, config: RunnableConfig | None, **options: Any) -> list[object]:
    """Return what the listed checkpoints hold, newest first."""
    listed = saver.alist(config, **options)
    return [found.checkpoint["channel_values"]["value"] async for found in listed]


class State(TypedDict, total=False):
    """What the chat of these tests remembers."""

    messages: Annotated[list[AnyMessage], add_messages]
    seen: int


def chat() -> StateGraph[State]:
    """Return a graph of three steps that answers with what was said."""

    async def load(state: State) -> State:
        return {"seen": len(state["messages"])}

    async def reply(state: State) -> State:
        return {"messages": [AIMessage(f"You said {state['messages'][-1].text}")]}

    async def remember(state: State) -> State:
        return {"seen": len(state["messages"])}

    builder = StateGraph(State)
    builder.add_sequence([load, reply, remember])
    builder.add_edge(START, "load")
    builder.add_edge("remember", END)
    return builder


def say(text: str) -> State:
    """Return the input of one turn."""
    return {"messages": [HumanMessage(text)]}


async def texts(history: AsyncIterator[Any]) -> list[str]:
    """Return the last message of each state, newest first."""
    return [state.values["messages"][-1].text async for state in history]
