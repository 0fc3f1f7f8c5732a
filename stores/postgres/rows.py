"""Translates a batch of operations for the library's store, and its answers back. Pure."""

from collections.abc import Sequence
from math import isnan
from typing import Any

from langgraph.store.base import (
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    get_text_at_path,
)

from stores.base_store.batch import Plan, Vectors, Write
from stores.base_store.filters import choose_namespaces, literal_prefix, matches
from stores.base_store.items import StoredItem
from stores.postgres.library import FieldVector
from stores.postgres.text import escaped, path_of, restored, storable, unescaped

_ALL = 2**31 - 1


# What the library is asked


def reads_of(plan: Plan) -> dict[int, Op]:
    """Return the reads of a batch as the library is asked them, by their numbers."""
    asked: dict[int, Op] = {
        number: GetOp(_labels(op.namespace), escaped(op.key), refresh_ttl=False)
        for number, op in plan.gets.items()
        if op.namespace
    }
    for number, op in plan.searches.items():
        if op.limit > 0:
            # The library compares numbers in a filter as text: it is applied here.
            limit, offset = (_ALL, 0) if op.filter else (op.limit, op.offset)
            prefix = _labels(op.namespace_prefix)
            asked[number] = SearchOp(prefix, None, limit, offset, op.query or None, False)
    for number, listing in plan.listings.items():
        prefix = literal_prefix(listing.match_conditions)
        conditions = (MatchCondition("prefix", _labels(prefix)),) if prefix else ()
        asked[number] = ListNamespacesOp(conditions, None, _ALL, 0)
    return asked


def _labels(namespace: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(escaped, namespace))


def stored_prefix(namespace: Sequence[str]) -> str:
    """Return how Postgres has a namespace."""
    return ".".join(_labels(namespace))


def stored(write: Write) -> PutOp:
    """Return a put as Postgres takes it; its vectors go beside it."""
    value = None if write.op.value is None else storable(write.op.value)
    return PutOp(_labels(write.op.namespace), escaped(write.op.key), value)


def vectors_in(write: Write, vectors: Vectors) -> list[FieldVector]:
    """Return the vectors of an item's texts, blank ones left out."""
    if write.op.value is None:
        return []
    rows: list[FieldVector] = []
    for path in dict.fromkeys(write.paths or ()):
        texts = get_text_at_path(dict(write.op.value), path)
        for number, text in enumerate(texts):
            if text in vectors.documents:
                vector = vectors.documents[text]
                field = escaped(f"{path}.{number}" if len(texts) > 1 else path)
                place = _labels(write.op.namespace), escaped(write.op.key)
                numbers = None if vector is None else vector.tolist()
                rows.append(FieldVector(*place, field, numbers))
    return rows


# What the library answers


def answer_of(plan: Plan, number: int, result: Any) -> Result:
    """Return the answer to one read of a batch from what the library answered."""
    if number in plan.listings:
        namespaces = (tuple(map(unescaped, prefix)) for prefix in result)
        return choose_namespaces(plan.listings[number], namespaces)
    if number in plan.gets:
        return Item(**_fields(result)) if result is not None else None
    op = plan.searches[number]
    # A text that the model knows nothing of has a row without a vector, so without a score.
    items = [_scored(each) for each in result if not op.query or each.score is not None]
    if not op.filter:
        return items
    return [item for item in items if matches(item.value, op.filter)][op.offset :][: op.limit]


def _fields(item: Item) -> dict[str, Any]:
    """Return what an item of the library's holds, as it was put."""
    return {
        "namespace": tuple(map(unescaped, item.namespace)),
        "key": unescaped(item.key),
        "value": restored(item.value),
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }


def _scored(item: SearchItem) -> SearchItem:
    """Return an item with a score from 0 to 1; a query that the model knows nothing of has 0."""
    score = item.score
    if score is not None:
        score = 0.0 if isnan(score) else min(1.0, max(0.0, score))
    return SearchItem(**_fields(item), score=score)


def stored_item(row: dict[str, Any]) -> StoredItem:
    """Return the item of a row of the table, with the paths it was embedded by."""
    value = restored(row["value"])
    item = Item(
        namespace=tuple(map(unescaped, row["prefix"].split("."))),
        key=unescaped(row["key"]),
        value=value,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
    paths = list(dict.fromkeys(path_of(unescaped(field), value) for field in row["fields"]))
    return StoredItem(item, paths or False, len(row["fields"]))
