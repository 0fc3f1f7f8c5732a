"""Writes what a run remembers: whole, also where the run is cancelled, and not past a reset."""

import asyncio

from domain.owner import Owner
from domain.rows import Memory
from nodes.state import Parts


async def keep(parts: Parts, owner: Owner, generation: str | None, *records: Memory) -> None:
    """Write records. Where the run is cancelled meanwhile, see that write to its end first.

    A store that was asked to write does so, whoever still waits for it: a reset that follows on
    a cancelled run must find all of it, and one that went before must not be written after.

    Raises:
        StoreUnavailable: If the store does not answer.
        ModelError: If the texts cannot be embedded.
    """
    writing = asyncio.create_task(parts.stores.memories.put(owner, generation, *records))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        if (await parts.stores.journal.read(owner)).generation != generation:
            await parts.stores.memories.clear(owner, generation)
        raise
