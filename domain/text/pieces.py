"""A long text in pieces: one search of a regular expression keeps Python's lock until it ends."""

from collections.abc import Iterator

_PIECE = 5_000
"""Letters searched at once: some 10 ms at most."""
_SPACE_WITHIN = 200
"""Letters before that in which a space is looked for."""


def pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces that together are the text, cut before a space where one is near.

    What is looked for in the pieces is not found across a cut, so nothing may depend on it.
    """
    start = 0
    while len(text) - start > _PIECE:
        end = start + _PIECE
        space = text.rfind(" ", end - _SPACE_WITHIN, end)
        end = space if space > start else end
        yield text[start:end]
        start = end
    yield text[start:]
