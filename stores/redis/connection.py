"""Connecting to Redis: timeouts, retries, and one sentence when it cannot be done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import RedisError

from stores.errors import StoreUnavailable

ANSWER_SECONDS = 4.5
"""How long a server may take to answer the first time."""
CALL_SECONDS = 2.2
"""How long it may take to connect, and to answer one call. A run that fails writes once more what
it has, so twice this long must be less than the 5 s within which a turn says that Redis is gone."""
CONNECTIONS = 32
"""How many calls are under way at once; further ones wait for their turn."""
TURN_SECONDS = 20.0
"""How long a call waits for its turn."""
RETRIES = 2
START = "start Redis 8, or Redis Stack 7.2 or newer, with Search and JSON"


def without_secrets(url: str) -> str:
    """Return a Redis URL without its user, password and options, to be shown to a person."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Redis]:
    """Connect to the Redis at `url`, and close at the end. Responses are bytes.

    Raises:
        StoreUnavailable: If it does not answer within `ANSWER_SECONDS`.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=TURN_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            socket_timeout=CALL_SECONDS,
            driver_info=None,  # or each new connection looks up the client's version on disk
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), RETRIES, (LostConnection,)),
        )
    except ValueError as error:
        raise StoreUnavailable(f"{without_secrets(url)} is no URL of a Redis: {error}") from error
    async with Redis.from_pool(pool) as client:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.ping()
        except (RedisError, OSError, TimeoutError) as error:
            reason = str(error) or f"nothing within {ANSWER_SECONDS:g} seconds"
            raise StoreUnavailable(
                f"No Redis answers at {without_secrets(url)} ({reason}): {START}."
            ) from error
        yield client
