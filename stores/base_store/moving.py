"""A store as one side of a move, and what a store notes about moves. Knows no database."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from langgraph.store.base import GetOp, Item, Op, PutOp

from stores.base_store.items import Place, StoredItem
from stores.base_store.store import LongTermStore

NOTES = ("mnemo-move",)
"""Namespace of what a store notes about moves; an owner's begins with a digest."""
_FILLING, _MOVED = "filling", "moved"
_BATCH = 50
"""Items deleted at once."""


class Notes(NamedTuple):
    """What a store notes about moves."""

    filling: str | None
    """Where it is being filled from; it is not whole."""
    moved: str | None
    """Where its memories went; what it holds is out of date."""
    at: str
    """When they went, as ISO 8601; empty where they did not."""
    how: str
    """What to do to use that place, as a sentence says it; empty where it was not noted."""


async def read_notes(store: LongTermStore) -> Notes:
    """Return what a store notes about moves."""
    answers = await store.abatch([GetOp(NOTES, _FILLING), GetOp(NOTES, _MOVED)])
    filling, moved = (item.value if isinstance(item, Item) else {} for item in answers)
    return Notes(
        filling.get("from"), moved.get("to"), str(moved.get("at", "")), str(moved.get("how", ""))
    )


async def note_filling(store: LongTermStore, source: str | None) -> None:
    """Note where a store is being filled from; None: it is whole."""
    value = {"from": source} if source else None
    await store.abatch([PutOp(NOTES, _FILLING, value, index=False)])


async def note_moved(store: LongTermStore, target: str | None, how: str = "") -> None:
    """Note where a store's memories went and how to use that place; None: they are here."""
    now = datetime.now(UTC).isoformat()
    value: dict[str, Any] | None = {"to": target, "at": now, "how": how} if target else None
    await store.abatch([PutOp(NOTES, _MOVED, value, index=False)])


class Side:
    """A store that is moved from or to: all its items, or all but what it notes of moves."""

    def __init__(self, store: LongTermStore, *, notes: bool) -> None:
        """Take a store; `notes` says whether its notes count as items."""
        self.store = store
        self._notes = notes

    async def rows(self) -> AsyncIterator[StoredItem]:
        """Give every item."""
        async for stored in self.store.rows():
            if self._notes or stored.item.namespace != NOTES:
                yield stored

    async def count(self) -> int:
        """Return the number of items."""
        count = await self.store.count()
        if self._notes:
            return count
        notes = await read_notes(self.store)
        return count - (notes.filling is not None) - (notes.moved is not None)

    async def lacking(self, items: Sequence[StoredItem]) -> list[StoredItem]:
        """Return those that the store does not have, or has as they were at another time."""
        here = await self.store.abatch([GetOp(s.item.namespace, s.item.key) for s in items])
        return [
            stored
            for stored, item in zip(items, here, strict=True)
            if not isinstance(item, Item) or item.updated_at != stored.item.updated_at
        ]

    async def restore(self, items: Sequence[StoredItem]) -> None:
        """Write these items."""
        await self.store.restore(items)

    async def delete_all_but(self, places: set[Place]) -> None:
        """Delete the items at all other places."""
        others: list[Op] = [
            PutOp(stored.item.namespace, stored.item.key, None)
            async for stored in self.rows()
            if (stored.item.namespace, stored.item.key) not in places
        ]  # All first: deleting would shift what is still to be read.
        for start in range(0, len(others), _BATCH):
            await self.store.abatch(others[start : start + _BATCH])


class Target(Side, ABC):
    """A side that is moved to; it serves nobody before all is there."""

    @abstractmethod
    async def serve(self) -> None:
        """Take over from the source, in one atomic step."""


class Move(NamedTuple):
    """A move that is ready to begin, or to go on."""

    source: Side
    target: Target
