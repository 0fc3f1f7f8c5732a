"""Forgetting an owner, or a user, as every channel does it: in the stores and beside them."""

import asyncio
from functools import partial
from pathlib import Path

from domain.owner import Owner
from service.ops.thread_records import drop_records, renew_records
from service.prompt_history import forget_history
from stores.maintenance.erase import Removed, forget, owners_left, reset
from stores.open import Stores


async def reset_owner(stores: Stores, data_dir: Path, owner: Owner) -> Removed:
    """Forget all that was said with one character, also what is in flight.

    Raises:
        StoreUnavailable: If a store does not answer; call it again then.
    """
    removed = await reset(stores, owner, also=renew_records)
    await asyncio.to_thread(forget_history, data_dir, owner)
    return removed


async def forget_user(stores: Stores, data_dir: Path, user: str) -> Removed:
    """Forget a user: every conversation with every character, and what they cost.

    Raises:
        StoreUnavailable: If a store does not answer; call it again then.
    """
    owners = await owners_left(stores, user)
    try:
        removed = await forget(stores, user, also=partial(drop_records, user))
    finally:
        await drop_records(user, ())
    for owner in owners:
        await stores.journal.backend.drop_counts(owner)  # A run that ended late was charged.
        await asyncio.to_thread(forget_history, data_dir, owner)
    return removed
