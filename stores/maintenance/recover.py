"""Rebuilds lost journals from what survives: checkpoints and episodes. Nothing else may run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.journal import JournalView
from domain.owner import FIRST_GENERATION, Owner
from domain.records import Episode, Id, Turn
from domain.rows import Rows
from stores.base_store.namespaces import all_namespaces
from stores.journal.backend import generation_name
from stores.open import Stores


@dataclass
class Recovered:
    """What a recovery did, and what it could not."""

    owners: int = 0
    turns: int = 0
    """Turns written back to journals, from the checkpoints' messages."""
    refs: int = 0
    problems: list[str] = field(default_factory=list)
    """One sentence each."""


@dataclass
class _Survived:
    """What survives of one owner's generation."""

    owner: Owner
    heads: dict[str, str] = field(default_factory=dict)
    """Thread to the head of its newest checkpoint."""
    turns: dict[str, Turn] = field(default_factory=dict)
    """Turns in the checkpoints' messages."""
    episodes: Sequence[Episode] = ()

    @property
    def newest(self) -> float:
        """When the newest surviving turn was said, in seconds."""
        said = [turn.at for turn in self.turns.values()]
        said += [episode.ended for episode in self.episodes]
        return max((at.timestamp() for at in said), default=0.0)


class TurnsOf(Protocol):
    """Reads the turns out of the messages of a checkpoint."""

    def __call__(
        self, messages: Iterable[Any], owner: Owner, generation: str | None, signed: bool
    ) -> list[Turn]:
        """Return those of an owner's generation; with `signed` only such as were signed here."""


class _State(BaseModel):
    """What a checkpoint must hold to be of use."""

    model_config = ConfigDict(strict=True)

    owner: Id
    who: tuple[Id, Id] = Field(strict=False)
    generation: Id | None = None
    head: Id


Survivors = dict[str, dict[str, _Survived]]
"""What survives, by the owner's key and by generation."""


def journal_lost(view: JournalView, episodes: Iterable[Episode]) -> bool:
    """Return whether an owner's turns have outlived the journal that knew which are live.

    Sequence numbers never go back, and a thread that was spoken on has a ref until it is deleted
    with its note: where either does not hold, the journal is not the one these turns were in.
    """
    seqs = [turn.seq for turn in view.turns.values()]
    seqs += [turn.seq for episode in episodes for turn in episode.turns]
    if not seqs:
        return False
    without_ref = any(
        note.last is not None and thread not in view.refs for thread, note in view.threads.items()
    )
    return view.threads_lost or without_ref or max(seqs) > view.seq


def memories_lost(view: JournalView, rows: Rows) -> bool:
    """Return whether long-term memory lacks what a journal, read before it, says was written.

    A deleted fact leaves a tombstone there, and an episode goes once no ref reaches it.
    """
    named = {key for change in view.changes for key in change.keys}
    missing = named - rows.by_key.keys()
    turns = view.turns.keys() | {turn.id for episode in rows.episodes for turn in episode.turns}
    astray = any(ref not in turns for ref in view.refs.values())
    emptied = view.rows > 0 and not rows.by_key
    return any(kind != "episode" for kind, _ in missing) or (astray and (emptied or bool(missing)))


async def recover(stores: Stores, turns_of: TurnsOf) -> Recovered:
    """Rebuild the journal of every owner where it is lost, or older than the episodes.

    Refs, counters, generations and turns come back; whole journals are left alone. It can be
    repeated.

    Raises:
        StoreUnavailable: If a store does not answer.
    """
    done = Recovered()
    survivors: Survivors = {}
    await _from_checkpoints(stores, survivors, turns_of, done)
    await _from_memories(stores, survivors)
    for generations in survivors.values():
        newest = max(generations, key=lambda name: generations[name].newest)
        owner = generations[newest].owner
        view = await stores.journal.read(owner)
        generation = view.generation or newest  # An older one was reset: it stays so.
        survived = generations.get(generation)
        if survived is None or not _is_lost(view, generation, survived.episodes):
            continue
        if view.generation is None and len(generations) > 1:
            done.problems.append(
                f"{_name(owner)} left {len(generations)} generations: the newest was taken."
            )
        await _restore(stores, survived, generation, view, done)
    return done


def _is_lost(view: JournalView, generation: str, episodes: Iterable[Episode]) -> bool:
    if not (view.refs or view.turns):
        return True
    return generation_name(view.generation) == generation and journal_lost(view, episodes)


async def _from_checkpoints(
    stores: Stores, survivors: Survivors, turns_of: TurnsOf, done: Recovered
) -> None:
    """Collect the newest state of every thread that is its owner's beyond doubt.

    Clients can write into a state, also who its owner is: it is believed where the journal's index
    of threads says the same, or where the turn it ends with was signed for that owner.
    """
    seen: set[str] = set()
    async for saved in stores.checkpointer.alist(None):
        configurable = saved.config["configurable"]
        thread, values = str(configurable["thread_id"]), saved.checkpoint["channel_values"]
        if thread in seen or configurable.get("checkpoint_ns") or not values.get("head"):
            continue
        seen.add(thread)  # Newest first: the rest of this thread is older.
        try:
            state = _State.model_validate(values)
        except ValidationError:
            done.problems.append(f"The state of thread {thread} cannot be read: left alone.")
            continue
        owner = Owner(*state.who)
        holder = await stores.journal.thread_owner(thread)
        messages = values.get("messages")
        turns = turns_of(
            messages if isinstance(messages, list) else [],
            owner,
            state.generation,
            signed=holder != owner,
        )
        ends_here = any(turn.id == state.head for turn in turns)
        if owner.key != state.owner or (holder != owner and (holder or not ends_here)):
            done.problems.append(
                f"Nothing confirms whose thread {thread} is: its state is left alone."
            )
            continue
        survived = _survived(survivors, owner, state.generation)
        survived.heads[thread] = state.head
        survived.turns |= {turn.id: turn for turn in turns}


async def _from_memories(stores: Stores, survivors: Survivors) -> None:
    """Collect the episodes of every owner that the long-term store knows."""
    namespaces = await all_namespaces(stores.long_term, depth=3)
    for user_key, character_key, generation in (s for s in namespaces if len(s) == 3):
        items = await stores.long_term.asearch((user_key, character_key, generation), limit=1)
        if not items:
            continue
        try:
            owner = Owner(items[0].value["user_id"], items[0].value["character_id"])
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        if (owner.user_key, owner.character_key) != (user_key, character_key):
            continue  # Written by hand: its place says otherwise.
        name = None if generation == FIRST_GENERATION else generation
        survived = _survived(survivors, owner, name)
        survived.episodes = await stores.memories.episodes(owner, name)


def _survived(survivors: Survivors, owner: Owner, generation: str | None) -> _Survived:
    generations = survivors.setdefault(owner.key, {})
    return generations.setdefault(generation_name(generation), _Survived(owner))


async def _restore(
    stores: Stores, survived: _Survived, generation: str, view: JournalView, done: Recovered
) -> None:
    """Write back what the journal lacks: what it had yet to number, and refs that it lost."""
    owner, journal = survived.owner, stores.journal
    name = None if generation == FIRST_GENERATION else generation
    if name is not None and view.generation != name:
        await journal.backend.renew(owner, name)
    folded = {turn.id: turn for episode in survived.episodes for turn in episode.turns}
    turns = [
        turn
        for id, turn in survived.turns.items()
        if id not in folded and (turn.seq > view.seq or view.threads_lost)
    ]
    everything = {**survived.turns, **folded}
    refs = {thread: head for thread, head in survived.heads.items() if head in everything}
    cut: set[str] = set()
    for turn in sorted(folded.values(), key=lambda turn: turn.seq):
        ref = refs.get(turn.thread)
        if ref is None or everything[ref].seq < turn.seq:
            refs[turn.thread] = turn.id
            cut.add(turn.thread)

    def lacks(thread: str, ref: str) -> bool:
        lost = view.threads_lost or thread in view.threads  # Else it was deleted.
        return everything[ref].seq > view.seq or (lost and thread not in view.refs)

    refs = {thread: ref for thread, ref in refs.items() if lacks(thread, ref)}
    for thread in sorted(cut & refs.keys()):
        await stores.checkpointer.adelete_checkpoints(thread)  # A turn would begin at them.
        done.problems.append(
            f"{_name(owner)}: the newest checkpoints of thread {thread} are gone; it goes on after "
            "its last folded turn, and what was said after that is lost."
        )
    unknown = [t.id for t in turns if t.parent and t.parent not in everything]
    if unknown:
        done.problems.append(
            f"{_name(owner)}: {len(unknown)} turns follow one that is lost: what came before it "
            "on their branch cannot be reached."
        )
    for thread in refs:
        await journal.note_thread(owner, name, thread)
    seq = max((turn.seq for turn in (*folded.values(), *turns)), default=0)
    cursor = max((turn.seq for turn in folded.values()), default=0)
    episodes = survived.episodes
    await journal.restore(owner, name, turns, refs, seq=seq, cursor=cursor, episodes=episodes)
    done.owners += 1
    done.turns += len(turns)
    done.refs += len(refs)


def _name(owner: Owner) -> str:
    return f'"{owner.user_id}" with "{owner.character_id}"'
