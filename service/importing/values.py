"""Single values out of a stranger's file, whatever stands there. No format is known here."""

import re
from datetime import UTC, datetime
from typing import Any

from domain.clean_text import clean
from domain.records import EARLIEST, LATEST

NO_SECONDS = 253_402_300_800
"""The year 10000 in seconds, as no date is given: a larger number counts milliseconds."""

_SECONDS = re.compile(r"\d{9,}(\.\d+)?", re.ASCII)
"""From 1973 on; of fewer digits ISO 8601 makes days."""


def is_dict(value: Any) -> bool:
    """Return whether a value has names."""
    return isinstance(value, dict)


def inner(value: Any, *names: str) -> Any:
    """Return what a value holds under names, one inside the other; None where it holds none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def texts_of(parts: Any) -> str:
    """Return the texts among the parts of a message."""
    listed = parts if isinstance(parts, list) else ()
    texts = (part if isinstance(part, str) else inner(part, "text") for part in listed)
    return clean("\n".join(text for text in texts if isinstance(text, str) and text))


def moment_of(value: Any, otherwise: datetime) -> datetime:
    """Return a moment given in seconds, milliseconds or as ISO 8601, with a zone.

    `otherwise` where it is none, or one that programs write for "never", such as the year 1.
    """
    try:
        if isinstance(value, str) and _SECONDS.fullmatch(value):
            value = float(value)
        if value in (0, False):
            return otherwise
        if isinstance(value, int | float):
            at = datetime.fromtimestamp(value / 1000 if value >= NO_SECONDS else value, UTC)
        else:
            at = datetime.fromisoformat(value)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return otherwise
    return at if EARLIEST <= at <= LATEST else otherwise
