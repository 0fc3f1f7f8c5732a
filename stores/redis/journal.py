"""The journal in Redis. Storage only; decisions are in `journal`.

Keys of one owner share a hash tag, so they lie together in a cluster. Only the turns expire.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from domain.owner import FIRST_GENERATION, Owner, digest, owner_from_json, owner_to_json, owners_in
from stores.journal.backend import RawJournal, Write, count_in, generation_name
from stores.journal.journal import Journal
from stores.redis.connection import failed

T = TypeVar("T")

READ = """
local token = redis.call('GET', KEYS[1])
local name = ARGV[2]
if name == '' then name = token or ARGV[3] end
local book = redis.call('HGETALL', ARGV[1] .. name .. ':book')
local turns = redis.call('HGETALL', ARGV[1] .. name .. ':turns')
local at, steps = ARGV[4], #turns
while at ~= '' and steps > 0 do
  local turn = redis.call('HGET', ARGV[1] .. name .. ':turns', at)
  if not turn then break end
  local whole, record = pcall(cjson.decode, turn)
  local parent = whole and type(record) == 'table' and record.parent
  at, steps = type(parent) == 'string' and parent or '', steps - 1
end
local summaries = at ~= '' and redis.call('HGET', ARGV[1] .. name .. ':summaries', at)
return {token or '', book, turns, summaries or ''}
"""
"""Arguments: what keys begin with, a generation or '' for the current one, the name of the first
one, and the turn whose branch's summaries are wanted too."""

COMMIT = """
local token = redis.call('GET', KEYS[1]) or ''
if token ~= ARGV[2] then return 0 end
local base = ARGV[1] .. (token == '' and ARGV[3] or token)
local book, turns, threads = base .. ':book', base .. ':turns', base .. ':threads'
local version = redis.call('HGET', book, 'version') or ''
if not version:find('^%d+$') or #version >= 16 then version = '0' end
if tonumber(version) ~= tonumber(ARGV[4]) then return 0 end
redis.call('SADD', KEYS[2], token == '' and ARGV[3] or token)
for at, key in ipairs({book, turns, threads}) do
  for _, pair in ipairs(cjson.decode(ARGV[4 + at])) do
    if pair[2] == cjson.null then redis.call('HDEL', key, pair[1])
    else redis.call('HSET', key, pair[1], pair[2]) end
  end
end
redis.call('PEXPIRE', turns, ARGV[8])
return 1
"""

RENEW = """
local before = redis.call('GET', KEYS[1]) or ARGV[2]
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SADD', KEYS[2], before, ARGV[1])
local others = {}
for _, token in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if token ~= ARGV[1] then table.insert(others, token) end
end
return others
"""


OWNERS = "mnemo:owners"
"""The hash of every owner's readable ids."""
INDEXED = "owners-by-user"
"""The mark that says that each user's owners are listed apart too."""


def owner_prefix(owner: Owner) -> str:
    """Return what all keys of an owner begin with."""
    return f"mnemo:{{{owner.key}}}:"


def summaries_key(owner: Owner, generation: str | None) -> str:
    """Return the key of the cached summaries of one generation."""
    return f"{owner_prefix(owner)}{generation_name(generation)}:summaries"


class RedisJournal:
    """A `JournalBackend` on Redis, one round trip a call."""

    def __init__(self, client: Redis, turn_life: timedelta) -> None:
        """Use `client`; turns live `turn_life` after their owner's last write."""
        self._redis = client
        self._life = int(turn_life.total_seconds() * 1000)
        self._read_script = client.register_script(READ)
        self._commit_script = client.register_script(COMMIT)
        self._renew_script = client.register_script(RENEW)

    def _keys(self, owner: Owner) -> list[str]:
        return [f"{owner_prefix(owner)}generation", f"{owner_prefix(owner)}generations"]

    async def _raw(self, owner: Owner, name: str, head: str = "") -> RawJournal:
        reply = await _answer(
            self._read_script(
                keys=self._keys(owner)[:1], args=[owner_prefix(owner), name, FIRST_GENERATION, head]
            )
        )
        token, fields, turns, summaries = cast(
            "tuple[bytes, list[bytes], list[bytes], bytes]", reply
        )
        return RawJournal(
            generation=name or token.decode() or None,
            fields=_pairs(fields),
            turns=_pairs(turns),
            summaries=summaries.decode(),
        )

    async def read(self, owner: Owner, head: str = "") -> RawJournal:
        """Return one consistent reading, with the cached summaries of the branch of `head`."""
        return await self._raw(owner, "", head)

    async def read_generation(self, owner: Owner, generation: str) -> RawJournal:
        """Return one consistent reading of a generation, current or not."""
        return await self._raw(owner, generation)

    async def list_threads(self, owner: Owner, generation: str) -> tuple[int, dict[str, str]]:
        """Return the threads listed apart, by name, and the counter that they are at."""
        base = f"{owner_prefix(owner)}{generation}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hget(f"{base}:book", "listed")
            pipe.hgetall(f"{base}:threads")
            moved, threads = await _answer(pipe.execute())
        fields = _pairs([b"listed", moved or b""])
        return count_in(fields, "listed"), _pairs(
            [part for pair in threads.items() for part in pair]
        )

    async def commit(
        self, owner: Owner, generation: str | None, version: int, write: Write
    ) -> bool:
        """Write, if generation and version are still those; return whether they were."""
        done = await _answer(
            self._commit_script(
                keys=self._keys(owner),
                args=[
                    owner_prefix(owner),
                    generation or "",
                    FIRST_GENERATION,
                    version,
                    json.dumps(list(write.fields.items())),
                    json.dumps(list(write.turns.items())),
                    json.dumps(list(write.threads.items())),
                    self._life,
                ],
            )
        )
        return bool(done)

    async def renew(self, owner: Owner, token: str) -> list[str]:
        """Make `token` the current generation; return the names of all others that exist."""
        others = await _answer(
            self._renew_script(keys=self._keys(owner), args=[token, FIRST_GENERATION])
        )
        return [name.decode() for name in cast("list[bytes]", others)]

    async def erase(self, owner: Owner, generation: str) -> int:
        """Delete all that a generation's journal and cache hold; return how many turns."""
        base = f"{owner_prefix(owner)}{generation}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hlen(f"{base}:turns")
            parts = (f"{base}:turns", f"{base}:book", f"{base}:threads")
            pipe.delete(*parts, summaries_key(owner, generation))
            pipe.srem(self._keys(owner)[1], generation)
            count, *_ = cast("list[int]", await _answer(pipe.execute()))
        return int(count)

    async def note_owner(self, owner: Owner, thread: str) -> None:
        """Record that `thread` belongs to `owner`, with the readable ids."""
        ids = owner_to_json(owner)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(OWNERS, owner.key, ids)
            pipe.hset(_user_key(owner.user_key), owner.key, ids)
            pipe.set(_thread_key(thread), ids)
            await _answer(pipe.execute())

    async def drop_thread(self, thread: str) -> None:
        """Forget whom a thread belongs to."""
        await _answer(self._redis.delete(_thread_key(thread)))

    async def drop_owner(self, owner: Owner) -> None:
        """Forget the readable ids of an owner."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hdel(OWNERS, owner.key)
            pipe.hdel(_user_key(owner.user_key), owner.key)
            await _answer(pipe.execute())

    async def thread_owner(self, thread: str) -> Owner | None:
        """Return whom a thread belongs to; None before its first turn."""
        text = await _answer(self._redis.get(_thread_key(thread)))
        return owner_from_json(cast(bytes, text).decode(errors="replace")) if text else None

    async def owners(self) -> list[Owner]:
        """Return every owner that has a journal."""
        return await self._owners(OWNERS)

    async def owners_of(self, user_id: str) -> list[Owner]:
        """Return every owner of one user that has a journal, without looking at other users'."""
        if await self.mark(INDEXED) is None:
            # Written before owners were listed by user: list them all, once.
            async with self._redis.pipeline(transaction=False) as pipe:
                for owner in await self.owners():
                    pipe.hset(_user_key(owner.user_key), owner.key, owner_to_json(owner))
                await _answer(pipe.execute())
            await self.mark(INDEXED, "yes")
        return await self._owners(_user_key(digest(user_id)))

    async def _owners(self, key: str) -> list[Owner]:
        stored = await _answer(cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(key)))
        return owners_in(value.decode(errors="replace") for _, value in sorted(stored.items()))

    async def mark(self, name: str, value: str | None = None) -> str | None:
        """Read a mark of the whole installation, after setting it where a value is given."""
        if value is not None:
            await _answer(self._redis.set(f"mnemo:mark:{name}", value))
        stored = await _answer(self._redis.get(f"mnemo:mark:{name}"))
        return cast(bytes, stored).decode() if stored else None

    async def mark_once(self, name: str, value: str) -> str:
        """Return a mark of the whole installation; the first value that is given stays."""
        key = f"mnemo:mark:{name}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key, value, nx=True)
            pipe.get(key)
            _, value = await _answer(pipe.execute())
        return cast(bytes, value).decode()

    async def ping(self) -> str:
        """Return what answers, with its version where Redis lets this user know it."""
        try:
            info = cast("dict[str, object]", await self._redis.info("server"))
        except NoPermissionError:
            return "Redis"
        except (RedisError, OSError) as error:
            raise failed(error) from error
        return f"Redis {info.get('redis_version')}"

    async def count_up(self, owner: Owner, amounts: Mapping[str, int]) -> None:
        """Add to an owner's counters; one that does not exist yet begins at 0."""
        async with self._redis.pipeline(transaction=True) as pipe:
            for name, amount in amounts.items():
                pipe.hincrby(f"{owner_prefix(owner)}counts", name, amount)
            await _answer(pipe.execute())

    async def counts(self, owner: Owner) -> dict[str, int]:
        """Return all counters of an owner; no reset touches them."""
        key = f"{owner_prefix(owner)}counts"
        values = await _answer(cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(key)))
        counts = _pairs([part for pair in values.items() for part in pair])
        return {name: count_in(counts, name) for name in counts}

    async def drop_counts(self, owner: Owner) -> None:
        """Delete all counters of an owner."""
        await _answer(self._redis.delete(f"{owner_prefix(owner)}counts"))


def _user_key(user_key: str) -> str:
    return f"mnemo:user:{user_key}"


def _thread_key(thread: str) -> str:
    return f"mnemo:thread:{digest(thread)}"


def _pairs(flat: list[bytes]) -> dict[str, str]:
    texts = [part.decode(errors="replace") for part in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


async def _answer(call: Awaitable[T]) -> T:
    try:
        return await call
    except (RedisError, OSError) as error:
        raise failed(error) from error


@asynccontextmanager
async def open_redis_journal(client: Redis, turn_life: timedelta) -> AsyncIterator[Journal]:
    """Open the journal on a connected client, which stays its caller's to close.

    Raises:
        StoreUnavailable: If Redis does not answer.
    """
    backend = RedisJournal(client, turn_life)
    await backend.ping()
    yield Journal(backend)
