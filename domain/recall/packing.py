"""What fits a token budget of all that was ranked, and how recalled items are written down.

Pure. The text made here is what the prompt carries, so its tokens are counted on it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from domain.recall.bm25 import Terms
from domain.records import Recalled
from domain.text.dates.dates import day_heading

FURTHER = 1.0
"""What a passage's rank loses for each passage of its message that is taken already."""
AGAIN = 0.7
"""What a passage's rank loses if all its words are shown already; half of it for half of them."""
Count = Callable[[str], int]
"""Tokens of a text."""


@dataclass(frozen=True)
class Pool:
    """Candidates as arrays, one row each."""

    scores: NDArray[np.float64]
    tokens: NDArray[np.float64]
    """Of its line with the line break."""
    days: NDArray[np.int64]
    """Day of its heading, as a number."""
    headings: NDArray[np.float64]
    """Tokens of that heading with the line break."""
    messages: NDArray[np.int64]
    """The message that each is a passage of, as a number."""
    terms: Sequence[Terms]
    """Numbers of the terms of each."""

    def of(self, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> "Pool":
        """Return some of the candidates, by row, with their scores."""
        return Pool(
            scores[rows],
            self.tokens[rows],
            self.days[rows],
            self.headings[rows],
            self.messages[rows],
            [self.terms[row] for row in rows.tolist()],
        )


@dataclass(frozen=True)
class Line:
    """A recalled item and where it stands in its conversation."""

    item: Recalled
    place: int
    """Orders items of the same moment."""


def fill(pool: Pool, budget: int, penalty: float, most: int | None = None) -> list[int]:
    """Return the rows taken, best first, until nothing more fits, or there are `most` of them.

    At each step the row with the best score, less `penalty` times the logarithm of what it costs
    now: a day's heading is paid by the first row under it. A further passage of a message already
    taken ranks lower, so that more messages come to be shown, and so does one whose words are
    shown already.
    """
    left = float(budget)
    cost = pool.tokens + pool.headings
    alone, headed = (penalty * np.log(np.maximum(size, 1)) for size in (pool.tokens, cost))
    worth = pool.scores - headed
    words = _Words(pool.terms)
    days: set[int] = set()
    taken: list[int] = []
    while len(taken) < len(worth) and len(taken) != most:
        best = int(worth.argmax())
        if cost[best] > left:
            worth[pool.tokens > left] = -np.inf
            best = int(np.where(cost <= left, worth, -np.inf).argmax())
        if worth[best] == -np.inf or cost[best] > left:
            break
        left -= cost[best]
        day = int(pool.days[best])
        if day not in days:
            days.add(day)
            under = pool.days == day
            cost[under] = pool.tokens[under]
            worth[under] += headed[under] - alone[under]
        worth[pool.messages == pool.messages[best]] -= FURTHER
        worth -= AGAIN * words.shown_by(best)
        worth[best] = -np.inf
        taken.append(best)
    return taken


class _Words:
    """The different terms of each candidate, and which of them are shown."""

    def __init__(self, terms: Sequence[Terms]) -> None:
        sizes = [len(each) for each in terms]
        self._starts = [0, *np.cumsum(sizes).tolist()]
        flat = np.concatenate([np.empty(0, np.int64), *terms])
        used = np.zeros(int(flat.max(initial=-1)) + 1, dtype=bool)
        used[flat] = True
        self._terms = np.cumsum(used)[flat] - 1
        self._holds = np.zeros((np.count_nonzero(used), len(terms)), dtype=np.uint8)
        """A row for each term: 1 where a candidate holds it."""
        self._holds[self._terms, np.repeat(np.arange(len(terms)), sizes)] = 1
        self._sizes = np.maximum(self._holds.sum(axis=0, dtype=np.uint16), 1)
        self._shown: set[int] = set()

    def shown_by(self, candidate: int) -> NDArray[np.float64]:
        """Show a candidate; return the share of each one's terms that were not shown before it."""
        own = self._terms[self._starts[candidate] : self._starts[candidate + 1]]
        fresh = set(own.tolist()) - self._shown
        self._shown |= fresh
        counts = self._holds[list(fresh)].sum(axis=0, dtype=np.uint16)
        shares: NDArray[np.float64] = counts / self._sizes
        return shares


def pack(ranked: Sequence[Line], budget: int, count: Count) -> tuple[tuple[Recalled, ...], int]:
    """Take lines, best first, while they fit the budget as rendered.

    Returns:
        The items in the order of time, and the tokens of their text.
    """
    chosen: list[Line] = []
    days: set[str] = set()
    spent = 0
    for line in ranked:
        heading = _heading(line.item)
        cost = line.item.tokens + (0 if heading in days else count(f"{heading}\n"))
        if spent + cost <= budget:
            spent += cost
            days.add(heading)
            chosen.append(line)
    items = _in_order(chosen)
    while (tokens := count(render(items))) > budget and chosen:
        chosen.pop()  # joined lines may count differently
        items = _in_order(chosen)
    return items, tokens


def _in_order(lines: Sequence[Line]) -> tuple[Recalled, ...]:
    ordered = sorted(lines, key=lambda line: (line.item.at.timestamp(), line.place))
    return tuple(line.item for line in ordered)


def render(items: Sequence[Recalled]) -> str:
    """Return the text of recalled items as the prompt carries it: lines under date headings.

    Items of the same moment stay in the order given.
    """
    lines: list[str] = []
    ordered = sorted(items, key=lambda item: item.at.timestamp())
    for heading, under in groupby(ordered, key=_heading):
        lines += [heading, *(item.text for item in under)]
    return "\n".join(lines)


def cost_of(line: str, count: Count) -> int:
    """Return the tokens of a line with its line break."""
    return count(f"{line}\n")


def _heading(item: Recalled) -> str:
    return f"{day_heading(item.at)}:"
