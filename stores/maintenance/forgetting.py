"""Forgets statements of an owner: facts become tombstones, and turns are withheld from prompts.

What a wish reaches is decided in `domain/facts/forgetting.py`; here it is read and written.
"""

import asyncio
from datetime import datetime

from domain.facts.facts import delete
from domain.facts.forgetting import Reach, Wanted, reach
from domain.journal import JournalView
from domain.owner import Owner
from stores.errors import GenerationMoved
from stores.open import Stores

_ROUNDS = 5
"""How often is looked again at most, while others go on talking."""


async def reached_by(stores: Stores, owner: Owner, generation: str | None, wanted: Wanted) -> Reach:
    """Return what `forget` would reach; nothing is changed.

    Raises:
        GenerationMoved: If the owner was reset meanwhile.
        StoreUnavailable: If a store does not answer.
    """
    view = await stores.journal.read(owner)
    if view.generation != generation:
        raise GenerationMoved
    return await _reached(stores, owner, view, wanted)


async def _reached(stores: Stores, owner: Owner, view: JournalView, wanted: Wanted) -> Reach:
    rows = await stores.memories.all(owner, view.generation)
    turns = {turn.id: turn for episode in rows.episodes for turn in episode.turns} | view.turns
    return await asyncio.to_thread(reach, rows.facts, turns, rows.episodes, rows.entities, wanted)


async def forget(
    stores: Stores, owner: Owner, generation: str | None, wanted: Wanted, *, now: datetime
) -> Reach:
    """Forget facts, statements and turns; return what was reached.

    The turns are withheld first, so that whatever fails afterwards tells nothing, and the same
    call can be repeated.

    Raises:
        GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
        StoreUnavailable: If a store does not answer.
    """
    view = await stores.journal.read(owner)
    for _ in range(_ROUNDS):
        if view.generation != generation:
            raise GenerationMoved
        reached = await _reached(stores, owner, view, wanted)
        if not reached.withheld and not reached.facts:
            return reached
        forgotten = dict.fromkeys(reached.withheld - reached.removed, reached.statements)
        read = view
        view = await stores.journal.withhold(owner, generation, reached.withheld, forgotten)
        if (read.seq, read.rows) == (view.seq, view.rows):
            break  # Nobody said or summarized anything meanwhile.
    written = [*(delete(fact, now) for fact in reached.facts), *reached.rest]
    if written:
        await stores.write_and_tell(owner, generation, *written)
    return reached
