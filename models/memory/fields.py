"""What the fields of a filled-in form say, however a model wrote them: ids, a text, or nothing."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_NUMBER = re.compile(r"([a-z]?)(\d+)")
_LIST = re.compile(r"\A(?:(?:[\W_]|\band\b)*[a-z]?\d+\b)+", re.IGNORECASE)
"""Numbers one after the other, each with a letter before it at most."""
_NOTHING = frozenset(("", "none", "null", "n/a", "na", "nil", "unknown", "-"))
"""How models write that there is nothing, where JSON has null."""


def or_none(value: Any) -> str | None:
    """Return a field's text; None where it says that there is nothing."""
    text = str(value or "").strip()
    return None if text.casefold() in _NOTHING else text


def longest_text(item: Mapping[str, Any]) -> str:
    """Return what an item says that calls its text something else; "" where it says nothing."""
    said = (each for each in item.values() if isinstance(each, str) and " " in each)
    return max(said, key=len, default="")


def named(given: Any, items: Sequence[T], letter: str = "") -> list[T]:
    """Return the items that "f1, f3", ["f1"], "[2]" or 1 names; none for one that is not there.

    Those of known entities ("e2") are asked for by their letter, and are none of anything else.
    """
    return [items[at - 1] for at in _numbers(given, letter) if 1 <= at <= len(items)]


def first_named(given: Any, items: Sequence[T]) -> T | None:
    """Return the item that "m2" names first; None where it names none, or one not there."""
    at = next(iter(_numbers(given, "")), 0)
    return items[at - 1] if 1 <= at <= len(items) else None


def _numbers(given: Any, letter: str) -> list[int]:
    """Return the numbers that a text begins with: those behind an "e" where asked, else others."""
    listed = _LIST.match(str(given))
    marked = _NUMBER.findall(listed.group().casefold()) if listed else []
    return [int(number[:6]) for before, number in marked if (before == "e") == (letter == "e")]
