"""Whose the threads and journals in Redis are: the readable ids of owners, which no digest gives.

An owner is listed among all owners and among those of its user; either list makes up for the other.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis

from domain.owner import NamelessOwner, Owner, digest, owner_from_json, owner_to_json, owners_in
from stores.redis.connection import StrangeKey, answered, every
from stores.redis.key_kinds import MANY, over_strange, without_strange

T = TypeVar("T")
OWNERS = "mnemo:owners"
"""The hash of every owner's readable ids."""
USERS = "mnemo:user:"
"""What the keys of the same by user begin with."""


class OwnerIndex:
    """Owners by user and by thread. Failures raise `StoreUnavailable`."""

    def __init__(self, client: Redis) -> None:
        """Use a connected client."""
        self._redis = client

    async def _write(self, keys: Sequence[str], call: Callable[[], Awaitable[T]]) -> T:
        return await over_strange(self._redis, keys, lambda: answered(call()))

    async def note_owner(self, owner: Owner, thread: str) -> None:
        """Record that `thread` belongs to `owner`, with the readable ids."""
        try:
            await self._note([owner], thread)
        except StrangeKey:
            # Either list is made anew from the other.
            owners = {*await self.owners(), *await self.owners_of(owner.user_id), owner}
            keys = [OWNERS, *(f"{USERS}{other.user_key}" for other in owners)]
            await self._write(keys, lambda: self._note(owners, thread))

    async def _note(self, owners: Iterable[Owner], thread: str) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for owner in owners:
                pipe.hset(OWNERS, owner.key, owner_to_json(owner))
                pipe.hset(f"{USERS}{owner.user_key}", owner.key, owner_to_json(owner))
            pipe.set(_thread_key(thread), owner_to_json(owner))
            await answered(pipe.execute())

    async def drop_thread(self, thread: str) -> None:
        """Forget whom a thread belongs to."""
        await answered(self._redis.delete(_thread_key(thread)))

    async def drop_owner(self, owner: Owner) -> None:
        """Forget the readable ids of an owner."""
        user = f"{USERS}{owner.user_key}"

        async def drop() -> None:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hdel(OWNERS, owner.key)
                pipe.hdel(user, owner.key)
                await pipe.execute()

        await self._write([OWNERS, user], drop)

    async def thread_owner(self, thread: str) -> Owner | None:
        """Return whom a thread belongs to; None before its first turn."""
        return _owner(await answered(self._redis.get(_thread_key(thread))))

    async def threads_of_owner(self, owner: Owner, threads: Sequence[str]) -> list[str]:
        """Return those of some threads that belong to an owner."""
        if not threads:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:  # They lie in many slots.
            for thread in threads:
                pipe.get(_thread_key(thread))
            texts = await answered(without_strange(pipe))
        owners = [_owner(text) for text in texts]
        return [t for t, of in zip(threads, owners, strict=True) if of and of.key == owner.key]

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


def _owner(text: Any) -> Owner | None:
    return owner_from_json(text.decode(errors="replace")) if text else None


def _thread_key(thread: str) -> str:
    return f"mnemo:thread:{digest(thread)}"
