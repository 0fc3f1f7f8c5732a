"""A thread's checkpoints in Redis, read and written as rows. Decides nothing, parses nothing else.

Reading a thread's newest checkpoint with its writes is one round trip, and so is writing one and
deleting those that it makes needless.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from langgraph.checkpoint.serde.base import SerializerProtocol
from redis.asyncio import Redis

from stores.checkpoint_pruning import Saved
from stores.redis.begun_runs import begun_keys, list_begun, unlist
from stores.redis.checkpoint_layout import (
    OWNER,
    ROWS,
    Fields,
    Names,
    fields_of,
    names_of,
    newest_field,
    place_prefix,
    readdressed,
    rows_key,
    run_key,
    run_member,
    run_of,
    run_places,
    safe,
    thread_of,
)
from stores.redis.connection import answered
from stores.redis.key_kinds import over_strange, without_strange
from stores.redis.old_checkpoints import OLD_KEYS, old_key, old_rows, old_thread

PAGE = 16
"""How many checkpoints one round trip reads or copies."""
MANY = 1000
"""How many fields one round trip deletes, and keys one scan looks at."""
RUN_SECONDS = 30 * 24 * 3600
"""How long a run can be rolled back where checkpoints live for ever."""
NO_ID = "-"
"""The id of no checkpoint: a reading of it brings the names alone."""

_TOUCH = """
local function touch(key, seconds)
  if tonumber(seconds) > 0 then redis.call('EXPIRE', key, seconds)
  else redis.call('PERSIST', key) end
end
"""
_NEWEST = """
local function newest(key, namespace)
  local start, last = 'checkpoint:' .. namespace .. ':', ''
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if name:sub(1, #start) == start then
      local id = name:sub(#start + 1):match('^[^:]*')
      if id > last then last = id end
    end
  end
  return last
end
"""
READ = (
    _TOUCH
    + _NEWEST
    + """
if redis.call('EXISTS', KEYS[2]) == 1 then return {'old'} end
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return {'', {}, {}, ''} end
local names = redis.call('HKEYS', KEYS[1])
touch(KEYS[1], ARGV[1])
local id = ARGV[3]
if id == '' then id = newest(KEYS[1], ARGV[2]) end
local place = ARGV[2] .. ':' .. id .. ':'
local fields = {}
for _, name in ipairs(names) do
  local kind = name:match('^(%a+):')
  if (kind == 'checkpoint' or kind == 'writes') and name:sub(#kind + 2, #kind + 1 + #place) == place
  then table.insert(fields, name) table.insert(fields, redis.call('HGET', KEYS[1], name)) end
end
return {'', names, fields, redis.call('HGET', KEYS[1], 'newest:' .. ARGV[2]) or ''}
"""
)
"""Keys: the thread's hash, the one of an older version. Arguments: life, namespace, id or ''."""
PUT = (
    _TOUCH
    + """
if redis.call('EXISTS', KEYS[2]) == 1 then return {'old'} end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if name:sub(1, #ARGV[2]) == ARGV[2] then redis.call('HDEL', KEYS[1], name) end
end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
if (redis.call('HGET', KEYS[1], ARGV[5]) or '') < ARGV[6] then
  redis.call('HSET', KEYS[1], ARGV[5], ARGV[6])
end
for at = 7, #ARGV do redis.call('HDEL', KEYS[1], ARGV[at]) end
touch(KEYS[1], ARGV[1])
return {'', redis.call('HKEYS', KEYS[1])}
"""
)
"""Arguments: life, what other fields of the same checkpoint begin with, its field and value, the
field of the namespace's newest one, its id, and fields to delete."""
PUT_WRITES = (
    _TOUCH
    + """
local put = ARGV[2] == '1' and 'HSET' or 'HSETNX'
for at = 3, #ARGV, 2 do redis.call(put, KEYS[1], ARGV[at], ARGV[at + 1]) end
touch(KEYS[1], ARGV[1])
"""
)
"""Arguments: life, 1 to write over what is there, and fields with their values."""
DROP = (
    _NEWEST
    + """
for _, name in ipairs(ARGV) do redis.call('HDEL', KEYS[1], name) end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  local namespace = name:match('^newest:(.*)$')
  if namespace then
    local last = newest(KEYS[1], namespace)
    if last == '' then redis.call('HDEL', KEYS[1], name)
    else redis.call('HSET', KEYS[1], name, last) end
  end
end
if redis.call('HLEN', KEYS[1]) == redis.call('HEXISTS', KEYS[1], 'owner') then
  redis.call('DEL', KEYS[1])
end
"""
)


class Reading(NamedTuple):
    """One checkpoint of a thread with its writes, and the names of all the thread holds."""

    names: Names
    field: str | None
    """None where the checkpoint is not there."""
    value: bytes
    writes: dict[str, bytes]
    lost: bool
    """True where the namespace's newest checkpoint should be there and is not."""


class CheckpointRows:
    """The rows of all threads. Failures raise `StoreUnavailable`."""

    def __init__(self, client: Redis, seconds: int) -> None:
        """Use a connected client; rows live `seconds` after their thread's last use, 0 for ever."""
        self._client = client
        self._seconds = seconds
        self._scripts = {script: client.register_script(script) for script in (READ, PUT)}

    async def read(self, thread_id: str, namespace: str, id: str = "") -> Reading:
        """Return a checkpoint, by default the newest; the thread lives as long again as if new."""
        answer = await self._on(thread_id, READ, self._seconds, safe(namespace), safe(id))
        _, names, flat, newest = answer
        fields = dict(zip(map(bytes.decode, flat[::2]), flat[1::2], strict=True))
        field = next((name for name in fields if name.startswith("checkpoint:")), None)
        value = fields.pop(field) if field else b""
        marked = field is not None and field.split(":")[2] == newest.decode()
        lost = not id and bool(newest) and not marked
        return Reading(names_of(names), field, value, fields, lost)

    async def put(
        self,
        thread_id: str,
        saved: Saved,
        field: str,
        value: bytes,
        gone: Sequence[str],
        by: str | None = None,
    ) -> Names:
        """Write a checkpoint and delete the fields `gone`; return what the thread holds then.

        `by` is the key of the owner who begins a run with it.
        """
        run_id = run_of(field)
        args = (
            self._seconds,
            place_prefix("checkpoint", saved.namespace, saved.id),
            field,
            value,
            newest_field(saved.namespace),
            safe(saved.id),
            *gone,
        )
        run = run_id, run_member(thread_id, saved)
        _, names = await self._on(thread_id, PUT, *args, run=run, by=by)
        return names_of(names)

    async def put_writes(
        self, thread_id: str, fields: Fields, by: str | None = None, *, replace: bool
    ) -> None:
        """Write what a task wrote; without `replace`, fields that are there stay.

        `by` is the key of the owner who begins a run with it.
        """
        key = rows_key(thread_id)
        values = [part for field in fields.items() for part in field]

        async def write() -> None:
            async with self._client.pipeline(transaction=False) as pipe:
                list_begun(pipe, thread_id, by)
                pipe.eval(PUT_WRITES, 1, key, self._seconds, int(replace), *values)
                await answered(pipe.execute())

        await over_strange(self._client, [key, *begun_keys(by)], write)

    async def _on(
        self,
        thread_id: str,
        script: str,
        *args: Any,
        run: tuple[str, str] = ("", ""),
        by: str | None = None,
    ) -> list[Any]:
        """Run a script on a thread, which moves over from an older version's rows before."""
        keys = (rows_key(thread_id), old_key(thread_id))
        run_id, member = run

        async def call() -> list[Any]:
            if not run_id and by is None:
                return list(await answered(self._scripts[script](keys=keys, args=args)))
            async with self._client.pipeline(transaction=False) as pipe:
                if run_id:
                    pipe.sadd(run_key(run_id), member)
                    pipe.expire(run_key(run_id), self._seconds or RUN_SECONDS)
                list_begun(pipe, thread_id, by)
                pipe.eval(script, len(keys), *keys, *args)
                answers: list[list[Any]] = await answered(pipe.execute())
            return answers[-1]

        while True:
            all_keys = [*keys, run_key(run_id), *begun_keys(by)]
            answer = await over_strange(self._client, all_keys, call)
            if answer[0] != b"old":
                return answer
            await answered(self._move(thread_id))

    async def _move(self, thread_id: str) -> None:
        """Bring over what an older version wrote of a thread, at once."""
        fields, keys = await old_rows(self._client, thread_id)
        async with self._client.pipeline(transaction=True) as pipe:
            if fields:
                pipe.hset(rows_key(thread_id), mapping=dict(fields.items()))
            pipe.unlink(*keys)
            await pipe.execute()

    async def threads(self) -> AsyncIterator[str]:
        """Yield every thread that holds anything."""
        seen: set[str] = set()
        for match, name in ((f"{ROWS}*", thread_of), (OLD_KEYS, old_thread)):
            async for key in self._client.scan_iter(match=match, count=MANY):
                thread_id = name(key.decode())
                if thread_id not in seen:
                    seen.add(thread_id)
                    yield thread_id

    async def names(self, thread_id: str) -> Names:
        """Return what a thread holds."""
        return (await self.read(thread_id, "", NO_ID)).names

    async def some(self, thread_id: str, fields: Sequence[str]) -> Mapping[str, bytes]:
        """Return some fields of a thread; those that are there no more are left out."""
        if not fields:
            return {}
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.hmget(rows_key(thread_id), list(fields))
            values: list[bytes | None] = (await answered(pipe.execute()))[0]
        return {name: value for name, value in zip(fields, values, strict=True) if value}

    async def drop(self, thread_id: str, fields: Sequence[str]) -> None:
        """Delete fields of a thread; one that holds nothing then is gone."""
        for start in range(0, len(fields), MANY):
            some = fields[start : start + MANY]
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.eval(DROP, 1, rows_key(thread_id), *some)
                for field in some:
                    if field.startswith("checkpoint:") and (run_id := run_of(field)):
                        saved = names_of([field.encode()]).checkpoints[field]
                        pipe.srem(run_key(run_id), run_member(thread_id, saved))
                await answered(without_strange(pipe))

    async def drop_thread(self, thread_id: str) -> None:
        """Delete all a thread holds."""
        names = await self.names(thread_id)
        await self.drop(thread_id, [*names.checkpoints])
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.hget(rows_key(thread_id), OWNER)
            pipe.unlink(rows_key(thread_id))
            by, _ = await answered(without_strange(pipe))
        if by:
            await unlist(self._client, thread_id, by)

    async def drop_run(self, run_id: str) -> None:
        """Delete what a run wrote, in whatever thread."""
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.smembers(run_key(run_id))
            members = (await answered(without_strange(pipe)))[0] or ()
        for thread_id, places in run_places(members).items():
            names = await self.names(thread_id)
            gone = [s for s in names.checkpoints.values() if (s.namespace, s.id) in places]
            await self.drop(thread_id, fields_of(names, gone))
        await answered(self._client.unlink(run_key(run_id)))

    async def copy(self, serde: SerializerProtocol, source: str, target: str) -> None:
        """Copy all that a thread holds to another, oldest first."""
        names = await self.names(source)
        everything = names.checkpoints | names.writes
        fields = sorted(everything, key=lambda field: everything[field].id)
        for start in range(0, len(fields), PAGE):
            rows = await self.some(source, fields[start : start + PAGE])
            for field, value in rows.items():
                if field in names.checkpoints:
                    saved = names.checkpoints[field]
                    value = readdressed(serde, value, target)
                    await self.put(target, saved, field, value, ())
                else:
                    await self.put_writes(target, {field: value}, replace=True)
