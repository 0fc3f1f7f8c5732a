"""On which threads an owner began runs, in Redis: a reset also finds those the journal lists not.

A hash an owner, written in the same round trip as what is said, and before it. The thread's hash
names the owner of the newest run too.
"""

from collections.abc import Collection

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from stores.redis.checkpoint_layout import plain, safe
from stores.redis.connection import answered, every
from stores.redis.key_kinds import MANY, without_strange


def begun_key(owner_key: str) -> str:
    """Return the key of the hash that names the threads on which an owner began runs."""
    return f"mnemo:{{{owner_key}}}:begun"


def owner_in(stored: bytes) -> str:
    """Return the owner that a thread's hash names; earlier versions put the run behind it."""
    return stored.decode(errors="replace").partition(":")[0]


def list_in(pipe: Pipeline, owner_key: str, thread_id: str) -> None:
    """List a thread under the owner who begins a run on it."""
    pipe.hset(begun_key(owner_key), safe(thread_id), "")


class BegunRuns:
    """The threads on which owners began runs. Failures raise `StoreUnavailable`."""

    _client: Redis

    async def begun_by(self, owner_key: str) -> set[str]:
        """Return the threads on which an owner began runs, listed in the journal or not."""
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.hkeys(begun_key(owner_key))
            (threads,) = await answered(without_strange(pipe))
        return {plain(thread.decode(errors="replace")) for thread in threads or ()}

    async def drop_begun(self, owner_key: str, threads: Collection[str]) -> None:
        """Forget that an owner began runs on some threads."""
        async with self._client.pipeline(transaction=False) as pipe:
            for thread_id in threads:
                pipe.hdel(begun_key(owner_key), safe(thread_id))
            await answered(without_strange(pipe))

    async def owners_that_began(self, user_key: str) -> set[str]:
        """Return the keys of a user's owners that began a run on any thread."""
        keys = self._client.scan_iter(match=begun_key(f"{user_key}-*"), count=MANY)
        owned = await answered(every(keys))
        return {key.decode(errors="replace").split("{")[1].split("}")[0] for key in owned}
