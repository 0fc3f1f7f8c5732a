"""Reads stores behind the application's back: every key, row and file, as bytes.

Nothing here is a test.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import chromadb
from redis import Redis

from stores.chroma.packed import unpack

MARK = re.compile(rb"(?:mark|reply)\d+[a-z]\b")


CHROMA_LOG = b"embeddings_queue"
"""Chroma's log of writes, also of deleted rows: nothing reads it, and only a purge empties it."""


def marks_in(found: Iterator[bytes]) -> set[str]:
    """Return the markers in raw values."""
    return {mark.decode() for value in found for mark in MARK.findall(value)}


def rows(backend: dict[str, Any], data_dir: Path) -> set[str]:
    """Return the markers in every row and key that the stores hold."""
    found = marks_in(sqlite_values(data_dir))
    if "redis_url" in backend:
        found |= marks_in(redis_values(backend["redis_url"]))
    if "chroma_url" in backend:
        found |= marks_in(chroma_values(backend["chroma_url"]))
    return found


def files(data_dir: Path) -> dict[str, set[str]]:
    """Return the markers in the bytes of every file, by its name; others are left out."""
    found = {}
    for path in sorted(data_dir.rglob("*")):
        if path.is_file() and (marked := marks_in(iter([path.read_bytes()]))):
            found[str(path.relative_to(data_dir))] = marked
    return found


def sqlite_values(data_dir: Path) -> Iterator[bytes]:
    """Yield every value of every table of every SQLite file."""
    for path in sorted({*data_dir.rglob("*.sqlite"), *data_dir.rglob("*.sqlite3")}):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
            database.text_factory = bytes
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (table,) in tables.fetchall():
                if table == CHROMA_LOG:
                    continue
                for row in database.execute(f'SELECT * FROM "{table.decode()}"'):
                    yield from (_bytes(value) for value in row)


def redis_values(url: str) -> Iterator[bytes]:
    """Yield every key with all it holds."""
    with Redis.from_url(url) as client:
        for key in client.scan_iter():
            yield key
            kind = client.type(key)
            if kind == b"hash":
                yield from (part for pair in client.hgetall(key).items() for part in pair)
            elif kind == b"set":
                yield from client.smembers(key)
            elif kind == b"zset":
                yield from client.zrange(key, 0, -1)
            elif kind == b"list":
                yield from client.lrange(key, 0, -1)
            elif kind == b"string":
                yield client.get(key) or b""
            else:
                yield _bytes(client.execute_command("JSON.GET", key))


def chroma_values(url: str) -> Iterator[bytes]:
    """Yield every document and all metadata of every collection of a server."""
    host, _, port = url.removeprefix("http://").partition(":")
    client = chromadb.HttpClient(host, int(port))
    for collection in client.list_collections():
        held = collection.get(include=["documents", "metadatas"])
        for part in ("ids", "documents"):
            yield str(held[part]).encode(errors="replace")
        for metadata in held["metadatas"] or ():
            yield from (_bytes(value) for value in metadata.values())


def _bytes(value: object) -> bytes:
    raw = value if isinstance(value, bytes) else str(value).encode(errors="replace")
    return json.dumps(unpack(raw.decode())).encode() if raw.startswith(b"zlib:") else raw
