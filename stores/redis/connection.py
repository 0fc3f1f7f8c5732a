"""Connecting to Redis, alone, as a cluster or behind Sentinel: timeouts, retries, one sentence."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as LostConnection

from stores.errors import StoreUnavailable
from stores.urls import without_secrets

T = TypeVar("T")
WAIT_SECONDS = 5.0
"""How long whoever needs Redis waits before it is said to be gone, unless the settings differ."""
ANSWER_SHARE = 0.9
"""Share of it that a server may take to answer the first time."""
CALL_SHARE = 0.44
"""Share of it that a server may take to connect, and to answer one call. A run that fails writes
once more what it has, so it must be less than half."""
POOL_SHARE = 4.0
"""How much longer than it a call waits until one of the connections is free: that they are all in
use says that Redis answers."""
CONNECTIONS = 32
"""How many calls are under way at once; further ones wait until one is done."""
CONNECTIONS_WITHOUT_WAITING = 2000
"""The same for a cluster's node and behind Sentinel, where further calls fail instead."""
RETRIES = 2
START = "start Redis 6.2 or newer, or Valkey"
SENTINEL_PORT = 26379


class StrangeKey(StoreUnavailable):
    """A key holds another kind of value than ours: another program wrote over it."""


LOST = (RedisError, RedisClusterException, OSError)
"""What a call raises where Redis does not answer, or refuses."""


def failed(error: RedisError | RedisClusterException | OSError) -> StoreUnavailable:
    """Return what to tell of a call that failed: Redis is away, or it is there and refuses."""
    # What failed in a pipeline is told with its command, which holds what was said.
    reason = str(error).rpartition("caused error: ")[2].strip("(\"',)")
    reason = " ".join(reason.split())[:200] or type(error).__name__
    if "WRONGTYPE" in reason:
        return StrangeKey(
            "A key of Mnemograph in Redis holds another kind of value than it wrote there: "
            "`mnemo doctor` names it; delete it, or reset the memory it belongs to."
        )
    if isinstance(error, ResponseError | AuthenticationError):
        return StoreUnavailable(
            f"Redis refuses a call ({reason}): change that on its server, then try again."
        )
    return StoreUnavailable(
        f"Redis does not answer ({reason}): start it, or unset MNEMO_REDIS_URL to use the "
        "embedded stores."
    )


async def every(rows: AsyncIterator[T]) -> list[T]:
    """Return all that an iterator yields."""
    return [row async for row in rows]


async def answered(call: Awaitable[T]) -> T:
    """Return what a call answers.

    Raises:
        StoreUnavailable: If Redis does not answer, or refuses.
    """
    try:
        return await call
    except LOST as error:
        raise failed(error) from error


@asynccontextmanager
async def connect(url: str, seconds: float = WAIT_SECONDS) -> AsyncIterator[Redis]:
    """Connect to the Redis at `url`, and close at the end. Responses are bytes.

    Args:
        url: Where it is: `redis://host:port/0`, `redis+cluster://host:port,host:port` or
            `redis+sentinel://host:port,host:port/service`; `rediss` with TLS.
        seconds: How long a turn waits before it says that Redis is gone; a call has less.

    Raises:
        StoreUnavailable: If it does not answer within `seconds`.
    """
    async with AsyncExitStack() as stack:
        try:
            client = await _open(url, seconds, stack)
        except (RedisError, TypeError, ValueError) as error:  # the first two: of an option
            # The error names a part of the URL, which may be one of the password.
            place = without_secrets(url) or "MNEMO_REDIS_URL, which is empty,"
            raise StoreUnavailable(
                f"{place} is no URL of a Redis: write "
                "redis://user:password@host:6379/0, with each / ? # @ : of a password "
                "percent-encoded."
            ) from error
        try:
            async with asyncio.timeout(ANSWER_SHARE * seconds):
                await client.ping()
        except (ResponseError, AuthenticationError) as error:
            if "DB index" in str(error) or "SELECT" in str(error):
                raise StoreUnavailable(
                    f"The Redis at {without_secrets(url)} has no database of that number: leave "
                    "the number behind the slash out of MNEMO_REDIS_URL, or name one that it has."
                ) from error
            raise failed(error) from error
        except LOST as error:
            reason = str(error) or f"nothing within {ANSWER_SHARE * seconds:g} seconds"
            raise StoreUnavailable(
                f"No Redis answers at {without_secrets(url)} ({reason}): {START}."
            ) from error
        yield client


async def _open(url: str, seconds: float, stack: AsyncExitStack) -> Redis:
    """Return a client, not yet connected, that `stack` closes."""
    options: dict[str, Any] = {
        "socket_connect_timeout": CALL_SHARE * seconds,
        "socket_timeout": CALL_SHARE * seconds,
        "driver_info": None,  # or each new connection looks up the client's version on disk
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), RETRIES, (LostConnection,)),
    }
    scheme, _, kind = urlsplit(url).scheme.partition("+")
    if not kind:
        options |= {"max_connections": CONNECTIONS, "timeout": POOL_SHARE * seconds}
        pool = BlockingConnectionPool.from_url(url, **options)
        pool.connection_class(**pool.connection_kwargs)  # reads the options, connects nowhere
        return await stack.enter_async_context(Redis.from_pool(pool))
    if scheme not in ("redis", "rediss") or kind not in ("cluster", "sentinel"):
        raise ValueError("no such scheme")
    options["max_connections"] = CONNECTIONS_WITHOUT_WAITING
    options |= {"ssl": True} if scheme == "rediss" else {}
    split = urlsplit(url)
    account, _, places = split.netloc.rpartition("@")
    user, _, password = account.partition(":")
    options |= {"username": unquote(user) or None, "password": unquote(password) or None}
    hosts = [_host(place) for place in places.split(",")]
    if kind == "cluster":
        nodes = [ClusterNode(host, port or 6379) for host, port in hosts]
        cluster = RedisCluster(startup_nodes=nodes, **options)
        stack.push_async_callback(cluster.aclose)
        return cast(Redis, cluster)  # It takes every call that is made here.
    service, _, db = split.path.strip("/").partition("/")
    guards = [(host, port or SENTINEL_PORT) for host, port in hosts]
    own = {**options, "username": None, "password": None, **dict(parse_qsl(split.query))}
    watching = partial(Sentinel, guards, sentinel_kwargs=own, **options)  # It has no types.
    sentinel = watching()
    for guard in sentinel.sentinels:
        stack.push_async_callback(guard.aclose)
    return await stack.enter_async_context(sentinel.master_for(service, db=int(db or 0)))


def _host(place: str) -> tuple[str, int | None]:
    """Return host and port of a place such as `host:6379` or `[::1]:6379`.

    Raises:
        ValueError: If it is none.
    """
    split = urlsplit(f"//{place}")
    if not split.hostname:
        raise ValueError("no host")
    return split.hostname, split.port
