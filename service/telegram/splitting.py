"""Splits a text into messages that Telegram takes. Pure."""

import unicodedata

LIMIT = 4096
"""UTF-16 units of one message at most, as the Bot API documents `sendMessage`."""
JOINER = "\u200d"


def pieces(text: str, limit: int = LIMIT) -> list[str]:
    """Split a text at the end of a paragraph, a line or a word where there is one.

    A piece never changes when more text follows, so that a reply can be shown as it grows. No
    letter is parted from its marks. The limit counts UTF-16 units.
    """
    texts: list[str] = []
    rest = text.strip()
    while rest:
        cut = _fits(rest, limit)
        if cut < len(rest):
            cut = _break(rest, cut)
        texts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip("\n ")
    return texts


def _fits(text: str, limit: int) -> int:
    """Return how many characters of a text fit."""
    head = text[:limit]
    over = len(head.encode("utf-16-le", "surrogatepass")) // 2 - limit
    while over > 0:
        head = head[: -max(1, over // 2)]
        over = len(head.encode("utf-16-le", "surrogatepass")) // 2 - limit
    return len(head)


def _break(text: str, most: int) -> int:
    """Return where to end a piece of at most so many characters, in its second half."""
    for end in ("\n\n", "\n", " "):
        at = text.rfind(end, most // 2, most + 1)
        if at > 0:
            return at
    at = most
    while at > most // 2 and _joined(text[at - 1], text[at]):
        at -= 1
    return at if at > most // 2 else most


def _joined(before: str, after: str) -> bool:
    """Return whether two characters belong to one sign: an accent, a skin tone, a family."""
    kind = unicodedata.category(after)
    return kind[0] == "M" or kind == "Sk" or JOINER in (before, after)
