"""What is left to do when a conversation ends: facts of turns that were too few to be read yet."""

import asyncio

from domain.owner import Owner
from graph.remember import run
from models.errors import ModelError
from nodes.state import Parts
from stores.errors import StoreUnavailable

SECONDS = 30.0
"""How long noting facts may hold up who leaves; a language model takes a few of them."""


async def unread(parts: Parts, owner: Owner, tier: str | None) -> int:
    """Return how many turns no facts were drawn from yet; 0 where the tier has none.

    Raises:
        StoreUnavailable: If the journal does not answer.
    """
    view = await parts.stores.journal.read(owner)
    return view.seq - view.cursor if parts.settings.tier(tier).remembers else 0


async def note_facts(
    parts: Parts, owner: Owner, tier: str | None, seconds: float | None = SECONDS
) -> list[str] | None:
    """Draw facts from all turns that are left; None where that has to wait for the next start.

    It may take so many `seconds`; None where nobody waits for it.

    Returns:
        The texts of the facts that are new.
    """
    try:
        async with asyncio.timeout(seconds):
            done = await run(parts, owner, tier=tier, facts_only=True)
            return list(done["facts_added"]) if done else None  # Others are at it already.
    except (TimeoutError, ModelError, StoreUnavailable):
        return None
