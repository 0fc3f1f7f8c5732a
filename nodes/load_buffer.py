"""Orders a thread's messages for a turn: the last turns verbatim, then what waits for an answer."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AnyMessage, RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from nodes.locate import borrowed_turns
from nodes.message_stamps import mark_waiting, turn_id, turn_messages, waiting_for
from nodes.refusal import new_messages
from nodes.state import ChatContext, ChatState, Origin, Parts
from stores.summaries import path_of


class LoadBuffer:
    """Brings the buffer, and what the thread's state is to say from here on."""

    def __init__(self, parts: Parts) -> None:
        """Build with the parts of a running graph."""
        self._parts = parts

    async def __call__(self, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
        """Return the ordered messages and where the turn begins; nothing for a refused one."""
        if state.get("refusal") is not None:
            return {}
        origin, messages = state["origin"], state["messages"]
        ordered = self._turns(origin, messages) + self._waiting(origin, messages)
        return {
            "messages": _update(messages, ordered),
            "owner": origin.owner.key,
            "who": [origin.owner.user_id, origin.owner.character_id],
            "generation": origin.view.generation,
            "root": origin.root,
            "head": origin.head,
            "borrowed": borrowed_turns(state, origin, self._parts.settings.borrowed_turns),
            "sent": [] if origin.reset else state.get("sent", []),
            "degraded": Overwrite([]),
            "folded": 0,
            "facts_added": [],
        }

    def _turns(self, origin: Origin, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Return the thread's turns: as the state has them, else refilled from the journal."""
        if origin.reset:
            return []
        stamped = [m for m in messages if turn_id(m) is not None]
        if stamped or origin.head is None:
            return stamped
        path = path_of(origin.view, origin.head)
        return [m for id in path.journal for m in turn_messages(origin.view.turns[id])]

    def _waiting(self, origin: Origin, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Return what this turn answers: what waited from failed runs, then what is new."""
        now = self._parts.now()
        owner = origin.owner.key
        waiting = [] if origin.reset else [m for m in messages if waiting_for(m) == owner]
        new = [mark_waiting(m, owner, now, _clean(m.text)) for m in new_messages(messages)]
        return [*waiting, *new]


def _clean(text: str) -> str:
    """Return the text with halves of surrogate pairs joined, or replaced where one is missing."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _update(
    messages: Sequence[AnyMessage], ordered: Sequence[AnyMessage]
) -> list[AnyMessage | RemoveMessage]:
    """Return the update that leaves exactly `ordered`."""
    if [m.id for m in messages] == [m.id for m in ordered]:
        return [m for m, old in zip(ordered, messages, strict=True) if m is not old]
    return [RemoveMessage(id=REMOVE_ALL_MESSAGES), *ordered]
