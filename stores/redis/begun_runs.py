"""On which threads an owner began runs, in Redis: a reset also finds those the journal lists not.

A set an owner, written in the same round trip as what is said, and before it. The thread's hash
names the owner too, so that the set forgets a thread that is deleted.
"""

from collections.abc import Collection

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from stores.redis.checkpoint_layout import plain, safe
from stores.redis.connection import answered, every
from stores.redis.key_kinds import MANY, without_strange


def begun_key(owner_key: str) -> str:
    """Return the key of the set that names the threads on which an owner began runs."""
    return f"mnemo:{{{owner_key}}}:begun"


def begun_keys(owner_key: str | None) -> list[str]:
    """Return the same as a list, which is empty where nobody begins a run."""
    return [] if owner_key is None else [begun_key(owner_key)]


def list_begun(pipe: Pipeline, thread_id: str, owner_key: str | None) -> None:
    """List a thread under the owner who begins a run on it; None lists nothing."""
    if owner_key is not None:
        pipe.sadd(begun_key(owner_key), safe(thread_id))


async def unlist(client: Redis, owner_key: str, threads: Collection[str]) -> None:
    """Forget that an owner's runs began on threads which are deleted.

    Raises:
        StoreUnavailable: If Redis does not answer.
    """
    async with client.pipeline(transaction=False) as pipe:
        for thread_id in threads:
            pipe.srem(begun_key(owner_key), safe(thread_id))
        await answered(without_strange(pipe))


async def begun_by(client: Redis, owner_key: str) -> set[str]:
    """Return the threads on which an owner began runs.

    Raises:
        StoreUnavailable: If Redis does not answer.
    """
    async with client.pipeline(transaction=False) as pipe:
        pipe.smembers(begun_key(owner_key))
        (threads,) = await answered(without_strange(pipe))
    return {plain(thread.decode(errors="replace")) for thread in threads or ()}


async def owners_that_began(client: Redis, user_key: str) -> set[str]:
    """Return the keys of a user's owners that began a run on any thread.

    Raises:
        StoreUnavailable: If Redis does not answer.
    """
    keys = client.scan_iter(match=begun_key(f"{user_key}-*"), count=MANY)
    found = await answered(every(keys))
    return {key.decode(errors="replace").split("{")[1].split("}")[0] for key in found}
