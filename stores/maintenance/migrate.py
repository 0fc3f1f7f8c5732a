"""Moving all memories from one store to another, so that at any moment one of them is whole.

The source is only read until the copy is complete. What remains to be done is found by comparing,
so an interrupted move goes on where it stopped. Nothing else may write meanwhile.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from langgraph.store.base import GetOp, Item, Op, PutOp

from stores.base_store.items import StoredItem
from stores.errors import StoreMismatch, StoreUnavailable
from stores.long_term import FILLING, MOVED, MOVES, LongTermStore

Progress = Callable[[int, int], None]
"""Called with the number of items done, and of all."""
Place = tuple[tuple[str, ...], str]
"""Namespace and key of an item."""

_BATCH = 50
"""Items compared, and put where they differ, at once."""


@dataclass(frozen=True)
class MoveState:
    """What a store notes about moves."""

    filling: str | None
    """Where it is being filled from; it is not whole."""
    moved: str | None
    """Where its memories went; what it holds is out of date."""
    items: int
    """Memories in it."""


async def move(
    source: LongTermStore, target: LongTermStore, *, here: str, there: str, progress: Progress
) -> int:
    """Make the target hold what the source does, then let it take over.

    Args:
        source: Where the memories are. It keeps them, but notes that they have moved.
        target: An empty store, one that an earlier move was to fill, or one that memories moved
            away from; what it still holds of old is replaced.
        here: What the source is called.
        there: What the target is called.
        progress: Told after every batch.

    Returns:
        Number of memories moved; 0 where they had been moved already.

    Raises:
        StoreMismatch: If the target has memories of its own, or the source's are not whole or
            out of date.
        StoreUnavailable: If one does not answer, or something wrote meanwhile; call it again.
    """
    mine, theirs = await _move_state(source), await _move_state(target)
    if mine.moved == there and theirs.items and not (theirs.filling or theirs.moved):
        return 0
    _check(mine, theirs, here, there)
    # One after the other: at no moment may the target pass for one in use.
    await target.abatch([_note(FILLING, {"from": here})])
    await target.abatch([PutOp(MOVES, MOVED, None)])
    moved, places = 0, set[Place]()
    async for batch in _batches(source):
        await _copy(target, batch)
        places.update((stored.item.namespace, stored.item.key) for stored in batch)
        moved += len(batch)
        progress(moved, mine.items)
    await _drop_others(target, places)
    # As many here, as many there, and all of them seen: nothing has come or gone meanwhile.
    counts = {(await _move_state(store)).items for store in (source, target)}
    if counts != {moved}:
        raise StoreUnavailable(
            "Something wrote memories while they were moved: stop it, then run the same again."
        )
    now = datetime.now(UTC).isoformat()
    await source.abatch([_note(MOVED, {"to": there, "at": now})])
    await target.abatch([PutOp(MOVES, FILLING, None)])
    return moved


def _check(mine: MoveState, theirs: MoveState, here: str, there: str) -> None:
    if mine.filling is not None:
        raise StoreMismatch(
            f"The memories in {here} are not whole: they are still to come from {mine.filling}. "
            "Finish that move first."
        )
    if mine.moved not in (None, there):
        raise StoreMismatch(
            f"The memories in {here} are out of date, they were moved to {mine.moved}: move them "
            "from there."
        )
    if theirs.items and theirs.filling is None and theirs.moved is None:
        raise StoreMismatch(
            f"{there} holds {theirs.items} memories of its own, which a move would delete: move "
            "into an empty one."
        )


async def _move_state(store: LongTermStore) -> MoveState:
    found = await store.abatch([GetOp(MOVES, FILLING), GetOp(MOVES, MOVED)])
    filling, moved = (item.value if isinstance(item, Item) else {} for item in found)
    notes = sum(map(bool, (filling, moved)))
    return MoveState(filling.get("from"), moved.get("to"), await store.count() - notes)


def _note(name: str, value: dict[str, Any]) -> PutOp:
    return PutOp(MOVES, name, value, index=False)


async def _batches(store: LongTermStore) -> AsyncIterator[list[StoredItem]]:
    batch: list[StoredItem] = []
    async for stored in store.rows():
        if stored.item.namespace == MOVES:
            continue
        batch.append(stored)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _copy(target: LongTermStore, batch: Sequence[StoredItem]) -> None:
    """Put what the target lacks, or has otherwise."""
    there = await target.abatch([GetOp(one.item.namespace, one.item.key) for one in batch])
    puts: list[Op] = []
    for stored, found in zip(batch, there, strict=True):
        if not isinstance(found, Item) or found.value != stored.item.value:
            # "$" in a list would be read as a field's name; the whole value is the default.
            index = None if stored.paths == ["$"] else stored.paths
            puts.append(PutOp(stored.item.namespace, stored.item.key, stored.item.value, index))
    if puts:
        await target.abatch(puts)


async def _drop_others(target: LongTermStore, places: set[Place]) -> None:
    """Delete what the target holds beside these."""
    others: list[Op] = []
    async for batch in _batches(target):
        for stored in batch:
            if (stored.item.namespace, stored.item.key) not in places:
                others.append(PutOp(stored.item.namespace, stored.item.key, None))
    for start in range(0, len(others), _BATCH):
        await target.abatch(others[start : start + _BATCH])
