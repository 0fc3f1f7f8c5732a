"""Which thread, and which place in it, an OpenAI client's history means (`domain/histories.py`)."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

from domain.histories import (
    Pair,
    beginning,
    matching_turn,
    pairs_of,
    plain,
    reached,
    thread_of_the_same,
)
from domain.journal import JournalView
from domain.owner import Owner
from domain.records import Said, Turn
from service.conversation import Conversation, new_thread
from stores.open import Stores

Sends = Literal["all", "recent", "any"]
"""What a client sends of its thread with every message: all, as much as fits, or what it likes."""
IMPORTED = 200
"""Exchanges taken of a history that nobody here knows, from its end: some days of talk."""


@dataclass(frozen=True)
class Place:
    """Where a turn goes on."""

    thread: str
    checkpoint: str | None = None
    """The checkpoint that it leaves from, where that is not the thread's newest."""
    message: str | None = None
    """The id of the message that it edits, where no checkpoint from before that is kept; or of the
    one that waits there for its reply, and comes again."""


async def place_of(
    stores: Stores,
    conversation: Conversation,
    owner: Owner,
    history: Sequence[Pair],
    *,
    newest: str,
    thread: str | None,
    sends: Sends,
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
        sends: What the client sends of its thread. Where that is all, a message without a history
            takes the place of the first. Where it is what fits, one that says the same as the
            first does: before any other there may have been more than fits.
        now: The present.

    Raises:
        StoreUnavailable: If a store does not answer.
        GenerationMoved: If the owner was reset meanwhile.
    """
    view = await stores.journal.read(owner)
    ref = view.refs.get(thread) if thread else None
    if not history and thread in view.threads:
        thread = str(thread)
        first = ref is not None and sends == "recent"
        if sends == "all" or (
            first and plain(newest) in await _first_said(stores, owner, view, str(ref))
        ):
            return Place(thread, await conversation.begin_anew(thread))
        waiting = await conversation.waiting(thread)
        # Sent again, as clients do by themselves where no reply came.
        same = (id for id, text in waiting.items() if plain(text) == plain(newest))
        return Place(thread, message=next(same, None))
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
        turn = await asyncio.to_thread(
            thread_of_the_same, by_id, history[-IMPORTED:], view.refs.values()
        )
    if turn is None:
        if ref is not None:
            return Place(str(thread), await _left_branch(conversation, view, str(thread), history))
        if thread in view.threads:  # What waits there unanswered comes with the history.
            await stores.checkpointer.adelete_thread(str(thread))
        live_turns = await asyncio.to_thread(reached, known, view.refs.values())
        length, parent = await asyncio.to_thread(beginning, live_turns, history)
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
    if edited is not None and pairs_of(edited)[-1][0] != plain(newest):
        return Place(str(thread), message=edited.messages[0].id)
    # Too old to leave from there, or known by another thread: a thread of its own begins with it.
    branch = thread if thread is not None and ref is None else new_thread()
    return await _begun(stores, owner, view.generation, [], branch, turn.id, now)


async def _first_said(stores: Stores, owner: Owner, view: JournalView, ref: str) -> list[str]:
    """Return what the user said in the turn that a branch begins with."""
    episodes = await stores.memories.episodes(owner, view.generation)
    turns = {turn.id: turn for episode in episodes for turn in episode.turns} | view.turns
    first = turns.get(ref)
    while first is not None and first.parent is not None:
        first = turns.get(first.parent)
    return [user for user, _ in pairs_of(first)] if first is not None else []


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
    return matching_turn(reached(turns, view.refs.values()), history, thread, view.refs.values())


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
