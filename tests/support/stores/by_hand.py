"""Writes over what an owner has in the stores, as another program would.

Nothing here is a test.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from redis import Redis

from domain.owner import Owner
from stores.chroma.rows import prefix_digest


class Hand:
    """Writes into any value, behind the program's back."""

    def __init__(self, backend: dict[str, Any], data_dir: Path) -> None:
        """Reach for the stores that these settings name, or for those in the data dir."""
        self._url, self._dir = backend.get("redis_url"), data_dir

    def fields(self, owner: Owner, table: str) -> list[str]:
        """Return the names of the records in `book` or `turns` of an owner's journal."""
        if self._url is None:
            name = "field" if table == "book" else "id"
            with closing(sqlite3.connect(self._dir / "journal.sqlite")) as db:
                rows = db.execute(f"SELECT {name} FROM {table} WHERE owner = ?", (owner.key,))
                return [row[0] for row in rows]
        with Redis.from_url(self._url) as redis:
            keys = redis.scan_iter(match=f"mnemo:{{{owner.key}}}:*:{table}")
            return [name.decode() for key in keys for name in redis.hkeys(key)]

    def put(self, owner: Owner, table: str, field: str, value: str) -> None:
        """Write over one of those records, in every generation that has it."""
        if self._url is None:
            name = "field" if table == "book" else "id"
            with closing(sqlite3.connect(self._dir / "journal.sqlite")) as db, db:
                db.execute(
                    f"UPDATE {table} SET value = ? WHERE owner = ? AND {name} = ?",
                    (value, owner.key, field),
                )
            return
        with Redis.from_url(self._url) as redis:
            for key in redis.scan_iter(match=f"mnemo:{{{owner.key}}}:*:{table}"):
                if redis.hexists(key, field):
                    redis.hset(key, field, value)

    def drop_lists(self, owner: Owner) -> None:
        """Delete what lists an owner, its threads and its generations."""
        if self._url is None:
            with closing(sqlite3.connect(self._dir / "journal.sqlite")) as db, db:
                for table in ("owners", "book", "listed_threads", "generations"):
                    db.execute(f"DELETE FROM {table} WHERE owner = ?", (owner.key,))
            return
        with Redis.from_url(self._url) as redis:
            lists = redis.keys(f"mnemo:{{{owner.key}}}:*")
            kept = [key for key in lists if not key.endswith((b":turns", b":generation"))]
            redis.delete("mnemo:owners", f"mnemo:user:{owner.user_key}", *kept)

    def checkpoints(self, thread: str, value: bytes) -> None:
        """Write over all checkpoints of a thread."""
        if self._url is None:
            with closing(sqlite3.connect(self._dir / "checkpoints.sqlite")) as db, db:
                change = "UPDATE checkpoints SET checkpoint = ? WHERE thread_id = ?"
                db.execute(change, (value, thread))
            return
        with Redis.from_url(self._url) as redis:
            for key in redis.scan_iter(match=f"mnemo:checkpoint-rows:{{{thread}}}"):
                for name in redis.hkeys(key):
                    if name.startswith(b"checkpoint:"):
                        redis.hset(key, name, value)


def chroma_rows(store: Any, owner: Owner) -> list[tuple[Any, str]]:
    """Return the collection and id of every row that lies under an owner in an open Chroma."""
    under = {"p2": prefix_digest([owner.user_key, owner.character_key])}
    return [
        (collection, row)
        for name, collection in store._shards.link.collections().items()
        if name != "mnemo-meta"
        for row in collection.get(where=under, include=[])["ids"]
    ]
