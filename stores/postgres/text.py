"""Text and values that Postgres cannot hold, written in a way it can, and read back the same.

Postgres knows no NUL and no half of a surrogate pair, and no NaN in JSON. Pure.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from langgraph.store.base import get_text_at_path

from domain.json_text import read_json

_MARK = "\ufdd0"
"""A character that Unicode sets aside for a program's own use; one in the text is escaped too."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufdd0]")
_ESCAPED = re.compile(f"{_MARK}([0-9a-f]{{4}})")


def escaped(text: str) -> str:
    """Return a text that Postgres takes; different texts stay different."""
    return _UNSTORABLE.sub(lambda match: f"{_MARK}{ord(match[0]):04x}", text)


def unescaped(text: str) -> str:
    """Return what `escaped` was given."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def storable(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value that Postgres takes: itself, or its JSON as one plain string."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return {_MARK: json.dumps(value)}
    if "\\u0000" in text or _UNSTORABLE.search(text):
        return {_MARK: json.dumps(value)}
    return dict(value)


def restored(value: Any) -> dict[str, Any]:
    """Return what `storable` was given; nothing where another program wrote something else."""
    if not isinstance(value, dict):
        return {}
    if value.keys() != {_MARK}:
        return value
    try:
        original = read_json(value[_MARK])
    except (ValueError, TypeError):
        return {}
    return original if isinstance(original, dict) else {}


def path_of(field: str, value: dict[str, Any]) -> str:
    """Return the path that a vector's field was put under.

    Args:
        field: A path in the value, with a number at its end where the path names several texts.
        value: The value as it was put.
    """
    path, _, number = field.rpartition(".")
    several = path and number.isdigit()
    return path if several and len(get_text_at_path(value, path)) > max(1, int(number)) else field
