"""Deletes everything of an owner (reset) or of a user (forget).

Both begin a fresh generation first, so whatever is in flight is written where nobody reads.
"""

from dataclasses import asdict, dataclass

from domain.owner import FIRST_GENERATION, Owner
from stores.base_store.backend import LongTermStore
from stores.open import Stores
from stores.sqlite.journal import SqliteJournal


@dataclass
class Removed:
    """What was removed, counted."""

    threads: int = 0
    turns: int = 0
    memories: int = 0

    def __str__(self) -> str:
        """Say it in words."""
        return ", ".join(f"{count} {name}" for name, count in asdict(self).items())


async def reset(stores: Stores, owner: Owner) -> Removed:
    """Forget all that an owner ever said, also what is in flight.

    It can be repeated until it succeeds: what one that broke off left is removed by the next.

    Raises:
        StoreUnavailable: If a store does not answer; call it again then.
    """
    removed = Removed()
    await stores.background.cancel(owner)
    _, older = await stores.journal.renew(owner)
    for generation in older:
        threads = await stores.journal.threads_of(owner, generation)
        for thread in threads:
            await stores.checkpointer.adelete_checkpoints(thread)
        name = None if generation == FIRST_GENERATION else generation
        removed.memories += await stores.memories.clear(owner, name)
        stores.recall.forget(owner)
        stores.summaries.forget()
        for thread in threads:
            await stores.journal.backend.drop_thread(thread)
        removed.threads += len(threads)
        # Last: until the journal's part is gone, the generation is still listed to be deleted.
        removed.turns += await stores.journal.backend.erase(owner, generation)
    return removed


async def forget(stores: Stores, user_id: str) -> Removed:
    """Forget a user: every conversation with every character, and their readable ids.

    Nothing is kept but the fresh generations' tokens. On embedded stores no file of the data dir
    holds the text afterwards; servers free their disk by their own rules (`docs/stores.md`).

    Raises:
        StoreUnavailable: If a store does not answer; call it again then.
    """
    total = Removed()
    for owner in await stores.journal.backend.owners_of(user_id):
        removed = await reset(stores, owner)
        total.memories += await stores.memories.clear(owner)
        total.threads += removed.threads
        total.turns += removed.turns
        total.memories += removed.memories
        await stores.journal.backend.drop_counts(owner)
        if not (await stores.journal.read(owner)).threads:
            await stores.journal.backend.drop_owner(owner)  # Nobody has spoken since.
    await _purge(stores)
    return total


async def _purge(stores: Stores) -> None:
    """Leave no deleted text in the free pages and logs of embedded files.

    The checkpoints' file sees to itself whenever it deletes.
    """
    if isinstance(stores.journal.backend, SqliteJournal):
        await stores.journal.backend.purge()
    if isinstance(stores.long_term, LongTermStore):
        await stores.long_term.purge()
