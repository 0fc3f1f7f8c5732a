"""Text from outside as every store and model takes it: whole characters, and no NUL."""

from typing import Any

LONGEST_NAME = 200
"""Letters of the name of who speaks at most."""
_DEEPEST = 50
"""Levels of JSON; no form, call or part of a message has more than five."""


def clean(text: str) -> str:
    """Return a text with the halves of characters joined, and without what no store takes."""
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return joined.replace("\x00", "")


def clean_name(name: str) -> str:
    """Return the name of who speaks on one line: after it what they say stands in a prompt."""
    return " ".join(clean(name).split())[:LONGEST_NAME]


def cleaned(value: Any, depth: int = 0) -> Any:
    """Return JSON with all text in it cleaned, the names of fields too, and nothing nested deep."""
    if isinstance(value, str):
        return clean(value)
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return [cleaned(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {clean(name): cleaned(item, depth + 1) for name, item in value.items()}
    return value
