"""What one statement is compared by: its text in one form, and whether it tells of the past.

Reads one text. Never looks at slots, dates, sources or other facts.
"""

import re
import unicodedata

from domain.owner import digest

_VERSION = "2"
"""Of the form that ids are made of: those of an earlier one stay valid where they are stored."""
_PAST = re.compile(
    r"\b(?:used to|formerly|previously|in the past|lived|worked|resided|dated|owned|smoked)\b"
    r"|\b(?:was|were) (?!born|promoted|hired|given|named|called|diagnosed|transferred|relocated"
    r"|offered|appointed|accepted|elected|made|moved)"
)
_PERFECT = re.compile(r"\b(?:has|have)(?: \w+){0,2}? (?:lived|worked|resided|dated|owned|smoked)\b")


def normalized(text: str) -> str:
    """Return a text in the one form that statements are compared in: case, width, spaces, end."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").casefold()
    return " ".join(text.split()).rstrip(" .!。！")


def statement_id(text: str, source: str) -> str:
    """Return the id of a statement from a source; it depends on no list of words."""
    return digest("\0".join((_VERSION, normalized(text), source)))


def is_past(text: str) -> bool:
    """Return whether an English statement tells what was so and is over ("used to", "lived in")."""
    return bool(_PAST.search(_PERFECT.sub("", text.lower())))
