"""The stamp that a message of a thread carries: which turn it belongs to, or who waits with it.

Clients can write stamps too: `checked_state` leaves only such as are ours on the messages of a run.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
)
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from pydantic import ValidationError

from domain.clean_text import clean
from domain.owner import Owner
from domain.records import Id, Moment, Record, Said, Seq, Turn
from domain.turns import follows_itself, parents_of
from models.parts import text_of
from nodes.messages.signatures import STAMP, Signatures


class TurnStamp(Record):
    """What a message of a turn carries."""

    turn: Id
    parent: Id | None
    thread: Id
    seq: Seq
    index: int
    """Which of the turn's messages it is."""
    at: Moment
    turn_at: Moment
    digest: str = ""


def kept_text(message: BaseMessage) -> str:
    """Return what a message says, as a turn keeps it."""
    return clean(text_of(message.content))


def turn_stamp(message: BaseMessage) -> TurnStamp | None:
    """Return the stamp of a message of a turn; None where it has none that can be read."""
    try:
        return TurnStamp.model_validate(message.additional_kwargs.get(STAMP))
    except ValidationError:
        return None


def _stamp(message: BaseMessage) -> dict[str, Any]:
    stamp = message.additional_kwargs.get(STAMP)
    return stamp if isinstance(stamp, dict) else {}


def turn_id(message: BaseMessage) -> str | None:
    """Return the turn that a message belongs to; None for one that no turn holds yet."""
    stamp = message.additional_kwargs.get(STAMP)  # Asked many times a turn: no call more.
    return stamp.get("turn") if isinstance(stamp, dict) else None


def parent_of(message: BaseMessage) -> str | None:
    """Return what the turn of a stamped message follows."""
    parent: str | None = _stamp(message).get("parent")
    return parent


def waiting_for(message: BaseMessage) -> str | None:
    """Return the key of the owner who said an unanswered message in an earlier run."""
    return _stamp(message).get("waiting")


def said_at(message: BaseMessage, now: datetime) -> datetime:
    """Return when a message was said; `now` where its stamp does not tell."""
    at = _stamp(message).get("at")
    return datetime.fromisoformat(at) if isinstance(at, str) else now


def without_stamp(message: AnyMessage) -> AnyMessage:
    """Return a message as one that no run has taken yet."""
    kwargs = {name: value for name, value in message.additional_kwargs.items() if name != STAMP}
    return message.model_copy(update={"additional_kwargs": kwargs})


def mark_waiting(
    message: AnyMessage, owner: str, now: datetime, signatures: Signatures, **said: Any
) -> AnyMessage:
    """Return a message with what is kept of it (`said`) and the mark of who waits for an answer."""
    stamp = {"waiting": owner, "at": said_at(message, now).isoformat()}
    kwargs = {**message.additional_kwargs, STAMP: stamp}
    return signatures.sign(message.model_copy(update={**said, "additional_kwargs": kwargs}))


def turn_messages(turn: Turn, signatures: Signatures) -> list[AnyMessage]:
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
        kwargs = {STAMP: stamp}
        message = kind(content=said.text, id=said.id, name=said.name, additional_kwargs=kwargs)
        messages.append(signatures.sign(message))
    return messages


def turn_from(messages: Sequence[BaseMessage]) -> Turn:
    """Return the turn that stamped messages of one turn carry.

    Raises:
        ValidationError: If their stamps are not whole; those of a checked state are.
    """
    stamps = [
        TurnStamp.model_validate(message.additional_kwargs.get(STAMP)) for message in messages
    ]
    first = stamps[0]
    return Turn(
        id=first.turn,
        parent=first.parent,
        thread=first.thread,
        seq=first.seq,
        at=first.turn_at,
        messages=tuple(
            Said(
                id=message.id or f"{first.turn}-{stamp.index}",
                role="user" if isinstance(message, HumanMessage) else "assistant",
                text=message.text,
                name=message.name,
                at=stamp.at,
            )
            for message, stamp in zip(messages, stamps, strict=True)
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


def count_by_turn(messages: Iterable[AnyMessage]) -> dict[str, int]:
    """Return how many messages of each turn there are."""
    return {turn: len(group) for turn, group in by_turn(messages).items()}


def turns_reader(key: bytes) -> Callable[..., list[Turn]]:
    """Return what reads turns out of messages, of which those are ours that `key` signed."""

    def turns_in(
        messages: Iterable[Any], owner: Owner, generation: str | None, signed: bool
    ) -> list[Turn]:
        signatures = Signatures(key, owner.key, generation)
        ours = [
            message
            for message in messages
            if isinstance(message, HumanMessage | AIMessage)
            and turn_stamp(message) is not None
            and (not signed or signatures.valid(message))
        ]
        turns = [turn_from(group) for group in by_turn(ours).values()]
        return [] if follows_itself(parents_of(turns)) else turns

    return turns_in


def update_to(
    messages: Sequence[AnyMessage], ordered: Sequence[AnyMessage]
) -> list[AnyMessage | RemoveMessage]:
    """Return the update of a thread's messages that leaves exactly `ordered`."""
    if [m.id for m in messages] == [m.id for m in ordered]:
        return [m for m, old in zip(ordered, messages, strict=True) if m is not old]
    return [RemoveMessage(id=REMOVE_ALL_MESSAGES), *ordered]
