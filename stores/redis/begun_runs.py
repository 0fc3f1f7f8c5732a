"""On which threads an owner began runs, in Redis: a reset also finds those the journal lists not.

A hash an owner, written in the same round trip as what is said, and before it. Each run is listed
anew under a name of its own: what drops one that is deleted leaves one that began meanwhile. The
thread's hash names the newest too.
"""

from collections.abc import Mapping
from typing import NamedTuple, Self
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from stores.redis.checkpoint_layout import plain, safe
from stores.redis.connection import answered, every
from stores.redis.key_kinds import MANY, without_strange

DROP = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
"""


def begun_key(owner_key: str) -> str:
    """Return the key of the hash that names the threads on which an owner began runs."""
    return f"mnemo:{{{owner_key}}}:begun"


class Begun(NamedTuple):
    """A run that an owner begins."""

    owner_key: str
    name: str

    def __str__(self) -> str:
        """Return how the thread's hash names it."""
        return f"{self.owner_key}:{self.name}"

    @classmethod
    def by(cls, owner_key: str) -> Self:
        """Give a run a name of its own."""
        return cls(owner_key, uuid4().hex)

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Read what a thread's hash names; it may be empty."""
        owner_key, _, name = text.decode(errors="replace").partition(":")
        return cls(owner_key, name)

    def list_in(self, pipe: Pipeline, thread_id: str) -> None:
        """List it, and its thread, under its owner."""
        pipe.hset(begun_key(self.owner_key), safe(thread_id), self.name)


async def unlist(client: Redis, owner_key: str, begun: Mapping[str, str]) -> None:
    """Forget that runs of an owner began, by thread, save where another began since.

    Raises:
        StoreUnavailable: If Redis does not answer.
    """
    async with client.pipeline(transaction=False) as pipe:
        for thread_id, name in begun.items():
            pipe.eval(DROP, 1, begun_key(owner_key), safe(thread_id), name)
        await answered(without_strange(pipe))


async def begun_by(client: Redis, owner_key: str) -> dict[str, str]:
    """Return the last run that an owner began on each thread.

    Raises:
        StoreUnavailable: If Redis does not answer.
    """
    async with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(begun_key(owner_key))
        (begun,) = await answered(without_strange(pipe))
    texts = {
        key.decode(errors="replace"): name.decode(errors="replace")
        for key, name in (begun or {}).items()
    }
    return {plain(thread): name for thread, name in texts.items()}


async def owners_that_began(client: Redis, user_key: str) -> set[str]:
    """Return the keys of a user's owners that began a run on any thread.

    Raises:
        StoreUnavailable: If Redis does not answer.
    """
    keys = client.scan_iter(match=begun_key(f"{user_key}-*"), count=MANY)
    owned = await answered(every(keys))
    return {key.decode(errors="replace").split("{")[1].split("}")[0] for key in owned}
