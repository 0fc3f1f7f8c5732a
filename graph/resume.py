"""Runs a step also where a run goes on in the middle of a turn, after a breakpoint or an edit.

What lives only while a run lasts is in no checkpoint: what a step lacks is read again in its place.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from nodes.assemble_context import assemble_context
from nodes.load_buffer import load_buffer
from nodes.locate import locate
from nodes.recall_memories import recall_memories
from nodes.recall_summaries import recall_summaries
from nodes.schedule import reschedule
from nodes.state import ChatContext, ChatState, Parts

Node = Callable[[Parts, ChatState, Runtime[ChatContext]], Awaitable[dict[str, Any]]]
"""A step of a turn: what it adds to the state."""

BRINGS: Mapping[str, Sequence[Node]] = {
    "origin": (locate,),
    "memories": (load_buffer, recall_summaries, recall_memories),
    "prompt": (assemble_context,),
    "schedule": (reschedule,),
}
"""An untracked value to the steps that bring it, and what else they bring."""


async def resumed(
    parts: Parts,
    node: Node,
    needs: Sequence[str],
    state: ChatState,
    runtime: Runtime[ChatContext],
) -> dict[str, Any]:
    """Run a step, after those that bring what it needs and this run does not have.

    `needs` are keys of `BRINGS`, in the order of a turn.

    Returns:
        What the step adds to the state; with what those before it add to its messages, where
        they had to be read again.
    """
    lacking = [need for need in needs if need not in state]
    if not lacking:
        return await node(parts, state, runtime)
    added: dict[str, Any] = {}
    for need in lacking:
        steps = (step(parts, state, runtime) for step in BRINGS[need])
        for update in await asyncio.gather(*steps):
            added |= update
            state = _after(state, update)
    update = await node(parts, state, runtime)
    if "memories" not in lacking:
        return update  # Its neighbours of the same step find the same; each adds its own.
    added |= update
    state = _after(state, update)
    return {
        **added,
        "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES), *state["messages"]],
        "degraded": Overwrite(state.get("degraded", [])),
    }


def _after(state: ChatState, update: Mapping[str, Any]) -> ChatState:
    """Return the state as an update leaves it."""
    after = {**state, **update}
    before: list[Any] = state["messages"]
    after["messages"] = add_messages(before, [*update.get("messages", [])])
    degraded = update.get("degraded", [])
    if isinstance(degraded, Overwrite):
        after["degraded"] = degraded.value
    else:
        after["degraded"] = [*state.get("degraded", []), *degraded]
    return cast(ChatState, after)
