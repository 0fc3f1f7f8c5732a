"""Tells new messages from repeated ones: a retry, an edit of an earlier message, a whole history.

And what of a thread's turns is gone from it. Pure decisions over messages; nothing is read here.
"""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from domain.records import Turn
from domain.text.sentences import sentences
from domain.text.wishes import wants_forgotten
from nodes.messages.signatures import Signatures
from nodes.messages.stamps import (
    count_by_turn,
    kept_text,
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
    """The turns that an edit leaves: something came in the place of a message of the first."""
    again: str | None = None
    """The reply to the last of those that came and had been said before; None where none had."""


def arrived(
    messages: Sequence[AnyMessage],
    head: str | None,
    turns: Sequence[Turn],
    signatures: Signatures,
    in_thread: Mapping[str, int],
    withheld: Container[str],
) -> Arrived:
    """Tell what is new among a thread's messages.

    Args:
        messages: Of the thread, with those that came.
        head: The turn that the thread ends with.
        turns: What the run follows, oldest first, as far as it is known.
        signatures: Those of the owner.
        in_thread: How many messages of which turn the last run left in the thread; a turn that
            left it does not come back.
        withheld: The turns that were taken out or forgotten.
    """
    places = {
        said.id: _Place(number, turn, at)
        for number, turn in enumerate(turns)
        for at, said in enumerate(turn.messages)
    }
    unanswered = _unanswered(messages, places, in_thread)
    edits = _edits(messages, places, unanswered)
    first = min((places[id] for id in edits), key=lambda each: (each.number, each.at), default=None)
    end = len(messages) if first is None else [m.id for m in messages].index(first.id)
    anew = unanswered.keys() - {places[id].turn.id for id in edits}
    anew |= set() if edits else _said_anew(messages, places, head, withheld)
    held = {turn_id(message) for message in messages}
    here: list[AnyMessage] = []
    came_again: dict[str, _Place] = {}
    for message in messages[:end]:
        place = places.get(message.id or "")
        if place is not None and place.turn.id in anew:
            whole = place.turn.id not in withheld
            if isinstance(message, HumanMessage) and (whole or _is_new(message)):
                here.append(without_stamp(message))
        elif place is None or not _is_new(message):
            here.append(message)
        elif message.id not in edits:
            came_again[place.id] = place
            if place.turn.id in in_thread or place.turn.id in held:
                here.append(turn_messages(place.turn, signatures)[place.at])
    new = _without_history(here, came_again)
    if first is not None:
        same = [m for m in new if turn_id(m) == first.turn.id]
        if first.turn.id not in held:
            same = turn_messages(first.turn, signatures)[: first.at]
        behind = [m for m in messages[end:] if _is_new(m) and m.id not in places]
        said = [*([] if first.turn.id in withheld else same), edits.pop(first.id), *edits.values()]
        left = frozenset(turn.id for turn in turns[first.number :])
        return Arrived(
            [
                *(m for m in new if turn_id(m) not in left),
                *map(without_stamp, said),
                *(m for m in behind if isinstance(m, HumanMessage)),
            ],
            first.turn.parent,
            left,
        )
    again = None
    if came_again:
        again = max(came_again.values(), key=lambda each: each.number).turn.messages[-1].text
    elif len(new) < len(here):
        again = next((m.text for m in reversed(new) if turn_id(m) is not None), "")
    return Arrived(new, head, again=again)


@dataclass(frozen=True)
class _Place:
    """Where a message that was said before stands."""

    number: int
    """Of its turn, among those that the run follows."""
    turn: Turn
    at: int
    """Which of the turn's messages it is."""

    @property
    def id(self) -> str:
        """The message's."""
        return self.turn.messages[self.at].id


def _unanswered(
    messages: Sequence[AnyMessage], places: Mapping[str, _Place], in_thread: Mapping[str, int]
) -> dict[str, str]:
    """Return the turns of which a message came again and the reply was taken out.

    Each with the id of the last of its messages that are left.
    """
    ids = {message.id for message in messages}
    turns: dict[str, str] = {}
    for place in _came(messages, places).values():
        said = place.turn.messages
        here = [each for each in said if each.id in ids]
        if said[-1].id not in ids and len(here) < in_thread.get(place.turn.id, 0):
            turns[place.turn.id] = [each.id for each in here if each.role == "user"][-1]
    return turns


def _edits(
    messages: Sequence[AnyMessage], places: Mapping[str, _Place], unanswered: Mapping[str, str]
) -> dict[str, AnyMessage]:
    """Return by their ids what comes in the place of a message: in other words.

    Or in the same, for another reply: where nothing stands behind it.
    """
    by_id = {message.id or "": message for message in messages}
    numbers = {place.turn.id: place.number for place in places.values()}
    last = max((numbers.get(turn_id(m) or "", -1) for m in messages), default=-1)
    edits: dict[str, AnyMessage] = {}
    for id, place in _came(messages, places).items():
        turn = place.turn
        if kept_text(by_id[id]) != turn.messages[place.at].text:
            edits[id] = by_id[id]
        elif turn.id in unanswered and place.number >= last:
            edits[unanswered[turn.id]] = by_id[unanswered[turn.id]]
    return edits


def _came(messages: Sequence[AnyMessage], places: Mapping[str, _Place]) -> dict[str, _Place]:
    """Return the places of what users said before and that comes again, by the messages' ids."""
    said = [m.id or "" for m in messages if isinstance(m, HumanMessage) and _is_new(m)]
    return {id: places[id] for id in said if id in places}


def _said_anew(
    messages: Sequence[AnyMessage],
    places: Mapping[str, _Place],
    head: str | None,
    withheld: Container[str],
) -> set[str]:
    """Return the turn, taken out or forgotten, whose message is said anew; none if none is.

    Only where nothing newer comes: else a client sends what was said before, which tells nothing.
    So does whoever sends the last message once more; or a wish to forget that was answered, which
    would reach what was said since.
    """
    came = [places.get(message.id or "") for message in messages if _is_new(message)]
    known = [place for place in came if place is not None]
    if not known or len(known) < len(came):
        return set()
    turn = max(known, key=lambda place: place.number).turn
    said = [sentence for each in turn.messages[:-1] for sentence in sentences(each.text)]
    answered = turn.id == head or any(wants_forgotten(each) is not None for each in said)
    return {turn.id} if turn.id in withheld and not answered else set()


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
    return [(message.type, kept_text(message)) for message in messages]


def _is_new(message: AnyMessage) -> bool:
    return (
        turn_id(message) is None
        and waiting_for(message) is None
        and isinstance(message, HumanMessage | AIMessage)
    )
