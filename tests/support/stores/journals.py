"""A journal on each backend, and the turns that tests write into it. Nothing here is a test."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from domain.owner import Owner
from domain.records import Said, Turn
from stores.journal.journal import Journal
from stores.redis.journal import open_redis_journal
from stores.sqlite.journal import open_sqlite_journal

NOW = datetime(2026, 5, 8, 12, tzinfo=UTC)
ALEX = Owner("alex@example.com")


def turn(id: str, parent: str | None = None, thread: str = "t") -> Turn:
    """Return a turn in which the user says one thing."""
    said = Said(id=f"m-{id}", role="user", text=f"text of {id}", at=NOW)
    return Turn(id=id, parent=parent, thread=thread, at=NOW, messages=(said,))


@pytest.fixture(params=["sqlite", "redis"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    """Give an empty journal."""
    if request.param == "sqlite":
        async with open_sqlite_journal(tmp_path / "journal.sqlite") as journal:
            yield journal
        return
    client = Redis.from_url(request.getfixturevalue("redis_url"), socket_timeout=5)
    async with open_redis_journal(client, timedelta(days=90)) as journal:
        yield journal
    await client.aclose()
