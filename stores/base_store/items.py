"""An item as any store of ours keeps it: its JSON, the texts embedded of it, and their vectors.

Pure, and nothing of a database: what a backend makes of it lies in the backend's folder.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from langgraph.store.base import Item, get_text_at_path
from numpy.typing import NDArray

from stores.errors import StoreMismatch

Namespace = tuple[str, ...]
Place = tuple[Namespace, str]
"""Namespace and key of an item."""
Times = tuple[datetime, datetime]
"""When an item was created and updated."""
Vector = NDArray[np.float32 | np.int32]
"""float32 in fact; the union is how chromadb types it."""
Index = Literal[False] | list[str]
"""Paths of the fields that are embedded, or False for none."""


class StoredItem(NamedTuple):
    """An item with what was asked of it when it was put."""

    item: Item
    paths: Index
    vectors: int
    """How many vectors it has; 0 where nothing of it was embedded."""


def times_of(items: Iterable[StoredItem]) -> dict[Place, Times]:
    """Return when each of these items was created and updated, by its place."""
    return {(i.namespace, i.key): (i.created_at, i.updated_at) for i, *_ in items}


def json_text(value: Any) -> str:
    """Return JSON that any store takes: escaped where it holds half a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def check_json(key: str, value: Any) -> None:
    """Refuse a value that could not be kept.

    Raises:
        TypeError: if it is not JSON.
    """
    try:
        json_text(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"The value of {key!r} cannot be stored as JSON ({error}): use dicts with text keys, "
            "lists, strings, numbers, booleans and None."
        ) from error


def texts_of(value: Mapping[str, Any], index: Index) -> list[str]:
    """The distinct texts of a value that its index paths name, in order; empty ones left out."""
    paths = index or []
    texts = (text for path in paths for text in get_text_at_path(dict(value), path))
    return [text for text in dict.fromkeys(texts) if text.strip()]


def usable(vector: Iterable[float]) -> Vector | None:
    """The vector, or None where it says nothing: all zeros, or not finite."""
    array = np.asarray(vector, dtype=np.float32)
    return array if np.isfinite(array).all() and array.any() else None


def check_lengths(vectors: Iterable[Sequence[float]], dimensions: int) -> None:
    """Refuse vectors of another length than the store was told.

    Raises:
        StoreMismatch: naming both lengths.
    """
    for vector in vectors:
        if len(vector) != dimensions:
            raise StoreMismatch(
                f"The embedding model gives {len(vector)} numbers a text where {dimensions} were "
                "expected: correct the number of dimensions, then run `mnemo reindex`."
            )
