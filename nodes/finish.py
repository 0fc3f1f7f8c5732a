"""The last step after folding and extraction, and what is left of a turn whose owner was reset."""

from typing import Any

from langchain_core.messages import RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from nodes.schedule import NOTHING
from nodes.state import ChatContext, ChatState, Origin, Parts


async def finish(parts: Parts, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
    """Return nothing; an empty state where the owner was reset meanwhile.

    Raises:
        StoreUnavailable: If the journal does not answer.
    """
    origin = state["origin"]
    view = await parts.stores.journal.read(origin.owner)
    if view.generation == origin.view.generation:
        return {}
    return await forgotten(parts, origin)


async def forgotten(parts: Parts, origin: Origin) -> dict[str, Any]:
    """Delete the thread's checkpoints; return the state that is left of it: an empty one.

    Raises:
        StoreUnavailable: If a store does not answer.
    """
    await parts.stores.checkpointer.adelete_checkpoints(origin.thread)
    view = await parts.stores.journal.read(origin.owner)
    return {
        "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)],
        "who": [],
        "generation": view.generation,
        "root": None,
        "head": None,
        "buffer_start": None,
        "borrowed": [],
        "in_thread": {},
        "sent": [],
        "recalled": [],
        "degraded": Overwrite(["reset"]),
        "schedule": NOTHING,
    }
