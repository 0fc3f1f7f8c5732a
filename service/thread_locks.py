"""One turn at a time on a thread, in this process or across all that share a Redis."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol
from weakref import WeakValueDictionary

from redis.asyncio import Redis
from redis.exceptions import LockError, RedisError

from domain.owner import digest
from settings import Settings
from stores.redis.connection import connect, failed

LEASE = 30.0
"""Seconds after which the lock of a process that died is free again."""
POLL = 0.05
"""Seconds between two looks at a lock that another process holds."""

_log = logging.getLogger(__name__)


class ThreadBusy(Exception):
    """A thread still answers an earlier message; the text is one sentence."""

    def __init__(self) -> None:
        """Say it."""
        super().__init__(
            "This thread still answers an earlier message: wait for its reply, then send again."
        )


class ThreadLocks(Protocol):
    """Locks of threads by their ids."""

    def hold(self, thread: str, wait: float) -> AbstractAsyncContextManager[None]:
        """Hold a thread's lock, waiting for it `wait` seconds at most.

        Raises:
            ThreadBusy: If it is not free by then.
            StoreUnavailable: If what keeps the locks does not answer.
        """


class LocalLocks:
    """Locks within this process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, thread: str, wait: float) -> AsyncIterator[None]:
        """Hold a thread's lock."""
        lock = self._locks.setdefault(thread, asyncio.Lock())
        if lock.locked() and not wait:
            raise ThreadBusy
        try:
            async with asyncio.timeout(wait or None):
                await lock.acquire()
        except TimeoutError as error:
            raise ThreadBusy from error
        try:
            yield
        finally:
            lock.release()


class RedisLocks:
    """Locks that every process on the same Redis sees."""

    def __init__(self, client: Redis) -> None:
        """Keep the locks at `client`."""
        self._client = client

    @asynccontextmanager
    async def hold(self, thread: str, wait: float) -> AsyncIterator[None]:
        """Hold a thread's lock; its lease is renewed as long as it is held."""
        lock = self._client.lock(
            f"mnemo:answering:{digest(thread)}", timeout=LEASE, sleep=POLL, thread_local=False
        )
        try:
            taken = await lock.acquire(blocking=bool(wait), blocking_timeout=wait or None)
        except (RedisError, OSError) as error:
            raise failed(error) from error
        if not taken:
            raise ThreadBusy

        async def renew() -> None:
            while True:
                await asyncio.sleep(LEASE / 3)
                try:
                    await lock.reacquire()
                except (LockError, RedisError, OSError) as error:
                    _log.warning("The lock of a thread could not be renewed: %s", error)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            # A lock that ran out, or a Redis that is away, frees itself.
            with suppress(LockError, RedisError, OSError):
                await asyncio.shield(lock.release())


@asynccontextmanager
async def open_thread_locks(settings: Settings) -> AsyncIterator[ThreadLocks]:
    """Open the locks where threads are kept.

    Raises:
        StoreUnavailable: If Redis is named and does not answer.
    """
    if settings.redis_url is None:
        yield LocalLocks()
        return
    url = settings.redis_url.get_secret_value()
    async with connect(url, settings.store_timeout) as client:
        yield RedisLocks(client)
