"""Writes of a store to one shard: rows that go, then rows that come, one call each.

Every call here blocks: use a thread. Nothing here embeds.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from langgraph.store.base import Item

from stores.base_store.batch import Vectors, Write
from stores.base_store.items import StoredItem, Vector, texts_of
from stores.chroma.rows import Row, encode, is_item, record_id, vector_ids
from stores.chroma.search import first_rows
from stores.chroma.shards import Shards


def write_items(shards: Shards, shard: int, writes: Sequence[Write], vectors: Vectors) -> bool:
    """Put and delete items of one shard, at most one a key; return whether rows were deleted."""
    records = {record_id(write.op.namespace, write.op.key): write for write in writes}
    before = first_rows(shards, ((shard, record) for record in records))
    now = datetime.now(UTC)
    fresh = {
        record: _rows(write, before.get(record), vectors, now, shards.layout.dimensions)
        for record, write in records.items()
    }
    return _replace(shards, shard, fresh, before)


def restore_items(
    shards: Shards, shard: int, items: Sequence[StoredItem], vectors: Vectors
) -> bool:
    """As `write_items`, of items as another store has them: with their times and vectors.

    `vectors` has those of the texts of items that bring none.
    """
    fresh: dict[str, list[Row]] = {}
    for item, paths, _, embedded in items:
        if embedded is None:
            embedded = _known(vectors, texts_of(item.value, paths))
        record = record_id(item.namespace, item.key)
        fresh[record] = encode(item, paths, embedded, shards.layout.dimensions)
    return _replace(shards, shard, fresh, first_rows(shards, ((shard, r) for r in fresh)))


def _replace(
    shards: Shards, shard: int, fresh: dict[str, list[Row]], before: dict[str, StoredItem]
) -> bool:
    """Write the rows of items; return whether others were deleted.

    Rows that go are deleted first, so a crash in between leaves no vector without its item. Items
    come after their further vectors: an item that is there has all of them.
    """
    gone: list[str] = []
    for record, rows in fresh.items():
        old = before.get(record)
        gone += vector_ids(record, len(rows), max(1, old.vectors) if old else 0)
    if gone:
        shards.delete(shard, gone)
    come = [row for rows in fresh.values() for row in rows]
    if come:
        shards.upsert(shard, sorted(come, key=lambda row: is_item(row.metadata)))
    return bool(gone)


def _rows(
    write: Write, old: StoredItem | None, vectors: Vectors, now: datetime, dimensions: int
) -> list[Row]:
    if write.op.value is None:
        return []
    if old is not None:  # the time of its writing tells an item's rows from leftovers: it moves
        now = max(now, old.item.updated_at + timedelta(microseconds=1))
    item = Item(
        namespace=write.op.namespace,
        key=write.op.key,
        value=dict(write.op.value),
        created_at=old.item.created_at if old else now,
        updated_at=now,
    )
    return encode(item, write.paths, _known(vectors, write.texts), dimensions)


def _known(vectors: Vectors, texts: Sequence[str]) -> list[Vector]:
    """Vectors of those texts that the model knows something of."""
    return [v for text in texts if (v := vectors.documents[text]) is not None]
