"""The daily sweep: folds what idle owners left, and deletes what is dead for a week or was reset.

An owner whose journal was lost is left alone: what looks dead there may only have lost its ref.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from langgraph.store.base import BaseStore
from pydantic import BaseModel, Field

from domain.folding import dead_turns, live_journal
from domain.journal import AHEAD, JournalView
from domain.owner import Owner
from domain.records import Episode
from domain.rows import Rows
from domain.turns import live, parents_of
from graph.remember import run
from models.errors import ModelError
from nodes.state import Parts
from stores.base_store.namespaces import all_namespaces
from stores.errors import GenerationMoved, StoreUnavailable
from stores.journal.journal import Journal
from stores.maintenance.erase import finish_resets
from stores.maintenance.recover import journal_lost, memories_lost
from stores.memories import Memories

SWEPT = "swept"
"""The journal's mark that holds when the last sweep ended."""
DEAD_FOR = timedelta(days=7)
"""How long a turn stays after the last branch that held it was left."""
LOST_SECONDS = 3.0
"""How long `lost_owners` looks: who only wants to know how things stand waits no longer."""

_log = logging.getLogger(__name__)


class SweepReport(BaseModel):
    """What one sweep did."""

    owners: int = 0
    """Owners looked at."""
    emptied: int = 0
    """Idle owners among them whose journal was folded."""
    episodes: int = 0
    """Episodes written."""
    folded: int = 0
    """Messages folded into them."""
    facts_added: int = 0
    turns_deleted: int = 0
    """Dead turns deleted from journals."""
    episodes_deleted: int = 0
    """Episodes without a live turn that were deleted."""
    lost: int = 0
    """Owners left alone because their journal was lost."""
    failed: list[str] = Field(default_factory=list)
    """Why an owner could not be done, one sentence each; the next sweep tries again."""


async def sweep(parts: Parts) -> SweepReport:
    """Sweep all owners and note the time. Safe to run beside conversations and other sweeps.

    Raises:
        StoreUnavailable: If the journal does not answer at all.
    """
    report, journal = SweepReport(), parts.stores.journal
    owners = await journal.backend.owners()
    report.lost = len(await _without_journal(owners, parts.stores.long_term))
    for owner in owners:
        report.owners += 1
        try:
            await _sweep_owner(parts, owner, report)
        except GenerationMoved:
            continue  # Reset meanwhile: there is nothing left to tidy up.
        except (ModelError, StoreUnavailable) as error:
            report.failed.append(str(error))
        except Exception as error:  # noqa: BLE001 (the others must not wait for one that is damaged)
            _log.warning("An owner could not be swept.", exc_info=True)
            report.failed.append(f"{type(error).__name__}: {error}")
    await journal.backend.mark(SWEPT, parts.now().isoformat())
    return report


async def _sweep_owner(parts: Parts, owner: Owner, report: SweepReport) -> None:
    await finish_resets(parts.stores, owner)
    view, episodes = await _read(parts, owner)
    if journal_lost(view, episodes):
        report.lost += 1
        return
    if idle_since(view, parts.now(), parts.settings.sweep_idle) and _left(view):
        done = await run(parts, owner)
        report.emptied += 1
        report.episodes += done.get("episodes", 0)
        report.folded += done.get("folded", 0)
        report.facts_added += len(done.get("facts_added", ()))
        view, episodes = await _read(parts, owner)
    await _delete_dead(parts, owner, view, episodes, report)


async def _read(parts: Parts, owner: Owner) -> tuple[JournalView, tuple[Episode, ...]]:
    view = await parts.stores.journal.read(owner)
    return view, await parts.stores.memories.episodes(owner, view.generation)


def _left(view: JournalView) -> bool:
    """Return whether a journal still holds something to fold or to extract from."""
    return bool(live_journal(view, view.refs.values())) or view.seq > view.cursor


def idle_since(view: JournalView, now: datetime, idle: timedelta) -> bool:
    """Return whether an owner has said nothing for so long."""
    said = [note.last for note in view.threads.values() if note.last is not None]
    said += [turn.at for turn in view.turns.values()]
    return not any(now - idle < at <= now + AHEAD for at in said)


# What is lost


@dataclass
class Lost:
    """How many owners there are, and how many of them lost one half of what they had."""

    owners: int = 0
    journals: int = 0
    memories: int = 0


async def lost_owners(journal: Journal | None, store: BaseStore | None) -> Lost:
    """Return what was lost; `store` is None where there is no long-term memory at all.

    Owners that are not looked at in `LOST_SECONDS` are taken to be well.
    """
    owners = await journal.backend.owners() if journal else []
    lost = Lost(owners=len(owners))
    if store is not None:
        lost.journals = len(await _without_journal(owners, store))
        lost.owners += lost.journals
    until = monotonic() + LOST_SECONDS
    for owner in owners:
        if journal is None or monotonic() > until:
            break
        view = await journal.read(owner)
        rows = await Memories(store).all(owner, view.generation) if store else Rows()
        lost.journals += journal_lost(view, rows.episodes)
        lost.memories += memories_lost(view, rows)
    return lost


async def _without_journal(owners: Iterable[Owner], store: BaseStore) -> set[tuple[str, ...]]:
    """Return the namespaces of owners that the store knows and the journal does not."""
    prefixes = set(await all_namespaces(store, depth=2))
    return prefixes - {owner.namespace(None)[:2] for owner in owners}


# What is dead


@dataclass(frozen=True)
class _Dead:
    """What of an owner is dead, and what of it has been so for long enough."""

    since: dict[str, str]
    """When each dead turn that stays was first seen to be dead, as ISO 8601."""
    turns: list[str]
    """Journal turns to delete."""
    episodes: list[Episode]
    """Episodes to delete."""


async def _delete_dead(
    parts: Parts,
    owner: Owner,
    view: JournalView,
    episodes: Sequence[Episode],
    report: SweepReport,
) -> None:
    """Delete what has been dead for a week, and note what is dead now."""
    journal, memories = parts.stores.journal, parts.stores.memories
    while True:
        dead = _dead_of(view, episodes, parts.now())
        if dead.since == view.dead and not dead.turns and not dead.episodes:
            return
        # Fails if anybody has spoken meanwhile: the branch may be alive again.
        if await journal.delete_dead(owner, view, dead.turns, dead.since):
            break
        view, episodes = await _read(parts, owner)
    report.turns_deleted += len(dead.turns)
    if dead.episodes:
        ids = [episode.id for episode in dead.episodes]
        await memories.delete(owner, view.generation, "episode", ids)
        await journal.rows_changed(owner, view.generation, [("episode", id) for id in ids])
        report.episodes_deleted += len(dead.episodes)


def _dead_of(view: JournalView, episodes: Sequence[Episode], now: datetime) -> _Dead:
    """Return what is dead, and what of it is to be deleted now."""
    reached = live(view.refs.values(), parents_of(view.turns.values(), episodes))
    dead = set(view.turns) - reached
    empty = [e for e in episodes if not any(turn.id in reached for turn in e.turns)]
    dead |= {turn.id for episode in empty for turn in episode.turns}
    since = {id: view.dead.get(id, now.isoformat()) for id in sorted(dead)}
    long_dead = {id for id, at in since.items() if now - datetime.fromisoformat(at) >= DEAD_FOR}
    turns = [id for id in dead_turns(view, reached) if id in long_dead]
    old = [episode for episode in empty if all(turn.id in long_dead for turn in episode.turns)]
    gone = set(turns) | {turn.id for episode in old for turn in episode.turns}
    return _Dead({id: at for id, at in since.items() if id not in gone}, turns, old)
