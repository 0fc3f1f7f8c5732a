"""Reads of a store over the shards: get, search by meaning, search by filter, list namespaces.

Every call here blocks: use a thread. Nothing here writes or embeds.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from threading import Lock

from cachetools import LRUCache
from langgraph.store.base import GetOp, Item, ListNamespacesOp, SearchItem, SearchOp

from stores.base_store.filters import choose_namespaces, literal_prefix, matches
from stores.base_store.items import Namespace, StoredItem, Vector
from stores.chroma.rows import (
    Metadata,
    decode,
    is_item,
    prefix_digest,
    record_id,
    record_of,
    shard_of,
    within,
)
from stores.chroma.shards import PAGE, Shards

Wanted = tuple[Namespace, Sequence[str], int]
"""A namespace, keys in it, and how many of them at most."""

_WIDER = 4
"""How many times more rows are asked for when the nearest ones were not enough items."""
_ROWS = 200_000
"""Ids of rows that a process keeps at hand, of all namespaces: some 40 MB."""
_rows: LRUCache[Namespace, tuple[tuple[str, ...], dict[str, str]]] = LRUCache(
    _ROWS, getsizeof=lambda kept: min(len(kept[0]) + 1, _ROWS)
)
_rows_lock = Lock()


def shards_of(shards: Shards, prefix: Namespace) -> list[int]:
    """The shards where a namespace prefix may have rows: one, or all for an empty prefix."""
    if not prefix:
        return shards.existing()
    return [shard_of(prefix_digest(prefix[:1]), shards.layout.shards)]


def first_rows(shards: Shards, records: Iterable[tuple[int, str]]) -> dict[str, StoredItem]:
    """Items by the ids of their first rows, one read a shard; `records` are shards and ids."""
    wanted = defaultdict(set)
    for shard, record in records:
        wanted[shard].add(record)
    return {
        row: stored
        for shard, ids in wanted.items()
        for row, metadata in shards.get(shard, sorted(ids))
        if (stored := decode(metadata)) is not None
    }


def get_items(shards: Shards, ops: dict[int, GetOp]) -> dict[int, Item | None]:
    """Results of gets, under the same numbers."""
    places = {
        number: (shards_of(shards, op.namespace)[0], record_id(op.namespace, op.key))
        for number, op in ops.items()
        if op.namespace
    }
    rows = first_rows(shards, places.values())
    items = {number: rows.get(record) for number, (_, record) in places.items()}
    return {number: stored.item if (stored := items.get(number)) else None for number in ops}


def search(shards: Shards, op: SearchOp, vector: Vector | None) -> list[SearchItem]:
    """Items under a prefix that meet the filter: nearest first, or as first written."""
    if op.limit <= 0:
        return []
    if vector is not None:
        ranked = _nearest(shards, op, vector)
        return [_found(item, score) for item, score in ranked[op.offset : op.offset + op.limit]]
    chosen: list[SearchItem] = []
    for item in _listed(shards, op):
        chosen.append(_found(item, None))
        if len(chosen) == op.offset + op.limit:
            break
    return chosen[op.offset :]


def nearest_keys(
    shards: Shards, wanted: Sequence[Wanted], vector: Vector
) -> list[list[tuple[str, float]]]:
    """The keys whose items' first vectors are nearest, best first, with their similarity.

    One search over all of them, which have one first label; a second one for a namespace of which
    that found too few. One list for each of `wanted`.
    """
    rows = [rows_of(namespace, tuple(keys)) for namespace, keys, _ in wanted]
    shard = shards_of(shards, wanted[0][0])[0]
    hits = shards.among(shard, vector, [row for keys in rows for row in keys]) or {}
    nearest = []
    for keys, (namespace, _, limit) in zip(rows, wanted, strict=True):
        near = {row: far for row, far in hits.items() if row in keys}
        if len(near) < min(limit, len(keys)):
            near = _distances(shards, shard, namespace, keys, vector, limit)
        best = nsmallest(limit, near, key=near.__getitem__)
        nearest.append([(keys[row], min(1.0, max(0.0, 1.0 - near[row]))) for row in best])
    return nearest


def rows_of(namespace: Namespace, keys: tuple[str, ...]) -> dict[str, str]:
    """The keys of a namespace by the id of the item's first row.

    Kept for the keys asked for last: an index asks for the same ones, and later for a few more.
    """
    with _rows_lock:
        known, rows = _rows.get(namespace, ((), {}))
    if known != keys:
        ids = {key: row for row, key in rows.items()}
        rows = {ids.get(key) or record_id(namespace, key): key for key in keys}
        with _rows_lock:
            _rows[namespace] = keys, rows
    return rows


def _distances(
    shards: Shards,
    shard: int,
    namespace: Namespace,
    keys: dict[str, str],
    vector: Vector,
    limit: int,
) -> dict[str, float]:
    """Distances of the nearest of these rows; by filter, where they are not all there."""
    near = shards.among(shard, vector, list(keys))
    if near is None:
        ranked, _ = shards.ranked(shard, vector, limit, within(namespace))
        near = {row: far for row, far in ranked if row in keys}
    return near


def _found(item: Item, score: float | None) -> SearchItem:
    return SearchItem(item.namespace, item.key, item.value, item.created_at, item.updated_at, score)


def _belongs(item: Item, op: SearchOp) -> bool:
    """Also compares the namespace itself, so isolation does not rest on a digest alone."""
    prefix = op.namespace_prefix
    return item.namespace[: len(prefix)] == prefix and matches(item.value, op.filter)


def _listed(shards: Shards, op: SearchOp) -> Iterator[Item]:
    size = PAGE if op.filter else min(PAGE, op.offset + op.limit)
    for shard in shards_of(shards, op.namespace_prefix):
        for page in shards.pages(shard, within(op.namespace_prefix), size):
            for _, metadata in page:
                stored = decode(metadata) if is_item(metadata) else None
                if stored is not None and _belongs(stored.item, op):
                    yield stored.item


def _nearest(shards: Shards, op: SearchOp, vector: Vector) -> list[tuple[Item, float]]:
    """Items by their best vector, best first: at least as many as wanted, or all there are."""
    wanted = op.offset + op.limit
    count = wanted * (_WIDER if op.filter else 1)
    while True:
        hits: list[tuple[float, int, str, Metadata]] = []
        more = False
        for shard in shards_of(shards, op.namespace_prefix):
            rows, others = shards.nearest(shard, vector, count, within(op.namespace_prefix))
            hits += [(distance, shard, row, metadata) for row, metadata, distance in rows]
            more = more or others
        ranked = _items_of(shards, op, hits)
        if not more or len(ranked) >= wanted:
            return ranked
        count *= _WIDER


def _items_of(
    shards: Shards, op: SearchOp, hits: list[tuple[float, int, str, Metadata]]
) -> list[tuple[Item, float]]:
    items = {
        row: stored
        for _, _, row, metadata in hits
        if is_item(metadata) and (stored := decode(metadata)) is not None
    }
    elsewhere = {
        (shard, str(metadata["item"])) for _, shard, _, metadata in hits if not is_item(metadata)
    }
    items |= first_rows(shards, ((s, record) for s, record in elsewhere if record not in items))
    ranked: dict[str, tuple[Item, float]] = {}
    for distance, _, row, metadata in sorted(hits, key=lambda hit: hit[0]):
        record, number = record_of(row)
        stored = items.get(record)
        if stored is None or record in ranked:
            continue
        if _current(stored, number, metadata) and _belongs(stored.item, op):
            ranked[record] = stored.item, min(1.0, max(0.0, 1.0 - distance))
    return list(ranked.values())


def _current(stored: StoredItem, number: int, metadata: Metadata) -> bool:
    """Whether a row is one of the vectors its item has now, not a leftover or a filler."""
    written = stored.item.updated_at.isoformat()
    return number < stored.vectors and metadata.get("updated_at") == written


def list_namespaces(shards: Shards, op: ListNamespacesOp) -> list[Namespace]:
    """Namespaces that hold an item and meet the conditions, sorted."""
    prefix = literal_prefix(op.match_conditions)
    written = {
        stored.item.namespace
        for shard in shards_of(shards, prefix)
        for page in shards.pages(shard, within(prefix))
        for _, metadata in page
        if is_item(metadata) and (stored := decode(metadata)) is not None
    }
    return choose_namespaces(op, written)
