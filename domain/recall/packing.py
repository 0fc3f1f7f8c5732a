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


def fill(pool: Pool, budget: int, penalty: float) -> list[int]:
    """Return the rows taken, best first, until nothing more fits.

    At each step the row with the best score, less `penalty` times the logarithm of what it costs
    now: a day's heading is paid by the first row under it. A further passage of a message already
    taken ranks lower, so that more messages come to be shown, and so does one whose words are
    shown already.
    """
    left = float(budget)
    cost = pool.tokens + pool.headings
    worth = pool.scores - penalty * np.log(np.maximum(cost, 1))
    opened = pool.scores - penalty * np.log(np.maximum(pool.tokens, 1))
    words = _Words(pool.terms)
    days: set[int] = set()
    taken: list[int] = []
    while len(taken) < len(worth):
        best = int(np.where(cost <= left, worth - AGAIN * words.shown(), -np.inf).argmax())
        if worth[best] == -np.inf or cost[best] > left:
            break
        left -= cost[best]
        day = int(pool.days[best])
        if day not in days:
            days.add(day)
            under = pool.days == day
            cost[under], worth[under] = pool.tokens[under], opened[under]
        same = pool.messages == pool.messages[best]
        worth[same] -= FURTHER
        opened[same] -= FURTHER
        taken.append(best)
        worth[best] = opened[best] = -np.inf
        words.take(best)
    return taken


class _Words:
    """The different terms of each candidate, and which of them are shown."""

    def __init__(self, terms: Sequence[Terms]) -> None:
        flat = np.concatenate([np.empty(0, np.int64), *terms])
        rows = np.repeat(np.arange(len(terms)), [len(each) for each in terms])
        _, columns = np.unique(flat, return_inverse=True)
        self._has = np.zeros((len(terms), int(columns.max(initial=-1)) + 1), dtype=bool)
        self._has[rows, columns] = True
        self._sizes = np.maximum(self._has.sum(axis=1), 1)
        self._new = np.ones(self._has.shape[1], dtype=bool)
        self._counts = np.zeros(len(terms))

    def take(self, row: int) -> None:
        """Show a candidate."""
        fresh = np.flatnonzero(self._has[row] & self._new)
        self._new[fresh] = False
        self._counts += self._has[:, fresh].sum(axis=1)

    def shown(self) -> NDArray[np.float64]:
        """Return the share of each candidate's terms that is shown, 0 to 1."""
        shares: NDArray[np.float64] = self._counts / self._sizes
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


def with_tokens(item: Recalled, count: Count) -> Recalled:
    """Return an item with what its line costs."""
    return item.model_copy(update={"tokens": count(f"{item.text}\n")})


def _heading(item: Recalled) -> str:
    return f"{day_heading(item.at)}:"
