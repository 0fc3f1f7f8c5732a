"""A thread's checkpoints in Redis, read and written as rows. Decides nothing, parses nothing else.

Whatever is listed, copied, pruned or deleted is found in the thread's sorted set, which is written
together with the rows; the search index only answers what crosses threads: which checkpoints a
run wrote. The library's way, to search for a thread, merges threads that differ in case and
misses what the index does not hold.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.commands.search.field import TagField
from redis.commands.search.index_definition import IndexDefinition, IndexType
from redis.commands.search.query import Query
from redis.exceptions import RedisError, ResponseError

from stores.checkpoint_pruning import Saved
from stores.redis.checkpoint_layout import (
    CHECKPOINT_KEYS,
    THREAD_KEYS,
    Fields,
    Held,
    Place,
    checkpoint_member,
    checkpoint_range,
    held,
    key,
    named_key,
    namespace_range,
    place_of,
    prefix,
    readdressed,
    run_tag,
    thread_key,
    thread_of,
    writes_member,
)
from stores.redis.connection import failed

INDEX = "mnemo:checkpoint"
PAGE = 16
"""How many checkpoints one round trip copies."""
MANY = 1000
"""How many rows one round trip deletes."""

TOUCH = """
local seconds = tonumber(ARGV[1])
local function touch(key)
  if seconds > 0 then redis.call('EXPIRE', key, seconds) else redis.call('PERSIST', key) end
end
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local kind, place = string.match(member, '^(%a+):([^:]*:[^:]*)')
  touch((kind == 'writes' and ARGV[3] or ARGV[2]) .. place)
end
touch(KEYS[1])
"""

Row = tuple[Place, Mapping[bytes, bytes], Mapping[bytes, bytes]]
"""A place, the fields of the checkpoint there, and those of its pending writes."""


class CheckpointRows:
    """The rows of all threads. Failures raise `StoreUnavailable`."""

    def __init__(self, client: Redis, seconds: int) -> None:
        """Use a connected client; rows live `seconds` after their thread's last use, 0 for ever."""
        self._client = client
        self._seconds = seconds

    async def make_index(self) -> None:
        """Make the search index if it is missing.

        Raises:
            redis.exceptions.ResponseError: If this Redis has no Search.
        """
        definition = IndexDefinition(  # type: ignore[no-untyped-call]  # redis has no types here
            prefix=[CHECKPOINT_KEYS], index_type=IndexType.HASH
        )
        try:
            await self._client.ft(INDEX).create_index([TagField("run")], definition=definition)
        except ResponseError as error:
            if "already exists" not in str(error):
                raise

    async def put(self, thread_id: str, saved: Saved, fields: Fields) -> Saved | None:
        """Write a checkpoint; return the one it followed, if that is still held."""
        members = thread_key(thread_id)
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.zrangebylex(members, *checkpoint_range(saved.namespace, saved.parent))
            pipe.zremrangebylex(members, *checkpoint_range(saved.namespace, saved.id))
            pipe.zadd(members, {checkpoint_member(saved): 0})
            place = Place(thread_id, saved.namespace, saved.id)
            pipe.hset(key("checkpoint", place), mapping=fields)
            self._keep(pipe, members, key("checkpoint", place))
            parent, *_ = await self._answer(pipe.execute())
        return next(iter(held(parent).checkpoints.values()), None)

    async def put_writes(self, place: Place, fields: Fields, *, replace: bool) -> None:
        """Write what a task wrote; without `replace`, fields that are there stay."""
        members, home = thread_key(place.thread_id), key("writes", place)
        async with self._client.pipeline(transaction=True) as pipe:
            write = pipe.hset if replace else pipe.hsetnx
            for field, value in fields.items():
                write(home, field, value)
            pipe.zadd(members, {writes_member(place.namespace, place.id): 0})
            self._keep(pipe, members, home)
            await self._answer(pipe.execute())

    async def threads(self) -> AsyncIterator[str]:
        """Yield every thread that holds anything."""
        async for found in self._client.scan_iter(match=f"{THREAD_KEYS}*", count=MANY):
            yield thread_of(found.decode())

    async def newest(self, thread_id: str, namespace: str) -> str | None:
        """Return the id of the newest checkpoint of a namespace; None if there is none."""
        lowest, highest = namespace_range(namespace)
        call = self._client.zrevrangebylex(thread_key(thread_id), highest, lowest, 0, 1)
        found = held(await self._answer(call)).checkpoints.values()
        return next((saved.id for saved in found), None)

    async def held(self, thread_id: str) -> Held:
        """Return what a thread holds."""
        return held(await self._answer(self._client.zrange(thread_key(thread_id), 0, -1)))

    async def read(self, places: Sequence[Place]) -> list[Row]:
        """Return the checkpoints at some places; one that expired or was deleted is left out.

        All that their threads hold lives as long again as if it were new.
        """
        async with self._client.pipeline(transaction=False) as pipe:
            for place in places:
                pipe.hgetall(key("checkpoint", place))
                pipe.hgetall(key("writes", place))
            for thread_id in {place.thread_id for place in places}:
                prefixes = (prefix("checkpoint", thread_id), prefix("writes", thread_id))
                pipe.eval(TOUCH, 1, thread_key(thread_id), self._seconds, *prefixes)
            found = await self._answer(pipe.execute())
        rows = zip(places, found[::2], found[1::2], strict=False)
        return [(place, fields, writes) for place, fields, writes in rows if fields]

    async def drop(self, thread_id: str, members: Sequence[str]) -> None:
        """Delete what some members of a thread's sorted set name."""
        for start in range(0, len(members), MANY):
            some = members[start : start + MANY]
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.unlink(*(named_key(thread_id, member) for member in some))
                pipe.zrem(thread_key(thread_id), *some)
                await self._answer(pipe.execute())

    async def drop_thread(self, thread_id: str) -> None:
        """Delete all a thread holds, until nothing is left, also of what is added meanwhile."""
        while found := await self._answer(self._client.zrange(thread_key(thread_id), 0, MANY - 1)):
            await self.drop(thread_id, [member.decode() for member in found])

    async def drop_run(self, run_id: str) -> None:
        """Delete what a run wrote, in whatever thread, until nothing is left."""
        await self._answer(self.make_index())  # gone if someone flushed this Redis meanwhile
        query = Query(f"@run:{{{run_tag(run_id)}}}").no_content().paging(0, MANY)
        while found := (await self._answer(self._client.ft(INDEX).search(query))).docs:
            async with self._client.pipeline(transaction=False) as pipe:
                for place in (place_of(document.id) for document in found):
                    members = thread_key(place.thread_id)
                    pipe.unlink(key("checkpoint", place), key("writes", place))
                    pipe.zremrangebylex(members, *checkpoint_range(place.namespace, place.id))
                    pipe.zrem(members, writes_member(place.namespace, place.id))
                await self._answer(pipe.execute())

    async def copy(self, serde: SerializerProtocol, source: str, target: str) -> None:
        """Copy all that a thread holds to another, oldest first."""
        found = await self.held(source)
        named = found.checkpoints | found.writes
        members = sorted(named, key=lambda member: named[member].id)
        for start in range(0, len(members), PAGE):
            await self._copy(serde, source, target, members[start : start + PAGE])

    async def _copy(
        self, serde: SerializerProtocol, source: str, target: str, members: Sequence[str]
    ) -> None:
        async with self._client.pipeline(transaction=False) as pipe:
            for member in members:
                pipe.hgetall(named_key(source, member))
            rows = await self._answer(pipe.execute())
        async with self._client.pipeline(transaction=True) as pipe:
            for member, row in zip(members, rows, strict=True):
                if row:
                    fields = readdressed(serde, row, target)
                    pipe.hset(named_key(target, member), mapping=fields)
                    pipe.zadd(thread_key(target), {member: 0})
                    self._keep(pipe, thread_key(target), named_key(target, member))
            await self._answer(pipe.execute())

    def _keep(self, pipe: Pipeline, *keys: str) -> None:
        for one in keys:
            if self._seconds:
                pipe.expire(one, self._seconds)
            else:
                pipe.persist(one)

    async def _answer(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except (RedisError, OSError) as error:
            raise failed(error) from error
