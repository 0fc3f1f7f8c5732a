"""Writes of a store to one shard: rows that go, then rows that come, one call each.

Every call here blocks: use a thread. Nothing here embeds.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from langgraph.store.base import Item

from stores.base_store.batch import Vectors, Write
from stores.base_store.items import Place, StoredItem, Times
from stores.chroma.rows import Row, encode, is_item, record_id, vector_ids
from stores.chroma.search import first_rows
from stores.chroma.shards import Shards


def write_items(
    shards: Shards,
    shard: int,
    writes: Sequence[Write],
    vectors: Vectors,
    times: Mapping[Place, Times],
) -> bool:
    """Put and delete items of one shard, at most one a key; return whether rows were deleted.

    Rows that go are deleted first, so a crash in between leaves no vector without its item. Items
    come after their further vectors: an item that is there has all of them. Those that `times`
    does not name are written now.
    """
    records = {record_id(write.op.namespace, write.op.key): write for write in writes}
    before = first_rows(shards, ((shard, record) for record in records))
    now = datetime.now(UTC)
    gone: list[str] = []
    come: list[Row] = []
    for record, write in records.items():
        old = before.get(record)
        place = write.op.namespace, write.op.key
        at = times.get(place) or _written(now, old)
        rows = rows_of(write, at, vectors, shards.layout.dimensions)
        gone += vector_ids(record, len(rows), max(1, old.vectors) if old else 0)
        come += rows
    if gone:
        shards.delete(shard, gone)
    if come:
        shards.upsert(shard, sorted(come, key=lambda row: is_item(row.metadata)))
    return bool(gone)


def _written(now: datetime, old: StoredItem | None) -> Times:
    if old is None:
        return now, now
    # The time of its writing tells an item's rows from leftovers: it moves.
    return old.item.created_at, max(now, old.item.updated_at + timedelta(microseconds=1))


def rows_of(write: Write, times: Times, vectors: Vectors, dimensions: int) -> list[Row]:
    """Return the rows of an item; none where it is deleted."""
    if write.op.value is None:
        return []
    created, updated = times
    item = Item(
        namespace=write.op.namespace,
        key=write.op.key,
        value=dict(write.op.value),
        created_at=created,
        updated_at=updated,
    )
    known = [v for text in write.texts if (v := vectors.documents[text]) is not None]
    return encode(item, write.paths, known, dimensions)
