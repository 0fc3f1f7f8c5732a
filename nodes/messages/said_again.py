"""Tells new messages from repeated ones: a retry, an edit of an earlier message, a whole history.

And what of a thread's turns is gone from it. Pure decisions over messages; nothing is read here.
"""

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph.message import add_messages

from domain.clean_text import clean
from domain.records import Turn
from models.parts import text_of
from nodes.messages.signatures import Signatures
from nodes.messages.stamps import (
    count_by_turn,
    parent_of,
    turn_id,
    turn_messages,
    waiting_for,
    without_stamp,
)


@dataclass(frozen=True)
class Arrived:
    """A thread's messages, and which of them are new."""

    messages: list[AnyMessage]
    head: str | None
    """The turn that the run follows: an edit follows what the edited turn followed."""
    left: frozenset[str] = frozenset()
    """The turns that an edit leaves: a message of the first came again in other words."""
    again: str | None = None
    """The reply to the last of those that came and had been said before; None where none had."""


def arrived(
    messages: Sequence[AnyMessage],
    head: str | None,
    turns: Sequence[Turn],
    signatures: Signatures,
    in_thread: Container[str],
) -> Arrived:
    """Tell what is new among a thread's messages.

    Args:
        messages: Of the thread, with those that came.
        head: The turn that the thread ends with.
        turns: What the run follows, oldest first, as far as it is known.
        signatures: Those of the owner.
        in_thread: The turns that the last run left in the thread; what left it does not come back.
    """
    places = {said.id: (turn, at) for turn in turns for at, said in enumerate(turn.messages)}
    held = {turn_id(message) for message in messages}
    here: list[AnyMessage] = []
    came_again: dict[str, Turn] = {}
    for place, message in enumerate(messages):
        turn, at = places.get(message.id or "", (None, 0))
        if turn is None or turn_id(message) is not None or waiting_for(message) is not None:
            here.append(message)
        elif isinstance(message, AIMessage) or _text(message) == turn.messages[at].text:
            came_again[message.id or ""] = turn
            if turn.id in in_thread or turn.id in held:
                here.append(turn_messages(turn, signatures)[at])
        else:
            here = _without_history(here, came_again)
            left = frozenset(each.id for each in turns[turns.index(turn) :])
            others = [m for m in here if turn_id(m) not in left]
            same = [m for m in here if turn_id(m) == turn.id]
            if turn.id not in held:
                same = turn_messages(turn, signatures)[:at]
            edit = [*map(without_stamp, same), message]
            more = [
                m
                for m in messages[place + 1 :]
                if isinstance(m, HumanMessage) and _is_new(m) and m.id not in places
            ]
            return Arrived([*others, *edit, *more], turn.parent, left)
    new = _without_history(here, came_again)
    again = None
    if came_again:
        again = [*came_again.values()][-1].messages[-1].text
    elif len(new) < len(here):
        again = next((m.text for m in reversed(new) if turn_id(m) is not None), "")
    return Arrived(new, head, again=again)


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


def begins_later(messages: Iterable[AnyMessage]) -> bool:
    """Return whether a thread no longer holds the turn that its conversation began with."""
    first = next((m for m in messages if turn_id(m) is not None), None)
    return first is None or parent_of(first) is not None


def refilled(
    messages: list[AnyMessage],
    turns: Sequence[Turn],
    signatures: Signatures,
    belongs: Callable[[Turn, int], bool],
) -> list[AnyMessage]:
    """Return a thread's messages; where it has none of its turns, after the last of these.

    Args:
        messages: Of the thread.
        turns: What they follow, oldest first.
        signatures: Those of the owner.
        belongs: Whether a turn belongs there, with which there are so many messages.
    """
    if any(turn_id(message) is not None for message in messages):
        return messages
    before: list[Any] = []
    for turn in reversed(turns):
        if not belongs(turn, len(before) + len(turn.messages)):
            break
        before = [*turn_messages(turn, signatures), *before]
    # As if they had been there when the others came: each id stands once.
    came: list[Any] = [*messages]
    return list(cast("list[AnyMessage]", add_messages(before, came)))


def removed(came: Arrived, in_thread: Mapping[str, int]) -> set[str]:
    """Return the turns of which a message was taken out of the thread.

    Args:
        came: The thread's messages; what an edit leaves behind was not taken out.
        in_thread: How many messages of which turn the last run left there.
    """
    here = count_by_turn(came.messages)
    return {t for t in in_thread.keys() - came.left if here.get(t, 0) < in_thread[t]}


def _without_history(
    messages: Sequence[AnyMessage], came_again: Collection[str]
) -> list[AnyMessage]:
    """Drop what a client sends without ids with each message: all that was said before it.

    It may end earlier than the thread: another device went on, or the last thing is said anew.
    Which of them cannot be told, so nothing that was said is left.

    Args:
        messages: Of a thread, with those that came.
        came_again: Ids of messages that came with their id: only the others came without.
    """
    said = [m for m in messages if not _is_new(m) and m.id not in came_again]
    new = [m for m in messages if _is_new(m)]
    thread, history = _words(said), _words(new)
    # Where the newest message has no id, it says something: also the same as one before.
    newest = len(new) - bool(came_again and new and messages[-1] is new[-1])
    last_reply = max((at for at in range(1, newest) if isinstance(new[at], AIMessage)), default=0)
    places = [(end, len(said)) for end in range(newest, 0 if came_again else 1, -1)]
    places += [(last_reply + 1, at) for at in range(len(said) - 1, 0, -1) if last_reply]
    for end, at in places:
        length = min(end, at)
        if not length or history[end - 1] != thread[at - 1]:
            continue
        tells = came_again or any(isinstance(m, AIMessage) for m in new[end - length : end])
        if tells and history[end - length : end] == thread[at - length : at]:
            sent = {id(message) for message in new[:end]}
            return [message for message in messages if id(message) not in sent]
    return list(messages)


def _words(messages: Sequence[AnyMessage]) -> list[tuple[str, str]]:
    return [(message.type, _text(message)) for message in messages]


def _text(message: AnyMessage) -> str:
    """Return what a message says, as a turn keeps it."""
    return clean(text_of(message.content))


def _is_new(message: AnyMessage) -> bool:
    return (
        turn_id(message) is None
        and waiting_for(message) is None
        and isinstance(message, HumanMessage | AIMessage)
    )
