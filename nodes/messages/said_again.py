"""Tells new messages from repeated ones: a retry, an edit of an earlier message, a whole history.

And what of a thread's turns is gone from it. Pure decisions over messages; nothing is read here.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from domain.records import Turn
from models.parts import text_of
from nodes.messages.signatures import Signatures
from nodes.messages.stamps import (
    by_turn,
    parent_of,
    turn_id,
    turn_messages,
    turn_stamp,
    waiting_for,
    without_stamp,
)


@dataclass(frozen=True)
class Arrived:
    """A thread's messages, and which of them are new."""

    messages: list[AnyMessage]
    head: str | None
    """The turn that the run follows: an edit follows what the edited turn followed."""
    edited: bool = False
    """True where a message of a turn came again in other words."""
    again: bool = False
    """True where some that came had been said before."""


def arrived(
    messages: Sequence[AnyMessage], head: str | None, turns: Iterable[Turn], signatures: Signatures
) -> Arrived:
    """Tell what is new among a thread's messages."""
    places = {said.id: (turn, at) for turn in turns for at, said in enumerate(turn.messages)}
    here: list[AnyMessage] = []
    came_again: set[str] = set()
    for message in messages:
        turn, at = places.get(message.id or "", (None, 0))
        if turn is None or turn_id(message) is not None or waiting_for(message) is not None:
            here.append(message)
        elif isinstance(message, AIMessage) or text_of(message.content) == turn.messages[at].text:
            here.append(turn_messages(turn, signatures)[at])
            came_again.add(message.id or "")
        else:
            here = _without_history(here, came_again)
            others = [m for m in here if turn_id(m) != turn.id]
            same = [without_stamp(m) for m in here if turn_id(m) == turn.id]
            return Arrived([*others, *same, message], turn.parent, edited=True)
    left = _without_history(here, came_again)
    return Arrived(left, head, again=bool(came_again) or len(left) < len(here))


def may_be_folded(messages: Sequence[AnyMessage], turns: Iterable[Turn]) -> bool:
    """Return whether messages that came may be of turns that an episode holds.

    One stands before what the thread holds; or replies came, and no turn is left to tell by.

    Args:
        messages: As the thread holds them, with those that came.
        turns: Those that it goes on from and that no episode holds.
    """
    known = {said.id for turn in turns for said in turn.messages}
    new = [_is_new(m) and m.id not in known for m in messages]
    first = new.index(True) if True in new else len(new)
    if not known:
        return any(isinstance(m, AIMessage) for m in messages[first:])
    return not all(new[first:])


def removed(messages: Sequence[AnyMessage], turns: Sequence[Turn]) -> set[str]:
    """Return the turns of which a message was taken out of the thread.

    Args:
        messages: As the thread holds them.
        turns: Those that it goes on from and that no episode holds: none of them leaves by itself.
    """
    here = by_turn(messages)
    gone = {turn.id for turn in turns if len(here.get(turn.id, ())) < len(turn.messages)}
    gone |= {turn for turn, left in here.items() if not _whole(left)}
    ids = list(here)
    for before, turn in pairwise(ids):
        parent = parent_of(here[turn][0])
        if parent is not None and parent != before:
            gone.add(parent)  # An episode holds it, and its neighbours are still there.
    return gone


def _whole(messages: Sequence[AnyMessage]) -> bool:
    """Return whether these are all messages of their turn, as far as they tell: it ends so."""
    places = [stamp.index for m in messages if (stamp := turn_stamp(m))]
    return places == list(range(len(messages))) and isinstance(messages[-1], AIMessage)


def _without_history(
    messages: Sequence[AnyMessage], came_again: Collection[str]
) -> list[AnyMessage]:
    """Drop what a client sends without ids with each message: all that was said before it.

    Args:
        messages: Of a thread, with those that came.
        came_again: Ids of messages that came with their id: only the others came without.
    """
    said = [m for m in messages if not _is_new(m) and m.id not in came_again]
    new = [m for m in messages if _is_new(m)]
    # Where the newest message has no id, it says something: also the same as one before.
    newest = len(new) - bool(came_again and new and messages[-1] is new[-1])
    for end in range(newest, 0 if came_again else 1, -1):
        length = min(end, len(said))
        again = new[end - length : end]
        tells = came_again or any(isinstance(m, AIMessage) for m in again)
        if tells and length and _alike(again, said[-length:]):
            sent = {id(message) for message in new[:end]}
            return [message for message in messages if id(message) not in sent]
    return list(messages)


def _alike(some: Sequence[AnyMessage], others: Sequence[AnyMessage]) -> bool:
    return [(m.type, text_of(m.content)) for m in some] == [
        (m.type, text_of(m.content)) for m in others
    ]


def _is_new(message: AnyMessage) -> bool:
    return (
        turn_id(message) is None
        and waiting_for(message) is None
        and isinstance(message, HumanMessage | AIMessage)
    )
