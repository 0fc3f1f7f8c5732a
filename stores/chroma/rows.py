"""How an item of a store becomes rows of Chroma, and back. Pure; nothing here reaches Chroma.

An item is one row, or one a vector when several of its fields are indexed. The first row holds
the item, in metadata alone (a `document` would be copied into Chroma's full-text index as well);
the others hold a vector and the first row's id. Every row carries a digest of each beginning of
its namespace, so a prefix search is one equality, and what a user chose is never an id.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

import numpy as np
from langgraph.store.base import Item

from domain.json_text import read_json
from stores.base_store.items import Index, Namespace, StoredItem, Vector, json_text
from stores.chroma.packed import pack, unpack

T = TypeVar("T")
Metadata = Mapping[str, Any]
Entry = tuple[str, Metadata]
"""Id and metadata of a row."""
Where = dict[str, Any] | None
"""Chroma's filter; None for every row."""
_NEVER = datetime.fromtimestamp(0, UTC)
_log = logging.getLogger(__name__)

WRITE_ROWS, _WRITE_CHARACTERS = 1000, 8_000_000
"""Most rows, and about the most text, in one write; a server refuses bodies over 40 MB."""


class Row(NamedTuple):
    """One record of Chroma."""

    id: str
    vector: Vector
    metadata: Metadata


def _digest(value: Any) -> str:
    return blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()


def prefix_digest(labels: Sequence[str]) -> str:
    """32 hex characters that stand for exactly these labels, in this order."""
    return _digest(list(labels))


def record_id(namespace: Namespace, key: str) -> str:
    """Id of an item's first row."""
    return _digest([list(namespace), key])


def vector_ids(record: str, start: int, stop: int) -> list[str]:
    """Ids of an item's rows `start` to `stop - 1`; row 0 is the item's own."""
    return [f"{record}-{number}" if number else record for number in range(start, stop)]


def record_of(row_id: str) -> tuple[str, int]:
    """The id of the item's first row, and which of its rows this is."""
    record, _, number = row_id.partition("-")
    return record, int(number) if number.isascii() and number.isdigit() else 0


def shard_of(first_digest: str, shards: int) -> int:
    """Number of the shard (0 to `shards - 1`) of a namespace, by its first label's digest."""
    return int(first_digest[:12], 16) % shards


def within(prefix: Namespace) -> Where:
    """Chroma's `where` for every row under a namespace prefix; None where it is empty."""
    return {f"p{len(prefix)}": prefix_digest(prefix)} if prefix else None


def cosine_distance(left: Vector, right: Vector) -> float:
    """0 for the same direction, 2 for the opposite one; 1 where one of them has none."""
    norms = float(np.linalg.norm(left) * np.linalg.norm(right))
    return 1.0 - float(np.dot(left, right)) / norms if norms else 1.0


def _filler(record: str, dimensions: int) -> Vector:
    """A direction of its own for a row without a vector: equal ones would tangle the index."""
    random = np.random.default_rng(int(record, 16))
    return random.standard_normal(dimensions).astype(np.float32)


def encode(item: Item, index: Index, vectors: Sequence[Vector], dimensions: int) -> list[Row]:
    """Rows of an item.

    Args:
        item: what to keep.
        index: the paths its vectors were made from.
        vectors: usable vectors of its texts; without any it is found by filters only.
        dimensions: length of a vector.
    """
    record = record_id(item.namespace, item.key)
    updated = item.updated_at.isoformat()
    prefixes = {
        f"p{size}": prefix_digest(item.namespace[:size])
        for size in range(1, len(item.namespace) + 1)
    }
    first = prefixes | {
        "namespace": json_text(item.namespace),
        "key": json_text(item.key),
        "value": pack(item.value),
        "index": json_text(index),
        "vectors": len(vectors),
        "created_at": item.created_at.isoformat(),
        "updated_at": updated,
    }
    rows = [Row(record, vectors[0] if vectors else _filler(record, dimensions), first)]
    ids = vector_ids(record, 1, len(vectors))
    for row_id, vector in zip(ids, vectors[1:], strict=True):
        rows.append(Row(row_id, vector, prefixes | {"item": record, "updated_at": updated}))
    return rows


def is_item(metadata: Metadata) -> bool:
    """Whether a row is an item's first: the others, which hold a vector, name it."""
    return "item" not in metadata


def decode(metadata: Metadata) -> StoredItem | None:
    """The item of a first row; None, with a warning, where it does not say which item it is.

    What else of it cannot be read (another program wrote there) is empty: such an item is found and
    deleted like any other, and whoever needs its value passes over it.
    """
    try:
        namespace, key = tuple(read_json(metadata["namespace"])), read_json(metadata["key"])
    except (KeyError, TypeError, ValueError):
        namespace, key = (), None
    if not namespace or not all(isinstance(name, str) for name in (*namespace, key)):
        _log.warning("A row of Chroma does not say what it holds and is left out.")
        return None
    value, paths = _read(metadata, "value", dict), _read(metadata, "index", list)
    item = Item(
        namespace=namespace,
        key=key,
        value=value or {},
        created_at=_time(metadata, "created_at"),
        updated_at=_time(metadata, "updated_at"),
    )
    count = metadata.get("vectors", 0)
    return StoredItem(item, paths or False, count if isinstance(count, int) else 0)


def _read(metadata: Metadata, field: str, kind: type[T]) -> T | None:
    try:
        value = unpack(metadata[field])
    except (KeyError, TypeError, ValueError):
        return None
    return value if isinstance(value, kind) else None


def _time(metadata: Metadata, field: str) -> datetime:
    try:
        at = datetime.fromisoformat(metadata[field])
    except (KeyError, TypeError, ValueError):
        return _NEVER
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def portions(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows in portions that one write can take."""
    part: list[Row] = []
    size = 0
    for row in rows:
        length = sum(len(str(value)) for value in row.metadata.values())
        if part and (len(part) == WRITE_ROWS or size + length > _WRITE_CHARACTERS):
            yield part
            part, size = [], 0
        part.append(row)
        size += length
    if part:
        yield part
