"""How an item of a store becomes rows of Postgres, and back. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any, NamedTuple

from langgraph.store.base import Item, SearchItem, SearchOp, get_text_at_path

from stores.base_store.batch import Vectors, Write
from stores.base_store.filters import matches
from stores.base_store.items import Namespace, StoredItem
from stores.postgres.text import escaped, path_of, restored, unescaped

Row = Mapping[str, Any]
_WILD = re.compile(r"[\\%_]")
"""What stands for something else in a pattern."""


class FieldVector(NamedTuple):
    """The vector of one text of an item."""

    field: str
    """Path of the text in the value, with its number where the path names several."""
    vector: list[float] | None
    """None where the model knows nothing of the text: it is kept, so that another model may."""


def prefix_of(namespace: Sequence[str]) -> str:
    """Return how Postgres has a namespace."""
    return ".".join(map(escaped, namespace))


def namespace_of(prefix: str) -> Namespace:
    """Return the namespace that Postgres has so."""
    return tuple(map(unescaped, prefix.split(".")))


def columns(places: Iterable[tuple[Namespace, str]]) -> tuple[list[str], list[str]]:
    """Return prefixes and keys of items, as the tables have them."""
    rows = [(prefix_of(namespace), escaped(key)) for namespace, key in places]
    return [prefix for prefix, _ in rows], [key for _, key in rows]


def under(prefix: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that choose all under a namespace prefix."""
    text = prefix_of(prefix)
    below = _WILD.sub(r"\\\g<0>", text) + "." if text else ""
    return {"prefix": text, "below": f"{below}%"}


def searched(op: SearchOp, vectors: Vectors) -> dict[str, Any]:
    """Return the parameters of a search."""
    # What a filter means of numbers, dates and lists is decided in `matches`: it is applied there.
    limit, offset = (None, 0) if op.filter else (op.limit, op.offset)
    asked = under(op.namespace_prefix) | {"limit": limit, "offset": offset}
    return asked | ({"vector": vectors.queries[op.query].tolist()} if op.query else {})


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
                rows.append(FieldVector(field, None if vector is None else vector.tolist()))
    return rows


def item_of(row: Row) -> Item:
    """Return the item of a row."""
    return Item(**_fields(row))


def found(op: SearchOp, rows: Iterable[Row]) -> list[SearchItem]:
    """Return what a search found."""
    items = [SearchItem(**_fields(row), score=_score(row.get("score"))) for row in rows]
    if not op.filter:
        return items
    return [item for item in items if matches(item.value, op.filter)][op.offset :][: op.limit]


def _fields(row: Row) -> dict[str, Any]:
    return {
        "namespace": namespace_of(row["prefix"]),
        "key": unescaped(row["key"]),
        "value": restored(row["value"]),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _score(score: float | None) -> float | None:
    """Return a score from 0 to 1; a query that the model knows nothing of has 0."""
    if score is None:
        return None
    return 0.0 if isnan(score) else min(1.0, max(0.0, score))


def stored_item(row: Row) -> StoredItem:
    """Return the item of a row, with the paths it was embedded by."""
    item = item_of(row)
    paths = list(dict.fromkeys(path_of(unescaped(field), item.value) for field in row["fields"]))
    return StoredItem(item, paths or False, len(row["fields"]))
