"""Connections to one Postgres: opening, time limits, coming back after a loss, plain errors.

Knows nothing of what is kept there, and never lets a password out.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import ceil
from typing import Any, Self, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from stores.errors import StoreUnavailable

T = TypeVar("T")
Connection = AsyncConnection[DictRow]

CONNECTIONS = 10
"""Connections of one process at most; further calls wait for their turn."""
START_SECONDS = 4.0
"""How long a server may take to let the first connection in."""
ADMIN_SECONDS = 600.0
"""How long one statement may take that sets up, tidies or moves."""

_AGAIN = ("08", "57P", "40")
"""Codes of a server that went or came, and of writers that stood in each other's way."""

_SETTINGS = """
    SELECT set_config('statement_timeout', %s, false), set_config('TimeZone', 'UTC', false),
        set_config('jit', 'off', false), set_config('plan_cache_mode', 'force_custom_plan', false)
"""
"""A plan made without knowing the namespace would read the whole table."""


def place_of(url: str) -> str:
    """Return `host:port/database` of a URL, to be shown to a person.

    Raises:
        StoreUnavailable: If it cannot be read; the text holds nothing of it.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        parts = {}
    if not url.strip() or not parts:
        raise StoreUnavailable(
            "MNEMO_POSTGRES_URL cannot be read: it must look like "
            "postgresql://user:password@host:5432/database, with what is special in a password "
            "percent-encoded."
        )
    host, port = parts.get("host") or parts.get("hostaddr") or "localhost", parts.get("port", 5432)
    return f"{host}:{port}/{parts.get('dbname') or parts.get('user') or ''}"


class PostgresLink:
    """A pool of connections that never keeps anyone waiting for longer than its limit."""

    def __init__(self, url: str, seconds: float) -> None:
        """Describe a link; `open` opens it.

        Args:
            url: `postgresql://...`, as libpq reads it.
            seconds: How long a call may take, with all the waiting in it.
        """
        self.place = place_of(url)
        self._url = url
        self._seconds = seconds
        self._lost = False
        self._finding = asyncio.Lock()
        self._left: set[asyncio.Task[Any]] = set()
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            connection_class=AsyncConnection[DictRow],
            kwargs=self._options(),
            configure=self._configure,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=seconds,
            # It would try again ever less often; here every call may try, see `_find`.
            reconnect_timeout=0.0,
            open=False,
            name="mnemograph",
        )

    def _options(self) -> dict[str, Any]:
        return {
            "autocommit": True,
            "prepare_threshold": 0,
            "row_factory": dict_row,
            "connect_timeout": max(2, ceil(self._seconds)),
            "client_encoding": "UTF8",
            "fallback_application_name": "mnemograph",
        }

    async def _configure(self, connection: Connection) -> None:
        await connection.execute(_SETTINGS, (str(ceil(self._seconds * 1000)),))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        """Keep connections until the end."""
        await self.pool.open()
        try:
            yield self
        finally:
            for task in self._left:
                task.cancel()
            await self.pool.close(timeout=2.0)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Connection]:
        """Give a connection of its own to what may take long.

        Raises:
            StoreUnavailable: If the server does not let it in.
        """
        try:
            async with asyncio.timeout(min(START_SECONDS, self._seconds)):
                connection = await Connection.connect(self._url, **self._options())
        except (psycopg.Error, OSError, TimeoutError) as error:
            raise StoreUnavailable(
                f"No Postgres can be used at {self.place} ({reason(error)}): start it, or correct "
                "MNEMO_POSTGRES_URL."
            ) from error
        async with connection:
            await connection.execute(_SETTINGS, (str(ceil(ADMIN_SECONDS * 1000)),))
            yield connection

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something with the pool, again where the connection was lost: it must be safe twice.

        Raises:
            StoreUnavailable: If the server does not do it within the limit.
        """
        # A task of its own, which is left to itself when time is up: to take back what was asked
        # of a server that hangs takes ten seconds more.
        task = asyncio.ensure_future(self._attempts(work))
        try:
            done, _ = await asyncio.wait({task}, timeout=self._seconds)
        except asyncio.CancelledError:
            self._leave(task)
            raise
        if not done:
            self._leave(task)
            raise StoreUnavailable(
                f"Postgres at {self.place} did not answer within {self._seconds:g} seconds."
            )
        try:
            return task.result()
        except (psycopg.Error, OSError) as error:
            raise self.unavailable(error) from error

    def unavailable(self, error: BaseException) -> StoreUnavailable:
        """Return a failed statement as one sentence."""
        return StoreUnavailable(f"Postgres at {self.place} cannot be used ({reason(error)}).")

    def _leave(self, task: asyncio.Task[Any]) -> None:
        self._left.add(task)
        task.add_done_callback(self._gone)
        task.cancel()

    def _gone(self, task: asyncio.Task[Any]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any more

    async def _attempts(self, work: Callable[[], Awaitable[T]]) -> T:
        if self._lost:
            await self._find()
        try:
            return await work()
        except psycopg.OperationalError as error:
            if not _worth_again(error):
                raise
            self._lost = True
            await self._find()
            return await work()

    async def _find(self) -> None:
        """Reach the server, or fail as soon as it refuses; then renew what the pool holds.

        Waiting for the pool would take the whole limit where a server is known to be away.
        """
        async with self._finding:
            if self._lost:
                connection = await Connection.connect(self._url, **self._options())
                await connection.close()
                await self.pool.check()
                self._lost = False


def _worth_again(error: psycopg.OperationalError) -> bool:
    if isinstance(error, psycopg.errors.QueryCanceled):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_AGAIN)


def reason(error: BaseException) -> str:
    """Return what a server or its absence says, on one line."""
    if isinstance(error, TimeoutError | psycopg.errors.ConnectionTimeout):
        return "it does not answer"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "it took too long"
    message = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    line = (message or str(error)).strip().partition("\n")[0]
    return line.rpartition("failed: ")[2].removeprefix("FATAL:").strip() or type(error).__name__
