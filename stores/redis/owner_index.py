"""Whose the threads and journals in Redis are: the readable ids of owners, which no digest gives.

An owner is listed among all owners and among those of its user; either list makes up for the other.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis

from domain.owner import (
    Holder,
    NamelessOwner,
    Owner,
    digest,
    listed_owner,
    owner_to_json,
    owners_in,
)
from stores.redis.connection import StrangeKey, answered, every
from stores.redis.key_kinds import MANY, over_strange, without_strange

T = TypeVar("T")
OWNERS = "mnemo:owners"
"""The hash of every owner's readable ids."""
USERS = "mnemo:user:"
"""What the keys of the same by user begin with."""
THREADS = "mnemo:thread:"
"""What the keys begin with that say whom a thread belongs to."""
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
        """Forget whom threads belong to, save where another holder was noted meanwhile.

        What cannot be read goes too.
        """
        keys = [_thread_key(thread) for thread in holders]
        stored = await self._texts(keys)
        async with self._redis.pipeline(transaction=False) as pipe:
            for key, holder, text in zip(keys, holders.values(), stored, strict=True):
                read = _holder(text)
                pipe.eval(DROP_HOLDER, 1, key, holder.to_json() if read else text or b"")
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
        texts = await self._texts([_thread_key(thread) for thread in threads])
        read = map(_holder, texts)
        return {t: holder for t, holder in zip(threads, read, strict=True) if holder}

    async def _texts(self, keys: Sequence[Any]) -> list[bytes | None]:
        """Return what stands under some keys."""
        async with self._redis.pipeline(transaction=False) as pipe:  # They lie in many slots.
            for key in keys:
                pipe.get(key)
            texts: list[bytes | None] = await answered(without_strange(pipe))
        return texts

    async def damaged(self) -> AsyncGenerator[str | None]:
        """Yield the name of each row that cannot be read, None for each that can."""
        users = await answered(every(self._redis.scan_iter(match=f"{USERS}*", count=MANY)))
        for row in await self._rows([OWNERS, *users]):
            for key, text in _texts_of(row).items():
                yield None if listed_owner(key, text) else f"the name of owner {key}"
        threads = await answered(every(self._redis.scan_iter(match=f"{THREADS}*", count=MANY)))
        for start in range(0, len(threads), MANY):
            some = threads[start : start + MANY]
            for key, stored in zip(some, await self._texts(some), strict=True):
                thread = key.decode(errors="replace").removeprefix(THREADS)
                yield f"the owner of thread {thread}" if stored and not _holder(stored) else None

    async def owners(self) -> list[Owner]:
        """Return every owner that has a journal."""
        if owners := await self._listed([OWNERS]):
            return owners
        users = self._redis.scan_iter(match=f"{USERS}*", count=MANY)
        return await self._listed(await answered(every(users)))

    async def some_owners(self, most: int) -> list[Owner]:
        """Return so many owners that have a journal, or all there are, in no order."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hrandfield(OWNERS, most, withvalues=True)
            pairs: list[bytes] = (await answered(without_strange(pipe)))[0] or []
        return _owners(dict(zip(pairs[::2], pairs[1::2], strict=True)))

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
        return [owner for row in await self._rows(keys) for owner in _owners(row)]

    async def _rows(self, keys: Sequence[Any]) -> list[Mapping[bytes, bytes]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hgetall(key)
            stored: list[dict[bytes, bytes] | None] = await answered(without_strange(pipe))
        return [row or {} for row in stored]


def _owners(row: Mapping[bytes, bytes]) -> list[Owner]:
    return owners_in(_texts_of(row))


def _texts_of(row: Mapping[bytes, bytes]) -> dict[str, str]:
    return {
        key.decode(errors="replace"): text.decode(errors="replace")
        for key, text in sorted(row.items())
    }


def _holder(stored: bytes | None) -> Holder | None:
    return Holder.from_json((stored or b"").decode(errors="replace"))


def _thread_key(thread: str) -> str:
    return f"{THREADS}{digest(thread)}"
