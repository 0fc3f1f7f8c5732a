"""Whose the threads and journals in the data dir are: the readable ids of owners."""

import json
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence

from domain.owner import (
    Holder,
    NamelessOwner,
    Owner,
    digest,
    listed_owner,
    owner_to_json,
    owners_in,
)
from stores.sqlite.connection import SqliteConnection, column, pairs


class OwnerIndex:
    """Owners by user and by thread, in the journal's file."""

    def __init__(self, db: SqliteConnection) -> None:
        """Use an open connection."""
        self.db = db

    async def note_holder(self, thread: str, holder: Holder) -> None:
        """Record whom a thread belongs to, with the readable ids."""
        owner = (holder.owner.key, owner_to_json(holder.owner))

        def note(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO owners VALUES (?, ?)", owner)
            named = (digest(thread), holder.to_json())
            db.execute("INSERT OR REPLACE INTO threads VALUES (?, ?)", named)

        await self.db.write(note)

    async def drop_holders(self, holders: Mapping[str, Holder]) -> None:
        """Forget whom threads belong to, save where another holder was noted meanwhile.

        What cannot be read goes too.
        """

        def drop(db: sqlite3.Connection) -> None:
            stored = _stored(db, [*holders])
            gone = [
                (digest(thread),)
                for thread, holder in holders.items()
                if Holder.from_json(stored.get(digest(thread), "")) in (holder, None)
            ]
            db.executemany("DELETE FROM threads WHERE thread = ?", gone)

        await self.db.write(drop)

    async def drop_owner(self, owner: Owner) -> None:
        """Forget the readable ids of an owner."""
        delete = "DELETE FROM owners WHERE owner = ?"
        await self.db.write(lambda db: db.execute(delete, (owner.key,)))

    async def holders(self, threads: Sequence[str]) -> dict[str, Holder]:
        """Return whom some threads belong to; one that nobody has spoken on is left out."""
        rows = await self.db.read(lambda db: _stored(db, threads))
        read = {thread: Holder.from_json(rows.get(digest(thread), "")) for thread in threads}
        return {thread: holder for thread, holder in read.items() if holder}

    async def damaged(self) -> AsyncGenerator[str | None]:
        """Yield the name of each row that cannot be read, None for each that can."""
        owners, threads = await self.db.read(
            lambda db: (
                pairs(db, "SELECT owner, value FROM owners"),
                pairs(db, "SELECT thread, owner FROM threads"),
            )
        )
        for key, text in owners.items():
            yield None if listed_owner(key, text) else f"the name of owner {key}"
        for thread, text in threads.items():
            yield None if Holder.from_json(text) else f"the owner of thread {thread}"

    async def owners(self) -> list[Owner]:
        """Return every owner that has a journal."""
        return await self._owners("ORDER BY owner")

    async def some_owners(self, most: int) -> list[Owner]:
        """Return so many owners that have a journal, or all there are, in no order."""
        return await self._owners("LIMIT ?", str(most))

    async def owners_of(self, user_id: str) -> list[Owner]:
        """Return every owner of one user that has a journal, without looking at other users'."""
        # An owner's key begins with the user's digest and "-", and "." comes after "-".
        user, which = digest(user_id), "WHERE owner > ? AND owner < ? ORDER BY owner"
        return await self._owners(which, f"{user}-", f"{user}.")

    async def _owners(self, which: str, *args: str) -> list[Owner]:
        listed = f"SELECT owner, value FROM owners {which}"
        return owners_in(await self.db.read(lambda db: pairs(db, listed, *args)))

    async def owners_left(self, user_id: str) -> list[Owner]:
        """Return every owner of one user that any row is there of."""
        user, ids = digest(user_id), {owner.key: owner for owner in await self.owners_of(user_id)}
        tables = ("generations", "book", "turns", "listed_threads", "owners", "counts")
        rows = " UNION ".join(f"SELECT owner FROM {table}" for table in tables)
        left = f"SELECT owner FROM ({rows}) WHERE owner LIKE ? || '-%'"
        for key in await self.db.read(lambda db: column(db, left, user)):
            ids.setdefault(key, NamelessOwner(user_id, key.removeprefix(f"{user}-")))
        return [ids[key] for key in sorted(ids)]

    async def generations(self, owner: Owner) -> set[str]:
        """Return the name of each generation that any row is there of."""
        tables = ("book", "turns", "listed_threads")
        rows = " UNION ".join(f"SELECT owner, generation FROM {table}" for table in tables)
        named = f"SELECT generation FROM ({rows}) WHERE owner = ?"
        return {*await self.db.read(lambda db: column(db, named, owner.key))}


def _stored(db: sqlite3.Connection, threads: Sequence[str]) -> dict[str, str]:
    """Return the rows of some threads, as they are."""
    keys = json.dumps([digest(thread) for thread in threads])
    named = "SELECT thread, owner FROM threads, json_each(?) AS key WHERE thread = key.value"
    return pairs(db, named, keys)
