"""What is ranked and recalled as one: a message, or a passage of a long one.

Pure. How units are searched is in `domain/recall/corpus.py`.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from domain.records import Fact, Role
from domain.text.sentences import sentence_ends
from domain.text.statements import first_person

LONG = 640
"""Characters above which a message is searched and recalled in passages."""
PASSAGE = 420
"""Characters of a passage, about."""
_FENCED = re.compile(r"^```.*?^```\s*$", re.DOTALL | re.MULTILINE)

UNNAMED: dict[Role, str] = {"user": "User", "assistant": "You"}
"""How a speaker without a name is written in a line."""


Span = tuple[int, int]
"""Begin and end of a passage in its message, in characters."""
Spans = list[Span]
"""Those of all passages of a message."""
UnitKey = tuple[str, str, Span | None]
"""Reference, message and span of a unit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What is ranked and recalled as one: a message, a passage of a long one, or a lone fact."""

    ref: str
    """Message reference; of a lone fact its id."""
    turn: str
    speaker: str
    role: Role | None
    """None for a fact that no message of its own speaks for."""
    message: str
    """The whole message: the same text as in its record, so that a passage takes no memory."""
    at: datetime
    before: int
    """Position of the unit it follows in its conversation, -1 for none."""
    span: Span | None = None
    """Where it stands in its message; None: it is all of it."""

    @property
    def key(self) -> UnitKey:
        """What tells it from others."""
        return self.ref, self.message, self.span

    @property
    def text(self) -> str:
        """Its words, with "…" where its message goes on."""
        return self.message if self.span is None else _cut(self.message, self.span)

    @property
    def line(self) -> str:
        """The line that recalls it."""
        return f"- {self.speaker}: {self.text}" if self.speaker else f"- {self.text}"


def speaker_of(fact: Fact) -> str:
    """Return the name of whoever says a fact of themselves, "" where it stands by itself."""
    own = fact.subject != "user" and first_person(fact.text) is not False
    return fact.subject if own else ""


def passages(text: str) -> list[str]:
    """Return a message in passages: whole unless it is long, cut between sentences."""
    return [_cut(text, span) for span in spans_of(text)] or [text]


def _cut(text: str, span: Span) -> str:
    begin, end = span
    before = "… " if text[:begin].strip() else ""
    return f"{before}{text[begin:end]}{' …' if text[end:].strip() else ''}"


def spans_of(text: str) -> Spans:
    """Return where the passages of a message begin and end; nothing for one that is not long.

    Code between fences stays whole where it fits a passage with what stands before it.
    """
    if len(text) <= LONG:
        return []
    fences = [found.span() for found in _FENCED.finditer(text)]
    whole = [(begin, end) for begin, end in fences if end - begin <= 2 * LONG - PASSAGE]
    cuts = [0]
    for end in sentence_ends(text):
        inside = any(first < end < last for first, last in whole)
        if end - cuts[-1] >= PASSAGE and not inside:
            cuts.append(end)
    spans: Spans = []
    for begin, end in zip(cuts, [*cuts[1:], len(text)], strict=True):
        for at in range(begin, end, 2 * LONG):  # one endless sentence
            part = text[at : min(end, at + 2 * LONG)]
            if bare := part.strip():
                start = at + part.index(bare)
                spans.append((start, start + len(bare)))
    return spans if len(spans) > 1 else []
