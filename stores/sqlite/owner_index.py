"""Whose the threads and journals in the data dir are: the readable ids of owners."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import aiosqlite

from domain.owner import (
    Holder,
    NamelessOwner,
    Owner,
    digest,
    listed_owner,
    owner_to_json,
    owners_in,
)
from stores.sqlite.connection import ConnectionLock


class OwnerIndex:
    """Owners by user and by thread, in the journal's file."""

    def __init__(self, connection: aiosqlite.Connection, seconds: float) -> None:
        """Use an open connection in autocommit mode; calls wait `seconds` for other programs."""
        self._db = connection
        self._lock = ConnectionLock(connection, "The journal in the data dir", seconds)

    @asynccontextmanager
    async def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> AsyncIterator[None]:
        """Do what is done in it together, or not at all."""
        async with self._lock:
            await self._db.execute(begin)
            yield
            await self._db.commit()

    async def _pairs(self, sql: str, *args: str) -> dict[str, str]:
        return {str(key): str(value) for key, value in await self._db.execute_fetchall(sql, args)}

    async def _column(self, sql: str, *args: str) -> list[str]:
        return [str(row[0]) for row in await self._db.execute_fetchall(sql, args)]

    async def _value(self, sql: str, *args: str) -> str | None:
        return next(iter(await self._column(sql, *args)), None)

    async def note_holder(self, thread: str, holder: Holder) -> None:
        """Record whom a thread belongs to, with the readable ids."""
        owner = holder.owner
        async with self._transaction():
            await self._db.execute(
                "INSERT OR REPLACE INTO owners VALUES (?, ?)", (owner.key, owner_to_json(owner))
            )
            await self._db.execute(
                "INSERT OR REPLACE INTO threads VALUES (?, ?)",
                (digest(thread), holder.to_json()),
            )

    async def drop_holders(self, holders: Mapping[str, Holder]) -> None:
        """Forget whom threads belong to, save where another holder was noted meanwhile.

        What cannot be read goes too.
        """
        async with self._transaction():
            stored = await self._stored([*holders])
            gone = [
                (digest(thread),)
                for thread, holder in holders.items()
                if Holder.from_json(stored.get(digest(thread), "")) in (holder, None)
            ]
            await self._db.executemany("DELETE FROM threads WHERE thread = ?", gone)

    async def drop_owner(self, owner: Owner) -> None:
        """Forget the readable ids of an owner."""
        async with self._transaction():
            await self._db.execute("DELETE FROM owners WHERE owner = ?", (owner.key,))

    async def holders(self, threads: Sequence[str]) -> dict[str, Holder]:
        """Return whom some threads belong to; one that nobody has spoken on is left out."""
        async with self._lock:
            rows = await self._stored(threads)
        read = {thread: Holder.from_json(rows.get(digest(thread), "")) for thread in threads}
        return {thread: holder for thread, holder in read.items() if holder}

    async def _stored(self, threads: Sequence[str]) -> dict[str, str]:
        """Return the rows of some threads, as they are."""
        keys = json.dumps([digest(thread) for thread in threads])
        return await self._pairs(
            "SELECT thread, owner FROM threads, json_each(?) AS key WHERE thread = key.value", keys
        )

    async def damaged(self) -> AsyncGenerator[str | None]:
        """Yield the name of each row that cannot be read, None for each that can."""
        async with self._transaction("BEGIN"):
            owners = await self._pairs("SELECT owner, value FROM owners")
            threads = await self._pairs("SELECT thread, owner FROM threads")
        for key, text in owners.items():
            yield None if listed_owner(key, text) else f"the name of owner {key}"
        for thread, text in threads.items():
            yield None if Holder.from_json(text) else f"the owner of thread {thread}"

    async def owners(self) -> list[Owner]:
        """Return every owner that has a journal."""
        async with self._lock:
            stored = await self._pairs("SELECT owner, value FROM owners ORDER BY owner")
        return owners_in(stored)

    async def some_owners(self, most: int) -> list[Owner]:
        """Return so many owners that have a journal, or all there are, in no order."""
        async with self._lock:
            stored = await self._pairs("SELECT owner, value FROM owners LIMIT ?", str(most))
        return owners_in(stored)

    async def owners_of(self, user_id: str) -> list[Owner]:
        """Return every owner of one user that has a journal, without looking at other users'."""
        # An owner's key begins with the user's digest and "-", and "." comes after "-".
        user = digest(user_id)
        async with self._lock:
            stored = await self._pairs(
                "SELECT owner, value FROM owners WHERE owner > ? AND owner < ? ORDER BY owner",
                f"{user}-",
                f"{user}.",
            )
        return owners_in(stored)

    async def owners_left(self, user_id: str) -> list[Owner]:
        """Return every owner of one user that any row is there of."""
        user, ids = digest(user_id), {owner.key: owner for owner in await self.owners_of(user_id)}
        tables = ("generations", "book", "turns", "listed_threads", "owners", "counts")
        rows = " UNION ".join(f"SELECT owner FROM {table}" for table in tables)
        async with self._lock:
            keys = await self._column(
                f"SELECT owner FROM ({rows}) WHERE owner LIKE ? || '-%'", user
            )
        for key in keys:
            ids.setdefault(key, NamelessOwner(user_id, key.removeprefix(f"{user}-")))
        return [ids[key] for key in sorted(ids)]

    async def generations(self, owner: Owner) -> set[str]:
        """Return the name of each generation that any row is there of."""
        tables = ("book", "turns", "listed_threads")
        rows = " UNION ".join(f"SELECT owner, generation FROM {table}" for table in tables)
        async with self._lock:
            return {
                *await self._column(f"SELECT generation FROM ({rows}) WHERE owner = ?", owner.key)
            }
