"""Memory in order of time: for each day how much was said, and what was learned from it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from domain.facts.facts import Standing
from domain.records import Turn
from service.memory_view import MemoryView

MOST_SHOWN = 4
"""Facts that one day names; the rest is counted."""


@dataclass
class Day:
    """What one day added to memory."""

    turns: int = 0
    learned: list[Standing] = field(default_factory=list)
    """Facts true from this day on, also those that a later one replaced."""
    share: float = 0.0
    """Its turns beside those of the fullest day, 0 to 100."""


def timeline(memory: MemoryView, buffer: Iterable[Turn]) -> list[tuple[date, Day]]:
    """Return the days on which something was said or learned, newest first.

    `buffer` are the turns that no episode holds yet.
    """
    days: dict[date, Day] = defaultdict(Day)
    folded = (turn for episode in memory.episodes for turn in episode.turns)
    for turn in (*folded, *buffer):
        days[turn.at.date()].turns += 1
    for standing in memory.facts:
        days[standing.fact.valid_from.date()].learned.append(standing)
    fullest = max((day.turns for day in days.values()), default=0) or 1
    for day in days.values():
        day.share = round(100 * day.turns / fullest, 1)
    return sorted(days.items(), reverse=True, key=lambda item: item[0])
