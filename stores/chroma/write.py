"""Writes of a store to one shard: rows that go, then rows that come, one call each.

Every call here blocks: use a thread. Nothing here embeds.
"""

from datetime import UTC, datetime, timedelta

from langgraph.store.base import Item

from stores.base_store.batch import Vectors, Write
from stores.base_store.items import StoredItem
from stores.chroma.rows import Row, encode, record_id, vector_ids
from stores.chroma.search import first_rows
from stores.chroma.shards import Shards


def write_items(shards: Shards, shard: int, writes: list[Write], vectors: Vectors) -> bool:
    """Put and delete items of one shard.

    Rows that go are deleted first, so a crash in between leaves no vector without its item.

    Args:
        shards: where to write.
        shard: number of the shard that all the items belong to.
        writes: at most one a key.
        vectors: vectors of their texts.

    Returns:
        Whether rows were deleted.
    """
    records = {record_id(write.op.namespace, write.op.key): write for write in writes}
    before = first_rows(shards, ((shard, record) for record in records))
    now = datetime.now(UTC)
    gone: list[str] = []
    rows: list[Row] = []
    for record, write in records.items():
        old = before.get(record)
        fresh = _rows(write, old, vectors, now, shards.layout.dimensions)
        gone += vector_ids(record, len(fresh), max(1, old.vectors) if old else 0)
        rows += fresh
    if gone:
        shards.delete(shard, gone)
    if rows:
        shards.upsert(shard, rows)
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
    known = [vectors.documents[text] for text in write.texts]
    found = [vector for vector in known if vector is not None]
    return encode(item, write.paths, found, dimensions)
