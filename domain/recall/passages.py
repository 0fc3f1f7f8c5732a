"""What is ranked and recalled as one: a message, or a passage of a long one.

Pure. How units are searched is in `domain/recall/corpus.py`.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from domain.records import Role
from domain.text.sentences import sentence_ends

LONG = 640
"""Characters above which a message is searched and recalled in passages."""
PASSAGE = 420
"""Characters of a passage, about."""
_FENCED = re.compile(r"^```.*?^```\s*$", re.DOTALL | re.MULTILINE)

UNNAMED: dict[Role, str] = {"user": "User", "assistant": "You"}
"""How a speaker without a name is written in a line."""


@dataclass(frozen=True)
class Unit:
    """What is ranked and recalled as one: a message, a passage of a long one, or a lone fact."""

    ref: str
    """Message reference; of a lone fact its id."""
    turn: str
    speaker: str
    role: Role | None
    """None for a fact that no message of its own speaks for."""
    text: str
    at: datetime
    before: int
    """Position of the unit it follows in its conversation, -1 for none."""

    @property
    def line(self) -> str:
        """The line that recalls it."""
        return f"- {self.text}" if self.role is None else f"- {self.speaker}: {self.text}"


def passages(text: str) -> list[str]:
    """Return a message in passages: whole unless it is long, cut between sentences.

    Code between fences stays whole where it fits a passage with what stands before it.
    """
    if len(text) <= LONG:
        return [text]
    fences = [match.span() for match in _FENCED.finditer(text)]
    whole = [(begin, end) for begin, end in fences if end - begin <= 2 * LONG - PASSAGE]
    cuts = [0]
    for end in sentence_ends(text):
        inside = any(first < end < last for first, last in whole)
        if end - cuts[-1] >= PASSAGE and not inside:
            cuts.append(end)
    parts: list[str] = []
    for begin, end in zip(cuts, [*cuts[1:], len(text)], strict=True):
        for at in range(begin, end, 2 * LONG):  # one endless sentence
            parts.append(text[at : min(end, at + 2 * LONG)].strip())
    parts = [passage for passage in parts if passage]
    return [
        f"{'… ' if at else ''}{passage}{' …' if at < len(parts) - 1 else ''}"
        for at, passage in enumerate(parts)
    ] or [text]
