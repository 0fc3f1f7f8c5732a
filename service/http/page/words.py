"""What the page says of recall and of a prompt's budget, in words a person understands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.records import Recalled
from service.reasons import REASONS, reasons_of

LAYERS = {
    "persona": "persona and rules",
    "summary": "earlier, summarized",
    "buffer": "last turns and message",
    "entities": "people and things",
    "memories": "recalled",
    "reply_reserve": "kept for the reply",
}
"""The parts of a prompt, in its order, and what they are called."""
SHOWN = 3
"""Reasons shown of one item."""
BEST = "fits best of all that is remembered"


def reasons_in_words(item: Recalled) -> str:
    """Return why an item was recalled, the strongest reason first, as the end of a sentence."""
    *most, last = [REASONS[reason] for reason in reasons_of(item, SHOWN)] or [BEST]
    return f"{', '.join(most)} and {last}" if most else last


@dataclass(frozen=True)
class Segment:
    """One part of a prompt in the bar."""

    layer: str
    tokens: int
    x: float
    """Where it begins, in percent of the limit."""
    width: float


@dataclass(frozen=True)
class Bar:
    """One prompt as a bar."""

    segments: list[Segment]
    total: int
    limit: int


def bar_of(budget: Mapping[str, Any]) -> Bar:
    """Return how a prompt spent its tokens."""
    limit = max(1, int(budget.get("limit", 1)))
    segments: list[Segment] = []
    x = 0.0
    for layer in LAYERS:
        tokens = int(budget.get(layer, 0))
        width = min(100 - x, 100 * tokens / limit)
        segments.append(Segment(layer, tokens, round(x, 2), round(width, 2)))
        x += width
    return Bar(segments, int(budget.get("total", 0)), limit)
