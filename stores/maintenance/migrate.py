"""Moving all memories from one place to another, so that at any moment one of them is whole.

The source is only read until the copy is complete. What remains to be done is found by comparing,
so an interrupted move goes on where it stopped. Nothing else may write meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from stores.base_store.items import Place, StoredItem
from stores.base_store.moving import Move, Side, Target, note_filling, note_moved, read_notes
from stores.base_store.store import LongTermStore
from stores.errors import StoreMismatch, StoreUnavailable

Progress = Callable[[int, int], None]
"""Called with the number of items done, and of all."""
Renew = Callable[[StoredItem], StoredItem]
"""Returns an item as the model that is moved to would have it written."""

_BATCH = 50
"""Items compared, and written where they differ, at once."""


async def migrate(
    source: Side, target: Target, progress: Progress, renew: Renew | None = None
) -> int:
    """Make the target hold what the source does, then let it take over.

    Args:
        source: Where the memories are.
        target: Where they are to be; what it holds of an earlier attempt is used.
        progress: Told after every batch.
        renew: Called in a thread with every item that is written; None: it is written as it is.

    Returns:
        Number of items moved.

    Raises:
        StoreMismatch: If the target's model gives vectors of another length than was said.
        StoreUnavailable: If one does not answer, or something wrote meanwhile; do it again then.
    """
    total, moved, places = await source.count(), 0, set[Place]()
    async for batch in _batches(source):
        if lacking := await target.lacking(batch):
            if renew is not None:
                lacking = await asyncio.to_thread(lambda items: [*map(renew, items)], lacking)
            await target.restore(lacking)
        places.update((stored.item.namespace, stored.item.key) for stored in batch)
        moved += len(batch)
        progress(moved, total)
    await target.delete_all_but(places)
    # As many here, as many there, and all of them seen: nothing has come or gone meanwhile.
    if {await source.count(), await target.count()} != {moved}:
        raise StoreUnavailable(
            "Something wrote memories while they were moved: stop it, then run the same again."
        )
    await target.serve()
    return moved


async def renewed(store: LongTermStore, renew: Renew, progress: Progress) -> int:
    """Write again, where it lies, every item that `renew` returns otherwise; return how many.

    Args:
        store: Where the memories are; nothing else may write them meanwhile.
        renew: Called in a thread with every item.
        progress: Told after every batch.

    Raises:
        StoreUnavailable: If the store does not answer.
    """
    total, seen, written = await store.count(), 0, 0
    async for batch in _batches(Side(store, notes=False)):
        anew = await asyncio.to_thread(lambda items: [*map(renew, items)], batch)
        other = [new for old, new in zip(batch, anew, strict=True) if new is not old]
        if other:
            await store.restore(other)
        seen, written = seen + len(batch), written + len(other)
        progress(seen, total)
    return written


async def _batches(source: Side) -> AsyncIterator[list[StoredItem]]:
    batch: list[StoredItem] = []
    async for stored in source.rows():
        batch.append(stored)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def between(
    source: LongTermStore, target: LongTermStore, *, here: str, there: str, how: str
) -> Move | None:
    """Ready a move from one store to another, or to go on with it; None if it is done already.

    Args:
        source: Where the memories are. It keeps them, but will note that they have moved.
        target: An empty store, one that an earlier move was to fill, or one that memories moved
            away from; what it still holds of old is replaced.
        here: What the source is called.
        there: What the target is called.
        how: What to do to use the target, as `Backend.how_to_use` says it.

    Raises:
        StoreMismatch: If the target has memories of its own, or the source's are not whole or
            out of date.
        StoreUnavailable: If one does not answer.
    """
    mine, theirs = await read_notes(source), await read_notes(target)
    into = _Into(target, source, there, how)
    in_use = bool(await into.count()) and theirs.filling is None and theirs.moved is None
    if mine.moved == there and in_use:
        return None
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
    if in_use:
        raise StoreMismatch(
            f"{there} holds {await into.count()} memories of its own, which a move would delete: "
            "move into an empty one."
        )
    # One after the other: at no moment may the target pass for one in use.
    await note_filling(target, here)
    await note_moved(target, None)
    return Move(Side(source, notes=False), into)


class _Into(Target):
    """The store that memories are moved to."""

    def __init__(self, store: LongTermStore, source: LongTermStore, there: str, how: str) -> None:
        super().__init__(store, notes=False)
        self._source, self._there, self._how = source, there, how

    async def serve(self) -> None:
        """Take over: until the first note is written the source serves, then nobody else does."""
        await note_moved(self._source, self._there, self._how)
        await note_filling(self.store, None)
