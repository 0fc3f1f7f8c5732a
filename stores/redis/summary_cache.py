"""The episodes of a branch, at hand in Redis for every process that serves its owner."""

from datetime import timedelta

from pydantic import TypeAdapter
from redis.asyncio import Redis

from domain.owner import Owner
from stores.redis.connection import LOST
from stores.redis.journal import owner_prefix, summaries_key
from stores.summaries import Branch

_BRANCH = TypeAdapter(Branch)
PUT = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return end
if ARGV[4] ~= '' then redis.call('HDEL', KEYS[2], ARGV[4]) end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[5])
"""


class RedisCache:
    """Branches in Redis, one hash an owner and generation, expiring as a whole in time.

    A cache that does not answer is a miss: what it holds is in the long-term store too.
    """

    def __init__(self, client: Redis, life: timedelta) -> None:
        """Keep branches for `life` after one was last written or fetched by itself."""
        self._redis = client
        self._life = life
        self._put_script = client.register_script(PUT)

    async def get(self, owner: Owner, generation: str | None, top: str) -> Branch | None:
        """Return the branch whose newest folded turn is `top`, if it is at hand."""
        key = summaries_key(owner, generation)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hget(key, top)
                pipe.expire(key, self._life)
                text, _ = await pipe.execute()
        except LOST:
            return None
        return _BRANCH.validate_json(text) if text else None

    async def put(
        self, owner: Owner, generation: str | None, branch: Branch, instead: str = ""
    ) -> None:
        """Keep a branch, unless the owner was reset meanwhile."""
        keys = [f"{owner_prefix(owner)}generation", summaries_key(owner, generation)]
        life = int(self._life.total_seconds())
        args: list[str | int] = [
            generation or "",
            branch.top,
            branch.model_dump_json(),
            instead,
            life,
        ]
        try:
            await self._put_script(keys=keys, args=args)
        except LOST:
            return
