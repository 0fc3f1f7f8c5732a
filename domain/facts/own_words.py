"""Which sentences of a message are the user's own: neither code nor quoted nor pasted.

By form alone. What a sentence says is decided elsewhere.
"""

import re
from collections.abc import Iterator

from domain.text.sentences import sentences

_FENCES = ("```", "~~~")
_QUOTING = (">", "|", "#", "<", "{", "}", "$", "//")
"""How a line begins that is quoted, part of a table, or of a program."""
_MARKS = '"“”„«»「」『』'
_LABEL = re.compile(r"[^\W\d_][\w .'-]{0,24}: ")
"""A line of somebody's in a dialogue."""
_PASTED = 4
"""Lines in a row from which on a paragraph is taken for pasted, and paragraphs of such a letter."""
_TITLE = 3
"""Words of a quotation that is a name or a title, and no statement of someone else."""


def own_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a message that are neither code nor quoted nor pasted."""
    paragraphs = [lines for lines in _paragraphs(text) if len(lines) < _PASTED]
    if sum(map(len, paragraphs)) > 2 * _PASTED:
        return  # a letter, a poem or a log of many short paragraphs
    for lines in paragraphs:
        if sum(1 for line in lines if _LABEL.match(line)) > 1:
            continue
        yield from (each for each in sentences("\n".join(lines)) if not _quotes(each))


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Yield the lines of each paragraph, without fenced and quoted ones."""
    lines: list[str] = []
    fenced = False
    for line in (*text.splitlines(), ""):
        bare = line.strip()
        if bare.startswith(_FENCES):
            fenced = not fenced
        elif fenced or bare.startswith(_QUOTING):
            continue
        elif bare:
            lines.append(bare)
        elif lines:
            yield lines
            lines = []


def _quotes(sentence: str) -> bool:
    """Return whether a sentence holds more of a quotation than a name or a title."""
    pieces = re.split(f"[{_MARKS}]", sentence)
    return any(
        len(piece.split()) > _TITLE or len(piece) > len(sentence) // 2 for piece in pieces[1::2]
    )
