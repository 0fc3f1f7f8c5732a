"""Which thread, and which place in it, a client's history means.

An OpenAI client sends the whole conversation with every message and names no thread. Memory holds
every turn it answered, so the last exchange of that history tells where the conversation stands;
where a client changed it, all that the user said does.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from uuid import uuid4

from domain.journal import JournalView
from domain.owner import Owner
from domain.records import Said, Turn
from domain.text.words import words
from domain.turns import live, parents_of
from service.conversation import Conversation, new_thread
from stores.open import Stores

Pair = tuple[str, str]
IMPORTED = 200
"""Exchanges taken of a history that nobody here knows, from its end: some days of talk."""


@dataclass(frozen=True)
class Place:
    """Where a turn goes on."""

    thread: str
    checkpoint: str | None = None
    """The checkpoint that it leaves from, where that is not the thread's newest."""
    message: str | None = None
    """The id of the message that it edits, where no checkpoint from before that is kept."""


def _said(turn: Turn) -> Pair:
    """Return what the user said in a turn and the reply, as they are compared."""
    user = "\n\n".join(said.text for said in turn.messages if said.role == "user")
    reply = "\n\n".join(said.text for said in turn.messages if said.role == "assistant")
    return _plain(user), _plain(reply)


def _plain(text: str) -> str:
    """Return text without differences that clients make: white space at line ends and around."""
    return " ".join(text.split())


def matching_turn(
    turns: Mapping[str, Turn],
    history: Sequence[Pair],
    thread: str | None = None,
    ends_of_threads: Collection[str] = (),
) -> Turn | None:
    """Return the turn that a history ends with; None where no turn says what it ends with.

    Among turns that say the same, that with the most of the history before it counts, then one of
    `thread`, then one that nothing follows yet (of two conversations that began alike the other
    has gone on), then the newest.
    """
    wanted = [(_plain(user), _plain(reply)) for user, reply in history]
    if not wanted:
        return None
    ends = [turn for turn in turns.values() if _said(turn) == wanted[-1]]
    return max(
        ends,
        key=lambda turn: (
            _agreement(turns, turn, wanted),
            turn.thread == thread,
            turn.id in ends_of_threads,
            turn.seq,
        ),
        default=None,
    )


def _agreement(turns: Mapping[str, Turn], last: Turn, wanted: Sequence[Pair]) -> int:
    """Return how many exchanges of a history a turn and those before it say."""
    both = zip(_backwards(turns, last), reversed(wanted), strict=False)
    return sum(1 for _ in takewhile(lambda pairs: pairs[0] == pairs[1], both))


def _backwards(turns: Mapping[str, Turn], last: Turn) -> Iterator[Pair]:
    """Yield what a turn says, then those before it."""
    at: Turn | None = last
    while at is not None:
        yield _said(at)
        at = turns.get(at.parent or "")


def thread_of_the_same(
    turns: Mapping[str, Turn], history: Sequence[Pair], ends_of_threads: Collection[str]
) -> Turn | None:
    """Return the end of a thread on which the user said all that a history says they said.

    A reply that another model gave, or that was written anew by hand, makes it another thread.
    Clients change what they send back: they leave thoughts out of replies and add sources, and
    show a message without the files that they had put around it.
    """
    wanted = [(_plain(user), _plain(reply)) for user, reply in history[-IMPORTED:]]
    ends = [turns[id] for id in ends_of_threads if id in turns]
    same = [end for end in ends if _said_the_same(turns, end, wanted)]
    return max(same, key=lambda turn: turn.seq, default=None)


def _said_the_same(turns: Mapping[str, Turn], end: Turn, wanted: Sequence[Pair]) -> bool:
    """Return whether a turn and those before it may be what a client sends back."""
    told = _backwards(turns, end)
    return all(
        (said := next(told, None)) is not None and _may_be(said, sent) for sent in reversed(wanted)
    )


def _may_be(said: Pair, sent: Pair) -> bool:
    """Return whether what a client sends back may be what was said, and holds no news of it."""
    if said == sent or not sent[0]:
        return said == sent
    if said[0] == sent[0]:
        return _alike(words(said[1]), words(sent[1]))
    return said[1] == sent[1] and _holds(words(said[0]), words(sent[0]))


def _alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether of two replies one is the other with words left out: part of it, or most."""
    part, whole = sorted((one, other), key=len)
    rest = iter(whole)
    return _holds(whole, part) or (
        2 * len(part) > len(whole) and all(word in rest for word in part)
    )


def _holds(whole: Sequence[str], part: Sequence[str]) -> bool:
    """Return whether words stand in a text one after the other; no words stand nowhere."""
    return bool(part) and f" {' '.join(part)} " in f" {' '.join(whole)} "


async def place_of(
    stores: Stores,
    conversation: Conversation,
    owner: Owner,
    history: Sequence[Pair],
    *,
    newest: str,
    thread: str | None,
    whole: bool,
    now: datetime,
) -> Place:
    """Return where a client's newest message belongs.

    Args:
        stores: Where turns lie.
        conversation: Knows the checkpoints of threads.
        owner: Whose conversation it is.
        history: What the client says was said before, oldest first.
        newest: The text of its newest message.
        thread: The thread that the client names; None: found by the history.
        whole: Whether the client always sends all that was said on its thread: a message
            without a history then takes the place of its first.
        now: The present.

    Raises:
        StoreUnavailable: If a store does not answer.
        GenerationMoved: If the owner was reset meanwhile.
    """
    view = await stores.journal.read(owner)
    ref = view.refs.get(thread) if thread else None
    if not history and whole and thread in view.threads:
        return Place(str(thread), await conversation.begin_anew(str(thread)))
    if not history:
        return Place(thread or new_thread())
    known = [*view.turns.values()]
    turn = await asyncio.to_thread(_ending, known, view, history, thread)
    if turn is None:
        episodes = await stores.memories.episodes(owner, view.generation)
        known += [turn for episode in episodes for turn in episode.turns]
        turn = await asyncio.to_thread(_ending, known, view, history, thread)
    if turn is None and thread is None:
        by_id = {turn.id: turn for turn in known}
        turn = await asyncio.to_thread(thread_of_the_same, by_id, history, view.refs.values())
    if turn is None:
        if ref is not None:
            return Place(str(thread), await _left_branch(conversation, view, str(thread), history))
        if thread in view.threads:  # What waits there unanswered comes with the history.
            await stores.checkpointer.adelete_thread(str(thread))
        length, parent = await asyncio.to_thread(_beginning, known, view, history)
        rest = history[length:][-IMPORTED:]
        branch = thread or new_thread()
        return await _begun(stores, owner, view.generation, rest, branch, parent, now)
    for name, last in view.refs.items():
        if last == turn.id and thread in (None, name):
            # What waits there unanswered comes again, unless its user took it back.
            return Place(name, await conversation.checkpoint_after(name, turn.id))
    if thread is None or ref is not None:
        checkpoint = await conversation.checkpoint_after(thread or turn.thread, turn.id)
        if checkpoint is not None:
            return Place(thread or turn.thread, checkpoint)
    # Without a name it may be another conversation that began alike: both stay.
    edited = _following(known, ref, turn)
    if edited is not None and _said(edited)[0] != _plain(newest):
        return Place(str(thread), message=edited.messages[0].id)
    # Too old to leave from there, or known by another thread: a thread of its own begins with it.
    branch = thread if thread is not None and ref is None else new_thread()
    return await _begun(stores, owner, view.generation, [], branch, turn.id, now)


def _following(turns: Iterable[Turn], ref: str | None, turn: Turn) -> Turn | None:
    """Return what follows a turn on the branch that a thread ends with."""
    by_id = {each.id: each for each in turns}
    at = by_id.get(ref or "")
    while at is not None and at.parent != turn.id:
        at = by_id.get(at.parent or "")
    return at


def _ending(
    turns: Iterable[Turn], view: JournalView, history: Sequence[Pair], thread: str | None
) -> Turn | None:
    """Return the live turn that a history ends with, of an owner's."""
    return matching_turn(_reached(turns, view), history, thread, view.refs.values())


def _beginning(
    turns: Iterable[Turn], view: JournalView, history: Sequence[Pair]
) -> tuple[int, str | None]:
    """Return with how many exchanges a history begins as a known one, and the turn they end with.

    Told again, they would be remembered twice, and again where they were forgotten.
    """
    by_id = _reached(turns, view)
    after: dict[str, list[Turn]] = {}
    for turn in by_id.values():
        after.setdefault(turn.parent if turn.parent in by_id else "", []).append(turn)
    same: list[Turn] = []
    following, length = after.get("", []), 0
    for user, reply in history:
        sent = _plain(user), _plain(reply)
        following = [turn for turn in following if _may_be(_said(turn), sent)]
        if not following:
            break
        same, length = following, length + 1
        following = [turn for last in same for turn in after.get(last.id, ())]
    newest = max(same, key=lambda turn: turn.seq, default=None)
    return length, newest.id if newest is not None else None


def _reached(turns: Iterable[Turn], view: JournalView) -> dict[str, Turn]:
    """Return the live turns of an owner's, by id."""
    by_id = {turn.id: turn for turn in turns}
    reached = live(view.refs.values(), parents_of(by_id.values()))
    return {id: by_id[id] for id in reached if id in by_id}


async def _left_branch(
    conversation: Conversation, view: JournalView, thread: str, history: Sequence[Pair]
) -> str | None:
    """Return the checkpoint of a branch of the thread that was left and is gone back to.

    None where no branch ends so: what a client changed in its history is its own affair.
    """
    turns = {turn.id: turn for turn in view.turns.values() if turn.thread == thread}
    turn = await asyncio.to_thread(matching_turn, turns, history)
    return await conversation.checkpoint_after(thread, turn.id) if turn is not None else None


async def _begun(
    stores: Stores,
    owner: Owner,
    generation: str | None,
    history: Sequence[Pair],
    thread: str,
    parent: str | None,
    now: datetime,
) -> Place:
    """Begin a thread with what is known up to `parent`, and after it turns of a history."""
    turns: list[Turn] = []
    for user, reply in history:
        messages = [Said(id=uuid4().hex, role="user", text=user, at=now)] if user.strip() else []
        messages.append(Said(id=uuid4().hex, role="assistant", text=reply, at=now))
        turns.append(
            Turn(id=uuid4().hex, parent=parent, thread=thread, at=now, messages=tuple(messages))
        )
        parent = turns[-1].id
    await stores.journal.note_thread(owner, generation, thread)
    await stores.journal.add_turns(owner, generation, turns, thread, str(parent))
    return Place(thread)
