"""What every long-term store of ours does beside being a `BaseStore`."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol, runtime_checkable

from langgraph.store.base import Op, Result

from stores.base_store.items import StoredItem


@runtime_checkable
class LongTermStore(Protocol):
    """A complete `BaseStore` that can also be counted, read whole, and cleared of what is gone."""

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations, as `BaseStore` has them."""

    def rows(self) -> AsyncIterator[StoredItem]:
        """Give every item there is, with the paths it was embedded by, while nothing writes."""

    async def restore(self, items: Sequence[StoredItem]) -> None:
        """Write items as another store has them, with their times; they are embedded anew."""

    async def count(self) -> int:
        """Return the number of items."""

    async def purge(self) -> None:
        """Leave as little as can be of what was deleted."""
