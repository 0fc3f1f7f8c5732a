"""Whose the threads and journals in Redis are: the readable ids of owners, which no digest gives.

An owner is listed among all owners and among those of its user; either list makes up for the other.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis

from domain.owner import Holder, NamelessOwner, Owner, digest, owner_to_json, owners_in
from stores.redis.connection import StrangeKey, answered, every
from stores.redis.key_kinds import MANY, over_strange, without_strange

T = TypeVar("T")
OWNERS = "mnemo:owners"
"""The hash of every owner's readable ids."""
USERS = "mnemo:user:"
"""What the keys of the same by user begin with."""
DROP_HOLDER = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""
"""Deletes a thread's holder where it is the one that was read."""


class OwnerIndex:
    """Owners by user and by thread. Failures raise `StoreUnavailable`."""

    def __init__(self, client: Redis) -> None:
        """Use a connected client."""
        self._redis = client

    async def _write(self, keys: Sequence[str], call: Callable[[], Awaitable[T]]) -> T:
        return await over_strange(self._redis, keys, lambda: answered(call()))

    async def note_holder(self, thread: str, holder: Holder) -> None:
        """Record whom a thread belongs to, with the readable ids."""
        owner = holder.owner
        try:
            await self._note(thread, holder, [owner])
        except StrangeKey:
            # Either list is made anew from the other.
            owners = {*await self.owners(), *await self.owners_of(owner.user_id), owner}
            keys = [OWNERS, *(f"{USERS}{other.user_key}" for other in owners)]
            await self._write(keys, lambda: self._note(thread, holder, owners))

    async def _note(self, thread: str, holder: Holder, owners: Iterable[Owner]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for owner in owners:
                pipe.hset(OWNERS, owner.key, owner_to_json(owner))
                pipe.hset(f"{USERS}{owner.user_key}", owner.key, owner_to_json(owner))
            pipe.set(_thread_key(thread), holder.to_json())
            await answered(pipe.execute())

    async def drop_holders(self, holders: Mapping[str, Holder]) -> None:
        """Forget whom threads belong to, save where another holder was noted meanwhile."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for thread, holder in holders.items():
                pipe.eval(DROP_HOLDER, 1, _thread_key(thread), holder.to_json())
            await answered(without_strange(pipe))

    async def drop_owner(self, owner: Owner) -> None:
        """Forget the readable ids of an owner."""
        user = f"{USERS}{owner.user_key}"

        async def drop() -> None:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hdel(OWNERS, owner.key)
                pipe.hdel(user, owner.key)
                await pipe.execute()

        await self._write([OWNERS, user], drop)

    async def holders(self, threads: Sequence[str]) -> dict[str, Holder]:
        """Return whom some threads belong to; one that nobody has spoken on is left out."""
        async with self._redis.pipeline(transaction=False) as pipe:  # They lie in many slots.
            for thread in threads:
                pipe.get(_thread_key(thread))
            texts: list[bytes | None] = await answered(without_strange(pipe))
        read = [Holder.from_json((text or b"").decode(errors="replace")) for text in texts]
        return {t: holder for t, holder in zip(threads, read, strict=True) if holder}

    async def owners(self) -> list[Owner]:
        """Return every owner that has a journal."""
        if owners := await self._listed([OWNERS]):
            return owners
        users = self._redis.scan_iter(match=f"{USERS}*", count=MANY)
        return await self._listed(await answered(every(users)))

    async def owners_of(self, user_id: str) -> list[Owner]:
        """Return every owner of one user that has a journal, without reading other users'."""
        user = digest(user_id)
        if owners := await self._listed([f"{USERS}{user}"]):
            return owners
        try:  # Written before owners were listed by user, or lost.
            rows = self._redis.hscan_iter(OWNERS, match=f"{user}-*", count=MANY)
            return _owners(dict(await answered(every(rows))))
        except StrangeKey:
            return []

    async def owners_left(self, user_id: str) -> list[Owner]:
        """Return every owner of one user that any key is there of, looking at all there are."""
        user, owners = digest(user_id), await self.owners_of(user_id)
        ids = {owner.key: owner for owner in await self.owners() if owner.user_key == user}
        ids |= {owner.key: owner for owner in owners}
        keys = self._redis.scan_iter(match=f"mnemo:{{{user}-*", count=MANY)
        for key in await answered(every(keys)):
            name = key.decode(errors="replace").partition("{")[2].partition("}")[0]
            ids.setdefault(name, NamelessOwner(user_id, name.removeprefix(f"{user}-")))
        return [ids[key] for key in sorted(ids)]

    async def _listed(self, keys: Sequence[Any]) -> list[Owner]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hgetall(key)
            stored: list[dict[bytes, bytes] | None] = await answered(without_strange(pipe))
        return [owner for row in stored for owner in _owners(row or {})]


def _owners(row: Mapping[bytes, bytes]) -> list[Owner]:
    return owners_in(text.decode(errors="replace") for _, text in sorted(row.items()))


def _thread_key(thread: str) -> str:
    return f"mnemo:thread:{digest(thread)}"
