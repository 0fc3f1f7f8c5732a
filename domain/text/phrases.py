"""Words and phrases found in a text: as whole words, or anywhere where words are not spaced."""

import re
from functools import cache

from domain.text.pieces import pieces


def holds(text: str, phrases: frozenset[str], *, spaced: bool) -> bool:
    """Return whether a normalized text holds one of some phrases in lower case."""
    return bool(phrases) and _pattern(phrases, spaced).search(text) is not None


def starts(text: str, phrases: frozenset[str], *, spaced: bool) -> bool:
    """Return whether a normalized text starts with one of some phrases."""
    return bool(phrases) and _pattern(phrases, spaced).match(text.lstrip(" \"'«“„([¿¡")) is not None


def without(text: str, phrases: frozenset[str], *, spaced: bool) -> str:
    """Return a normalized text without some phrases, the longest first."""
    if not phrases:
        return text
    pattern = _pattern(phrases, spaced)
    return "".join(pattern.sub(" ", piece) for piece in pieces(text))


@cache
def _pattern(phrases: frozenset[str], spaced: bool) -> re.Pattern[str]:
    ordered = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    any_of = "|".join(re.escape(phrase) for phrase in ordered)
    # Tried where a word begins only, not at each of many signs.
    begins = r"(?=\w)" if all(re.match(r"\w", phrase) for phrase in ordered) else ""
    return re.compile(rf"(?<![\w']){begins}(?:{any_of})(?![\w])" if spaced else any_of)
