"""Long lists in pages: a limit, and a cursor to where the next page begins."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import HTTPException, Query
from pydantic import BaseModel, Field

from domain.json_text import read_json

T = TypeVar("T")
Key = tuple[int | float | str, ...]
"""What a list is sorted by; no two items have the same."""

Limit = Annotated[int, Query(ge=1, le=500, description="Items at most.")]
Cursor = Annotated[str | None, Query(description="`next` of the page before.")]


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(description="Cursor to the next page; null on the last one.")


def page_after(
    items: Sequence[T], key: Callable[[T], Key], limit: int, cursor: str | None
) -> tuple[list[T], str | None]:
    """Return the first items whose key is above the cursor's, and the cursor to what follows."""
    rest = sorted(items, key=key)
    if cursor is not None:
        after = read_cursor(cursor)
        rest = [item for item in rest if _above(key(item), after)]
    shown = rest[:limit]
    return shown, write_cursor(key(shown[-1])) if len(rest) > limit else None


def page_before(
    items: Sequence[T], key: Callable[[T], Key], limit: int, cursor: str | None
) -> tuple[list[T], str | None]:
    """Return the last items whose key is below the cursor's, and the cursor to what is older."""
    rest = sorted(items, key=key)
    if cursor is not None:
        before = read_cursor(cursor)
        rest = [item for item in rest if _above(before, key(item))]
    shown = rest[-limit:]
    return shown, write_cursor(key(shown[0])) if len(rest) > limit else None


def write_cursor(key: Key) -> str:
    """Return a key as a client passes it on."""
    return urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_cursor(text: str) -> Key:
    """Return the key of a cursor.

    Raises:
        HTTPException: 422 if it is none.
    """
    try:
        key = read_json(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as error:
        raise _no_cursor() from error
    if not isinstance(key, list) or not all(isinstance(x, int | float | str) for x in key):
        raise _no_cursor()
    return tuple(key)


def _above(key: Key, other: Key) -> bool:
    try:
        return key > other
    except TypeError as error:
        raise _no_cursor() from error


def _no_cursor() -> HTTPException:
    return HTTPException(422, 'The cursor cannot be used: pass on "next" of the page before.')
