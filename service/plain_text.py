"""Text that somebody said, made safe to show where it could steer what shows it."""

import re
from datetime import datetime

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Return text without what would steer a terminal or a chat: only line breaks and tabs stay."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return text on one line, safe to show."""
    return " ".join(plain(text).split())


def counted(number: int, noun: str) -> str:
    """Return how many there are of something: "1 fact", "2 facts"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def day(at: datetime) -> str:
    """Return a date as people read it, of where its user was."""
    return f"{at:%Y-%m-%d}"
