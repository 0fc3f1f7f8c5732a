"""Which kind of value each of our keys in Redis holds, and what is done where it holds another.

Another program wrote it over ours: what was there is lost, so whoever writes there deletes it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from stores.redis.connection import StrangeKey, answered, every

T = TypeVar("T")
MANY = 1000
"""How many keys one scan looks at, and one round trip asks about."""
_STRINGS = ("mnemo:thread:", "mnemo:mark:", "mnemo:answering:", "mnemo:checkpoint-deleted:")
_HASHES = ("mnemo:owners", "mnemo:user:", "mnemo:checkpoint-rows:")
_KINDS = {"generation": "string", "generations": "set", "book": "hash", "turns": "hash"}
_KINDS |= dict.fromkeys(("threads", "summaries", "counts", "begun"), "hash")
"""By how a key of an owner ends."""


def kind_of(key: str) -> str | None:
    """Return the kind of value that a key of ours holds; None where it may be any."""
    if key.startswith(_STRINGS):
        return "string"
    if key.startswith(_HASHES):
        return "hash"
    if key.startswith("mnemo:checkpoint-run:"):
        return "set"
    return _KINDS.get(key.rpartition(":")[2]) if key.startswith("mnemo:{") else None


async def strange_keys(client: Redis, keys: Sequence[str] | None = None) -> AsyncIterator[str]:
    """Yield those of some keys, by default of all, that hold another kind of value than ours.

    Raises:
        StoreUnavailable: If Redis does not answer.
    """
    names = list(keys or ())
    if keys is None:
        scanned = client.scan_iter(match="mnemo:*", count=MANY)
        names = await answered(every(name.decode(errors="replace") async for name in scanned))
    for start in range(0, len(names), MANY):
        some = names[start : start + MANY]
        async with client.pipeline(transaction=False) as pipe:
            for key in some:
                pipe.type(key)
            for key, kind in zip(some, await answered(pipe.execute()), strict=True):
                if kind.decode() not in ("none", kind_of(key) or kind.decode()):
                    yield key


async def over_strange(client: Redis, keys: Sequence[str], call: Callable[[], Awaitable[T]]) -> T:
    """Return what a call answers that writes to some keys, once those that are not ours are gone.

    Raises:
        StoreUnavailable: If Redis does not answer, or refuses otherwise.
    """
    try:
        return await call()
    except StrangeKey:
        if strange := [key async for key in strange_keys(client, keys)]:
            await answered(client.unlink(*strange))
        return await call()


async def without_strange(pipe: Pipeline) -> list[Any]:
    """Return what a pipeline answers; None of a key that holds another kind of value.

    Raises:
        redis.exceptions.RedisError: If Redis does not answer, or refuses otherwise.
    """
    answers = await pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception) and "WRONGTYPE" not in str(answer):
            raise answer
    return [None if isinstance(answer, Exception) else answer for answer in answers]
