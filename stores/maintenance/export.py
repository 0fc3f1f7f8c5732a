"""Everything of a user as records that another installation can read: export and import."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from domain.owner import Owner
from domain.records import Entity, Episode, Fact, Record, Turn
from stores.journal import GenerationMoved
from stores.open import Stores

FORMAT = "mnemograph-1"

Line = dict[str, Any]


class ImportRefused(ValueError):
    """What is to be imported does not fit; nothing was changed."""


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


async def import_user(stores: Stores, lines: Iterable[Line]) -> dict[str, int]:
    """Bring in what `export_user` yielded; return how many records of each type.

    It can be repeated: what is there already is written again as it was.

    Raises:
        ImportRefused: If the lines are no export, or an owner here has a conversation of its own.
        StoreUnavailable: If a store does not answer; repeat it then.
    """
    user_id, owners = _parsed(lines)
    counts = {"owners": 0, "turns": 0, "episodes": 0, "facts": 0, "entities": 0}
    for character_id, parts in owners.items():
        await _check(stores, Owner(user_id, character_id), parts)
    for character_id, parts in owners.items():
        owner = Owner(user_id, character_id)
        counts["owners"] += 1
        for name, records in (await _import_owner(stores, owner, parts)).items():
            counts[name] += len(records)
    return counts


async def _import_owner(
    stores: Stores, owner: Owner, parts: dict[str, list[Any]]
) -> dict[str, Sequence[Record]]:
    """Bring in one owner; return the records by type."""
    view = await stores.journal.read(owner)
    here = await stores.memories.episodes(owner, view.generation)
    episodes, turns = _unfolded(here, parts)
    facts = [Fact.model_validate(r) for r in parts["fact"]]
    entities = [Entity.model_validate(r) for r in parts["entity"]]
    head = parts["owner"][0]
    try:
        for thread in head["refs"]:
            await stores.journal.note_thread(owner, view.generation, thread)
        await stores.memories.put(owner, view.generation, *episodes, *facts, *entities)
        await stores.journal.restore(
            owner, view.generation, turns, head["refs"], seq=head["seq"], cursor=head["cursor"]
        )
    except GenerationMoved as moved:
        await stores.memories.clear(owner, view.generation)
        raise ImportRefused("The memory was reset meanwhile: import it again.") from moved
    return {"turns": turns, "episodes": episodes, "facts": facts, "entities": entities}


def _unfolded(
    here: Sequence[Episode], parts: dict[str, list[Any]]
) -> tuple[list[Episode], list[Turn]]:
    """Return the imported episodes, and the turns that neither they nor those `here` hold."""
    imported = [Episode.model_validate(record) for record in parts["episode"]]
    held = {turn.id: episode.id for episode in here for turn in episode.turns}
    episodes = [e for e in imported if all(held.get(t.id, e.id) == e.id for t in e.turns)]
    folded = held.keys() | {turn.id for episode in episodes for turn in episode.turns}
    everything = [Turn.model_validate(record) for record in parts["turn"]]
    everything += [turn for episode in imported for turn in episode.turns]
    turns = {turn.id: turn for turn in everything if turn.id not in folded}
    return episodes, list(turns.values())


def _parsed(lines: Iterable[Line]) -> tuple[str, dict[str, dict[str, list[Any]]]]:
    """Return the user and, by character, the records by type."""
    user_id: str | None = None
    owners: dict[str, dict[str, list[Any]]] = {}
    for line in lines:
        kind = line.get("type")
        if kind == "export" and line.get("format") == FORMAT:
            user_id = str(line["user_id"])
        elif user_id is None or kind not in ("owner", "turn", "episode", "fact", "entity"):
            raise ImportRefused(
                "This is no export of a user: the file must be what `mnemo export` wrote."
            )
        else:
            empty: dict[str, list[Any]] = {
                k: [] for k in ("owner", "turn", "episode", "fact", "entity")
            }
            parts = owners.setdefault(str(line["character_id"]), empty)
            parts[str(kind)].append(line if kind == "owner" else line["record"])
    if user_id is None:
        raise ImportRefused("The file is empty: it must be what `mnemo export` wrote.")
    return user_id, owners


async def _check(stores: Stores, owner: Owner, parts: dict[str, list[Any]]) -> None:
    """Refuse to mix an import into a conversation that is going on here."""
    if len(parts["owner"]) != 1:
        raise ImportRefused("The file is damaged: each character must have one `owner` line.")
    view = await stores.journal.read(owner)
    imported = {record["id"] for record in parts["turn"]}
    imported |= {turn["id"] for record in parts["episode"] for turn in record["turns"]}
    here = set(view.turns) | set(view.refs.values())
    if here - imported:
        raise ImportRefused(
            f'"{owner.user_id}" has a conversation with "{owner.character_id}" here already: '
            "reset it first, or import elsewhere."
        )
    for thread in parts["owner"][0]["refs"]:
        holder = await stores.journal.backend.thread_owner(thread)
        if holder is not None and holder != owner:
            raise ImportRefused(f'The thread "{thread}" belongs to somebody else here.')
