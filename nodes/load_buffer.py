"""Orders a thread's messages for a turn: the last turns verbatim, then what waits for an answer."""

from collections.abc import Container, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.messages import AnyMessage
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from domain.clean_text import clean, clean_name, cleaned
from models.parts import has_parts, is_part
from nodes.locate import borrowed_turns
from nodes.messages.checked_state import signatures_of
from nodes.messages.refusal import new_messages
from nodes.messages.stamps import (
    count_by_turn,
    mark_waiting,
    turn_id,
    update_to,
    waiting_for,
)
from nodes.state import ChatContext, ChatState, Origin, Parts
from stores.summaries import path_of


async def load_buffer(
    parts: Parts, state: ChatState, runtime: Runtime[ChatContext]
) -> dict[str, Any]:
    """Return the ordered messages and where the turn begins; nothing for a refused one."""
    if state.get("refusal") is not None:
        return {}
    origin, messages = state["origin"], state["messages"]
    turns = [message for message in messages if turn_id(message) is not None]
    ordered = turns + _waiting(parts, origin, messages)
    return {
        "messages": update_to(messages, ordered),
        "in_thread": count_by_turn(ordered),
        "owner": origin.owner.key,
        "who": [origin.owner.user_id, origin.owner.character_id],
        "generation": origin.view.generation,
        "root": origin.root,
        "head": origin.head,
        "borrowed": borrowed_turns(state, origin, parts.settings.borrowed_turns, parts.now()),
        "sent": [] if origin.reset else state.get("sent", []),
        "degraded": Overwrite([]),
        "folded": 0,
        "facts_added": [],
    }


def _waiting(parts: Parts, origin: Origin, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return what this turn answers: what waited from failed runs, then what is new."""
    now, owner = origin.local(parts.now()), origin.owner.key
    signatures = signatures_of(parts, origin.owner, origin.view.generation)
    view = origin.view
    path = path_of(view, origin.head).journal  # The turn before an edit is not on it.
    told = [turn for turn in path if turn not in view.withheld]  # The others may be said anew.
    taken = {said.id for turn in told for said in view.turns[turn].messages}
    taken |= {message.id or "" for message in messages if turn_id(message) is not None}
    waiting = [m for m in messages if waiting_for(m) == owner]
    new = [
        mark_waiting(
            message,
            owner,
            now,
            signatures,
            content=_content(message),
            name=clean_name(message.name or "") or None,
            id=_own_id(message, taken),
        )
        for message in new_messages(messages)
    ]
    return [*waiting, *new]


def _own_id(message: AnyMessage, taken: Container[str]) -> str:
    """Return the id that a client gave its message, unless it is empty, broken or one of ours."""
    id = message.id or ""
    return id if id and id not in taken and clean(id) == id else uuid4().hex


def _content(message: AnyMessage) -> str | list[str | dict[str, Any]]:
    """Return what a message says, with its images, sounds and files: the model gets them once."""
    if not has_parts(message) or isinstance(message.content, str):
        return clean(message.text)
    return [
        cleaned(block) if is_part(block) else {"type": "text", "text": clean(_text_in(block))}
        for block in message.content
    ]


def _text_in(block: str | dict[str, Any]) -> str:
    return block if isinstance(block, str) else str(block.get("text"))
