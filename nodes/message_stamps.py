"""The stamp that a message of a thread carries: which turn it belongs to, or who waits with it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage

from domain.records import Said, Turn

STAMP = "mnemo"
"""The key in a message's `additional_kwargs`; it never reaches a provider."""


def _stamp(message: BaseMessage) -> dict[str, Any]:
    found = message.additional_kwargs.get(STAMP)
    return found if isinstance(found, dict) else {}


def turn_id(message: BaseMessage) -> str | None:
    """Return the turn that a message belongs to; None for one that no turn holds yet."""
    return _stamp(message).get("turn")


def waiting_for(message: BaseMessage) -> str | None:
    """Return the key of the owner who said an unanswered message in an earlier run."""
    return _stamp(message).get("waiting")


def said_at(message: BaseMessage, now: datetime) -> datetime:
    """Return when a message was said; `now` where its stamp does not tell."""
    at = _stamp(message).get("at")
    return datetime.fromisoformat(at) if isinstance(at, str) else now


def mark_waiting(message: AnyMessage, owner: str, now: datetime, text: str) -> AnyMessage:
    """Return the message with its text as it is kept and the mark of who waits for an answer."""
    stamp = {"waiting": owner, "at": said_at(message, now).isoformat()}
    return message.model_copy(
        update={
            "content": text,
            "additional_kwargs": {**message.additional_kwargs, STAMP: stamp},
        }
    )


def turn_messages(turn: Turn) -> list[AnyMessage]:
    """Return a turn as stamped chat messages."""
    messages: list[AnyMessage] = []
    for index, said in enumerate(turn.messages):
        kind = HumanMessage if said.role == "user" else AIMessage
        stamp = {
            "turn": turn.id,
            "parent": turn.parent,
            "thread": turn.thread,
            "seq": turn.seq,
            "index": index,
            "at": said.at.isoformat(),
            "turn_at": turn.at.isoformat(),
        }
        messages.append(
            kind(
                content=said.text,
                id=said.id,
                name=said.name,
                additional_kwargs={STAMP: stamp},
            )
        )
    return messages


def turn_from(messages: Sequence[BaseMessage]) -> Turn:
    """Return the turn that stamped messages of one turn carry."""
    first = _stamp(messages[0])
    return Turn(
        id=first["turn"],
        parent=first["parent"],
        thread=first["thread"],
        seq=first["seq"],
        at=datetime.fromisoformat(first["turn_at"]),
        messages=tuple(
            Said(
                id=message.id or "",
                role="user" if isinstance(message, HumanMessage) else "assistant",
                text=message.text,
                name=message.name,
                at=datetime.fromisoformat(_stamp(message)["at"]),
            )
            for message in messages
        ),
    )


def by_turn(messages: Iterable[AnyMessage]) -> dict[str, list[AnyMessage]]:
    """Return the stamped messages by their turn, in the order they stand."""
    turns: dict[str, list[AnyMessage]] = {}
    for message in messages:
        turn = turn_id(message)
        if turn is not None:
            turns.setdefault(turn, []).append(message)
    return turns


def turns_in(values: Mapping[str, Any]) -> list[Turn]:
    """Return the turns whose stamped messages a checkpoint's values hold."""
    return [turn_from(held) for held in by_turn(values.get("messages", ())).values()]
