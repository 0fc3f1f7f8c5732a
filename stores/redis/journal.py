"""The journal in Redis. Storage only; decisions are in `journal`.

Keys of one owner share a hash tag, so they lie together in a cluster. Only the turns expire.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from domain.owner import FIRST_GENERATION, Owner
from stores.journal.backend import ENDED, RawJournal, Write, count_in, generation_name
from stores.journal.journal import Journal
from stores.redis.connection import LOST, answered, failed
from stores.redis.key_kinds import MANY, strange_keys, without_strange
from stores.redis.owner_index import OwnerIndex

READ = """
local token = redis.call('GET', KEYS[1])
local base = ARGV[1] .. (token or ARGV[2])
local function all(key)
  return redis.call('TYPE', key).ok == 'hash' and redis.call('HGETALL', key) or {}
end
local book, turns, summaries = all(base .. ':book'), all(base .. ':turns'), ''
local at, steps = ARGV[3], #turns
while at ~= '' and steps > 0 do
  local turn = redis.call('HGET', base .. ':turns', at)
  if not turn then break end
  local whole, record = pcall(cjson.decode, turn)
  local parent = whole and type(record) == 'table' and record.parent
  at, steps = type(parent) == 'string' and parent or '', steps - 1
end
if at ~= '' and redis.call('TYPE', base .. ':summaries').ok == 'hash' then
  summaries = redis.call('HGET', base .. ':summaries', at) or ''
end
return {token or '', book, turns, summaries}
"""
"""Arguments: what keys begin with, the name of the first generation, and the turn whose branch's
summaries are wanted too. What holds another kind of value than ours is as good as not there."""

COMMIT = """
local token = redis.call('GET', KEYS[1]) or ''
if token ~= ARGV[2] then return 0 end
local base = ARGV[1] .. (token == '' and ARGV[3] or token)
local book, turns, threads = base .. ':book', base .. ':turns', base .. ':threads'
local version = redis.call('HGET', book, 'version') or ''
if not version:find('^%d+$') or #version >= 16 then version = '0' end
if tonumber(version) ~= tonumber(ARGV[4]) then return 0 end
redis.call('SADD', KEYS[2], token == '' and ARGV[3] or token)
for at, key in ipairs({turns, threads, book}) do
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
redis.call('SADD', KEYS[2], before)
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SADD', KEYS[2], ARGV[1])
local others = {}
for _, token in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if token ~= ARGV[1] then table.insert(others, token) end
end
return others
"""


PARTS = ("turns", "threads", "book", "summaries")
"""How the keys of one generation end."""


def owner_prefix(owner: Owner) -> str:
    """Return what all keys of an owner begin with."""
    return f"mnemo:{{{owner.key}}}:"


def summaries_key(owner: Owner, generation: str | None) -> str:
    """Return the key of the cached summaries of one generation."""
    return f"{owner_prefix(owner)}{generation_name(generation)}:summaries"


class RedisJournal(OwnerIndex):
    """A `JournalBackend` on Redis, one round trip a call."""

    def __init__(self, client: Redis, turn_life: timedelta) -> None:
        """Use `client`; turns live `turn_life` after their owner's last write."""
        super().__init__(client)
        self._life = int(turn_life.total_seconds() * 1000)
        self._read_script = client.register_script(READ)
        self._commit_script = client.register_script(COMMIT)
        self._renew_script = client.register_script(RENEW)

    def _keys(self, owner: Owner) -> list[str]:
        return [f"{owner_prefix(owner)}generation", f"{owner_prefix(owner)}generations"]

    async def read(self, owner: Owner, head: str = "") -> RawJournal:
        """Return one consistent reading, with the cached summaries of the branch of `head`."""
        reply = await answered(
            self._read_script(
                keys=self._keys(owner)[:1], args=[owner_prefix(owner), FIRST_GENERATION, head]
            )
        )
        token, fields, turns, summaries = cast(
            "tuple[bytes, list[bytes], list[bytes], bytes]", reply
        )
        return RawJournal(
            generation=token.decode(errors="replace") or None,
            fields=_pairs(fields),
            turns=_pairs(turns),
            summaries=summaries.decode(errors="replace"),
        )

    async def read_generation(self, owner: Owner, generation: str) -> RawJournal:
        """Return one consistent reading of a generation, current or not."""
        base = f"{owner_prefix(owner)}{generation}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(f"{base}:book")
            pipe.hgetall(f"{base}:turns")
            fields, turns = await answered(without_strange(pipe))
        return RawJournal(generation=generation, fields=_texts(fields), turns=_texts(turns))

    async def list_threads(self, owner: Owner, generation: str) -> tuple[int, dict[str, str]]:
        """Return the threads listed apart, by name, and the counter that they are at."""
        base = f"{owner_prefix(owner)}{generation}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hget(f"{base}:book", "listed")
            pipe.hgetall(f"{base}:threads")
            moved, threads = await answered(without_strange(pipe))
        return count_in(_texts({b"listed": moved or b""}), "listed"), _texts(threads)

    async def commit(
        self, owner: Owner, generation: str | None, version: int, write: Write
    ) -> bool:
        """Write, if generation and version are still those; return whether they were."""
        keys, base = self._keys(owner), f"{owner_prefix(owner)}{generation_name(generation)}"
        args: list[str | int] = [
            owner_prefix(owner),
            generation or "",
            FIRST_GENERATION,
            version,
            json.dumps(list(write.turns.items())),
            json.dumps(list(write.threads.items())),
            json.dumps(list(write.fields.items())),
            self._life,
        ]
        written = (keys[1], *(f"{base}:{part}" for part in PARTS))
        return bool(await self._write(written, lambda: self._commit_script(keys=keys, args=args)))

    async def renew(self, owner: Owner, token: str) -> list[str]:
        """Make `token` the current generation; return the names of all others that exist."""
        keys, args = self._keys(owner), [token, FIRST_GENERATION]
        strange = [key async for key in strange_keys(self._redis, keys)]
        others = await self._write(keys, lambda: self._renew_script(keys=keys, args=args))
        names = {name.decode(errors="replace") for name in others}
        if strange:
            names |= await self.generations(owner)
        return sorted(names - {token})

    async def generations(self, owner: Owner) -> set[str]:
        """Return the name of each generation that any key is there of, looking at all there are."""
        begin = owner_prefix(owner)
        keys = self._redis.scan_iter(match=f"{begin}*:*", count=MANY)
        return {
            key.decode(errors="replace").removeprefix(begin).rpartition(":")[0]
            async for key in keys
        }

    async def older(self, owner: Owner) -> list[str]:
        """Return the names of the owner's generations that are listed and not current."""
        current, listed = self._keys(owner)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.smembers(listed)
            pipe.get(current)  # After it: none that is listed is newer.
            names, token = await answered(without_strange(pipe))
        return (
            sorted({name.decode(errors="replace") for name in names or ()} - {token.decode()})
            if token
            else []
        )

    async def erase(self, owner: Owner, generation: str, *, last: bool = True) -> int:
        """Delete all that a generation's journal and cache hold; return how many turns."""
        base = f"{owner_prefix(owner)}{generation}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hlen(f"{base}:turns")
            pipe.delete(*(f"{base}:{part}" for part in PARTS))
            if last:
                pipe.srem(self._keys(owner)[1], generation)
            else:
                pipe.hset(f"{base}:book", ENDED, "1")
            count, *_ = await answered(without_strange(pipe))
        return int(count or 0)

    async def mark(self, name: str, value: str | None = None) -> str | None:
        """Read a mark of the whole installation, after setting it where a value is given."""
        if value is not None:
            await answered(self._redis.set(f"mnemo:mark:{name}", value))
        stored = await answered(self._redis.get(f"mnemo:mark:{name}"))
        return cast(bytes, stored).decode(errors="replace") if stored else None

    async def mark_once(self, name: str, value: str) -> str:
        """Return a mark of the whole installation; the first value that is given stays."""
        key = f"mnemo:mark:{name}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key, value, nx=True)
            pipe.get(key)
            _, value = await answered(pipe.execute())
        return cast(bytes, value).decode(errors="replace")

    async def ping(self) -> str:
        """Return what answers, with its version where Redis lets this user know it."""
        try:
            info = cast("dict[str, object]", await self._redis.info("server"))
        except NoPermissionError:
            return "Redis"
        except LOST as error:
            raise failed(error) from error
        return f"Redis {info.get('redis_version')}"

    async def count_up(self, owner: Owner, amounts: Mapping[str, int]) -> None:
        """Add to an owner's counters; one that does not exist yet begins at 0."""
        key = f"{owner_prefix(owner)}counts"

        async def add() -> None:
            async with self._redis.pipeline(transaction=True) as pipe:
                for name, amount in amounts.items():
                    pipe.hincrby(key, name, amount)
                await pipe.execute()

        await self._write([key], add)

    async def counts(self, owner: Owner) -> dict[str, int]:
        """Return all counters of an owner; no reset touches them."""
        key = f"{owner_prefix(owner)}counts"
        values = await answered(cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(key)))
        counts = _texts(values)
        return {name: count_in(counts, name) for name in counts}

    async def drop_counts(self, owner: Owner) -> None:
        """Delete all counters of an owner."""
        await answered(self._redis.delete(f"{owner_prefix(owner)}counts"))


def _pairs(flat: list[bytes]) -> dict[str, str]:
    texts = [part.decode(errors="replace") for part in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _texts(stored: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return _pairs([part for pair in (stored or {}).items() for part in pair])


@asynccontextmanager
async def open_redis_journal(client: Redis, turn_life: timedelta) -> AsyncIterator[Journal]:
    """Open the journal on a connected client, which stays its caller's to close.

    Raises:
        StoreUnavailable: If Redis does not answer.
    """
    backend = RedisJournal(client, turn_life)
    await backend.ping()
    yield Journal(backend)
