"""Everything of a user as records that another installation can read: export and import."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from domain.exported import FORMAT, ExportedOwner, ImportRefused, read_export
from domain.owner import Owner
from domain.records import Entity, Episode, Fact, Record, Turn
from stores.errors import GenerationMoved
from stores.open import Stores

Line = dict[str, Any]


async def export_user(stores: Stores, user_id: str) -> AsyncIterator[Line]:
    """Yield everything of a user: a head, then each owner with its turns and memories.

    The journal is read before the episodes, so a turn may come twice while a fold is under way,
    but never not at all.

    Raises:
        StoreUnavailable: If a store does not answer; what was yielded is incomplete.
    """
    yield {"type": "export", "format": FORMAT, "user_id": user_id}
    for owner in await stores.journal.backend.owners_of(user_id):
        view = await stores.journal.read(owner)
        yield {
            "type": "owner",
            "character_id": owner.character_id,
            "refs": view.refs,
            "seq": view.seq,
            "cursor": view.cursor,
            "withheld": sorted(view.withheld),
        }
        for turn in sorted(view.turns.values(), key=lambda turn: turn.seq):
            yield _line("turn", owner, turn)
        rows = await stores.memories.all(owner, view.generation)
        for kind, records in (
            ("episode", rows.episodes),
            ("fact", rows.facts),
            ("entity", rows.entities),
        ):
            for record in records:
                yield _line(kind, owner, record)


def _line(kind: str, owner: Owner, record: Turn | Episode | Fact | Entity) -> Line:
    return {
        "type": kind,
        "character_id": owner.character_id,
        "record": record.model_dump(mode="json"),
    }


async def import_user(stores: Stores, lines: Iterable[bytes]) -> dict[str, int]:
    """Bring in what `export_user` yielded, one JSON object a line; return the count of each type.

    All lines are checked before anything is written. What is written of an owner counts with the
    last write, which sets where its threads end. It can be repeated: what is there already is
    written again as it was.

    Raises:
        ImportRefused: If the lines are no export, or an owner here has a conversation of its own.
        StoreUnavailable: If a store does not answer; repeat it then.
    """
    imported = await asyncio.to_thread(read_export, lines)
    counts = {"owners": 0, "turns": 0, "episodes": 0, "facts": 0, "entities": 0}
    for exported in imported:
        await _check(stores, exported)
    for exported in imported:
        counts["owners"] += 1
        for name, records in (await _import_owner(stores, exported)).items():
            counts[name] += len(records)
    return counts


async def _import_owner(stores: Stores, exported: ExportedOwner) -> dict[str, Sequence[Record]]:
    """Bring in one owner; return the records by type."""
    owner = exported.owner
    view = await stores.journal.read(owner)
    here = await stores.memories.all(owner, view.generation)
    episodes, turns = _unfolded(here.episodes, exported)
    deleted = {fact.id for fact in here.facts if fact.deleted}
    facts = [fact for fact in exported.facts.values() if fact.id not in deleted]
    entities = list(exported.entities.values())
    try:
        await stores.journal.note_thread(owner, view.generation, *exported.refs)
        await stores.memories.put(owner, view.generation, *episodes, *facts, *entities)
        await stores.journal.restore(
            owner,
            view.generation,
            turns,
            exported.refs,
            seq=exported.seq,
            cursor=exported.cursor,
            withheld=exported.withheld,
            episodes=[*here.episodes, *episodes],
        )
    except GenerationMoved as moved:
        await stores.memories.clear(owner, view.generation)
        reason = "its owner was reset meanwhile: import the file again"
        raise ImportRefused(exported.line, reason) from moved
    return {"turns": turns, "episodes": episodes, "facts": facts, "entities": entities}


def _unfolded(here: Sequence[Episode], exported: ExportedOwner) -> tuple[list[Episode], list[Turn]]:
    """Return the imported episodes, and the turns that neither they nor those `here` hold."""
    episode_of_turn = {turn.id: episode.id for episode in here for turn in episode.turns}
    episodes = [
        episode
        for episode in exported.episodes.values()
        if all(episode_of_turn.get(turn.id, episode.id) == episode.id for turn in episode.turns)
    ]
    folded = episode_of_turn.keys() | {turn.id for episode in episodes for turn in episode.turns}
    return episodes, [
        turn for id, turn in (exported.turns | exported.folded).items() if id not in folded
    ]


async def _check(stores: Stores, exported: ExportedOwner) -> None:
    """Refuse to mix an import into a conversation that is going on here."""
    owner = exported.owner
    view = await stores.journal.read(owner)
    imported = exported.turns | exported.folded
    here = set(view.turns) | set(view.refs.values())
    changed = [id for id, turn in view.turns.items() if imported.get(id, turn) != turn]
    if here - imported.keys() or changed:
        raise ImportRefused(
            exported.line,
            f'"{owner.user_id}" has a conversation with "{owner.character_id}" here already: '
            "reset it first, or import elsewhere",
        )
    for thread in exported.refs:
        holder = await stores.journal.thread_owner(thread)
        if holder is not None and holder != owner:
            reason = f'its thread "{thread}" belongs to somebody else here'
            raise ImportRefused(exported.line, reason)
