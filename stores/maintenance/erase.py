"""Deletes everything of an owner (reset) or of a user (forget).

Both begin a fresh generation first, so whatever is in flight is written where nobody reads.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict, dataclass

from langgraph.checkpoint.base import CheckpointTuple

from domain.owner import FIRST_GENERATION, Holder, NamelessOwner, Owner, digest
from stores.base_store.store import LongTermStore
from stores.journal.backend import generation_name
from stores.open import Stores
from stores.self_pruning import is_of_chat
from stores.sqlite.journal import SqliteJournal

PAGE = 1000
"""Threads whose owners are asked for at once."""


AlsoDrop = Callable[[Collection[str]], Awaitable[None]]
"""Drops what somebody else keeps of threads, before nobody knows any more whose they were."""


async def nothing_else(threads: Collection[str]) -> None:
    """Drop nothing: nobody else keeps anything of these threads."""


@dataclass
class Removed:
    """What was removed, counted."""

    threads: int = 0
    turns: int = 0
    memories: int = 0

    def __str__(self) -> str:
        """Say it in words."""
        return ", ".join(f"{count} {name}" for name, count in asdict(self).items())


async def reset(
    stores: Stores, owner: Owner, *, everywhere: bool = False, also: AlsoDrop = nothing_else
) -> Removed:
    """Forget all that an owner ever said, also what is in flight.

    It can be repeated until it succeeds: what one that broke off left is removed by the next.

    Args:
        stores: The stores.
        owner: Whose memory it is.
        everywhere: Look through all threads and keys there are, not only where an index of the
            owner's is damaged: it may have lost some without a trace.
        also: Told every thread that goes, those that began or were copied meanwhile too.

    Raises:
        StoreUnavailable: If a store does not answer; call it again then.
    """
    removed, backend = Removed(), stores.journal.backend
    await stores.background.cancel(owner)
    token, older = await stores.journal.renew(owner)
    begun = await stores.checkpointer.begun_by(owner.key)  # After it: none that is older is missed.
    if everywhere:
        older = sorted({*older, *await backend.generations(owner)} - {token})
    unlisted = await _unlisted(stores, owner, begun)
    for generation in older:
        threads, whole, ended = await stores.journal.threads_of(owner, generation)
        threads |= unlisted
        if everywhere or not whole:
            # Not those that were spoken on since.
            now = (await stores.journal.read(owner)).threads
            threads |= await threads_left(stores, owner) - now.keys()
        for thread in threads:
            await stores.checkpointer.adelete_checkpoints(thread)
        removed.memories += await _clear(stores, owner, generation)
        await _drop_holders(stores, owner, threads)
        await also(threads)
        removed.threads += len(threads)
        # Last: until the journal's part is gone, the generation is still listed to be deleted.
        removed.turns += await backend.erase(owner, generation, last=ended)
    await stores.checkpointer.drop_begun(owner.key, begun)
    return removed


async def finish_resets(stores: Stores, owner: Owner) -> None:
    """Delete once more, for good, what resets deleted of long-term memory.

    A process that was killed while it wrote under a generation that just ended may have left it
    after the reset: the next reset finds it, or this, once a day. A reset that broke off is its
    caller's to repeat.

    Raises:
        StoreUnavailable: If a store does not answer; call it again then.
    """
    backend = stores.journal.backend
    for generation in await backend.older(owner):
        if (await backend.read_generation(owner, generation)).ended:
            await _clear(stores, owner, generation)
            await backend.erase(owner, generation)


async def _clear(stores: Stores, owner: Owner, generation: str) -> int:
    """Delete what long-term memory holds of an owner's generation; return how many records."""
    name = None if generation == FIRST_GENERATION else generation
    count = await stores.memories.clear(owner, name)
    stores.recall.forget(owner)
    stores.summaries.forget()
    return count


async def _unlisted(stores: Stores, owner: Owner, begun: Collection[str]) -> set[str]:
    """Return the threads of an owner's runs, which may have died before the journal listed them.

    Not those of somebody else, on which this owner's runs are refused, nor of other graphs.
    """
    holders = await stores.journal.backend.holders(sorted(begun))
    unlisted = {thread for thread, holder in holders.items() if holder.owner.key == owner.key}
    for thread in begun - holders.keys():
        newest = stores.checkpointer.alist({"configurable": {"thread_id": thread}}, limit=1)
        if all([is_of_chat(saved) and _names(saved, owner) async for saved in newest]):
            unlisted.add(thread)
    return unlisted


def _names(saved: CheckpointTuple, owner: Owner) -> bool:
    """Return whether a checkpoint says that its thread is an owner's, or nobody's yet."""
    return saved.checkpoint["channel_values"].get("owner") in (None, owner.key)


async def threads_left(stores: Stores, owner: Owner) -> set[str]:
    """Return an owner's threads out of all that have checkpoints, whatever the lists say.

    Raises:
        StoreUnavailable: If a store does not answer.
    """
    threads = [thread async for thread in stores.checkpointer.threads()]
    owned: set[str] = set()
    for start in range(0, len(threads), PAGE):
        holders = await stores.journal.backend.holders(threads[start : start + PAGE])
        owned |= {thread for thread, holder in holders.items() if holder.owner.key == owner.key}
    return owned


async def _drop_holders(stores: Stores, owner: Owner, threads: Collection[str]) -> None:
    """Forget that threads belong to an owner, save those that were spoken on since the reset."""
    backend = stores.journal.backend
    holders = await backend.holders(sorted(threads))
    now = generation_name((await backend.read(owner)).generation)  # After them: none is newer.
    older = {thread: holder for thread, holder in holders.items() if holder.generation != now}
    older |= {thread: Holder(owner) for thread in threads if thread not in holders}  # Unreadable.
    await backend.drop_holders(older)


async def owners_left(stores: Stores, user_id: str) -> list[Owner]:
    """Return every owner of a user that any store holds anything of, whatever the lists say.

    Raises:
        StoreUnavailable: If a store does not answer.
    """
    owners = {owner.key: owner for owner in await stores.journal.backend.owners_left(user_id)}
    for character_key in await stores.memories.characters_of(digest(user_id)):
        owner = NamelessOwner(user_id, character_key)
        owners.setdefault(owner.key, owner)
    for key in await stores.checkpointer.owners_that_began(digest(user_id)):
        owners.setdefault(key, NamelessOwner(user_id, key.rpartition("-")[2]))
    return [*owners.values()]


async def forget(stores: Stores, user_id: str, *, also: AlsoDrop = nothing_else) -> Removed:
    """Forget a user: every conversation with every character, and their readable ids.

    Nothing is kept but the fresh generations' tokens. On embedded stores no file of the data dir
    holds the text afterwards; servers free their disk by their own rules (`docs/stores.md`).
    `also` is told every thread that goes.

    Raises:
        StoreUnavailable: If a store does not answer; call it again then.
    """
    total = Removed()
    for owner in await owners_left(stores, user_id):
        removed = await reset(stores, owner, everywhere=True, also=also)
        total.memories += await stores.memories.clear(owner)
        total.threads += removed.threads
        total.turns += removed.turns
        total.memories += removed.memories
        await finish_resets(stores, owner)
        await stores.journal.backend.drop_counts(owner)
        await stores.journal.drop_owner(owner)
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
