"""What the bot must still know after a restart: how far each update got, and who talks with whom.

One SQLite file in the data dir. Nothing that anybody said is in it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiosqlite

from domain.owner import digest

FILE = "telegram.db"
_TABLES = """
CREATE TABLE IF NOT EXISTS updates (
    bot INTEGER, id INTEGER, thread TEXT, sent TEXT, done INTEGER, PRIMARY KEY (bot, id));
CREATE TABLE IF NOT EXISTS characters (
    bot INTEGER, user TEXT, character TEXT, PRIMARY KEY (bot, user));
"""


@dataclass
class Delivery:
    """How far one update got."""

    inbox: "Inbox"
    update: int
    thread: str | None = None
    """The thread that it is answered on; None: it was not begun."""
    sent: list[int] = field(default_factory=list)
    """Ids of the messages that were sent in reply."""
    done: bool = False

    async def begin(self, thread: str) -> None:
        """Note the thread that it is answered on."""
        self.thread = thread
        await self.inbox.write(self)

    async def add(self, message: int, at: int | None = None) -> None:
        """Note a message that was sent in reply; `at`: in place of another one."""
        if at is None:
            self.sent.append(message)
        else:
            self.sent[at] = message
        await self.inbox.write(self)

    async def finish(self) -> None:
        """Note that nothing more is to be done about it."""
        self.done = True
        await self.inbox.write(self)


class Inbox:
    """The updates of one bot that Telegram may bring again, and its users' choices."""

    def __init__(self, database: aiosqlite.Connection, bot: int) -> None:
        """Use an open database, which has the tables."""
        self._database, self._bot = database, bot

    async def delivery(self, update: int) -> Delivery:
        """Return how far an update got."""
        asked = "SELECT thread, sent, done FROM updates WHERE bot = ? AND id = ?"
        async with self._database.execute(asked, (self._bot, update)) as rows:
            row = await rows.fetchone()
        if row is None:
            return Delivery(self, update)
        return Delivery(self, update, row[0], json.loads(row[1]), bool(row[2]))

    async def write(self, delivery: Delivery) -> None:
        """Write down how far an update got."""
        await self._database.execute(
            "INSERT OR REPLACE INTO updates VALUES (?, ?, ?, ?, ?)",
            (
                self._bot,
                delivery.update,
                delivery.thread,
                json.dumps(delivery.sent),
                delivery.done,
            ),
        )

    async def acknowledged(self, before: int) -> None:
        """Drop what is known of updates that Telegram does not bring again."""
        await self._database.execute(
            "DELETE FROM updates WHERE bot = ? AND id < ?", (self._bot, before)
        )

    async def character(self, user: str) -> str | None:
        """Return whom a user chose to talk with."""
        asked = "SELECT character FROM characters WHERE bot = ? AND user = ?"
        async with self._database.execute(asked, (self._bot, digest(user))) as rows:
            row = await rows.fetchone()
        return str(row[0]) if row else None

    async def choose(self, user: str, character: str) -> None:
        """Note whom a user chose to talk with."""
        await self._database.execute(
            "INSERT OR REPLACE INTO characters VALUES (?, ?, ?)",
            (self._bot, digest(user), character),
        )


@asynccontextmanager
async def open_inbox(data_dir: Path, bot: int) -> AsyncIterator[Inbox]:
    """Open what is known of the updates of a bot."""
    await asyncio.to_thread(data_dir.mkdir, parents=True, exist_ok=True)
    async with aiosqlite.connect(data_dir / FILE, isolation_level=None) as database:
        await database.executescript(_TABLES)
        yield Inbox(database, bot)
