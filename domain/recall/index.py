"""The search index of an owner: every message as it was said, ready to be ranked, and its facts.

Made in `domain/recall/index_building.py`, never changed in place. Nothing here ranks or reads a
store.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain.facts.facts import Standing, notes, standing, withheld
from domain.facts.lasting_wishes import LASTING
from domain.journal import JournalView
from domain.recall.corpus import Corpus
from domain.rows import Rows
from domain.turns import Parents, parents_of

_CACHED_READINGS = 8
_SMALL = 2_000
_EMPTY_BYTES = 9_000
"""What an index takes that holds nothing: so its keeper need not count the owners too."""


@dataclass(frozen=True)
class StandingFacts:
    """The facts that count, seen from one branch at one time."""

    standings: tuple[Standing, ...]
    """Those that still hold first; by id."""
    ids: frozenset[str]
    notes: Mapping[str, str]
    """Turn id to what to say beside it."""
    withheld: frozenset[str]
    """Turns that a deleted fact came from."""
    rows: NDArray[np.int64]
    """The units that state them, of all standings one after the other."""
    of: NDArray[np.int64]
    """Position among `standings` of whom each of `rows` is of."""

    def best(self, scores: NDArray[np.float64]) -> Iterator[tuple[float, Standing]]:
        """Yield the facts with the best score of their units: those that hold first, best first.

        Args:
            scores: Of each unit; minus infinity for one that does not count. A fact without a unit
                that counts is left out.
        """
        best = np.full(len(self.standings), -np.inf)
        np.maximum.at(best, self.of, scores[self.rows])
        order = np.lexsort((-best, self._ended))
        for at in order[best[order] > -np.inf].tolist():
            yield float(best[at]), self.standings[at]

    @cached_property
    def _ended(self) -> NDArray[np.bool_]:
        return np.array([not each.current for each in self.standings], dtype=np.bool_)

    @cached_property
    def wishes(self) -> "StandingFacts":
        """What the user asked for once and for all, and still holds."""
        lasting = [
            at
            for at, each in enumerate(self.standings)
            if each.current and each.fact.kind in LASTING
        ]
        states = np.isin(self.of, lasting)
        return replace(
            self,
            standings=tuple(self.standings[at] for at in lasting),
            rows=self.rows[states],
            of=np.searchsorted(lasting, self.of[states]),
        )


@dataclass(frozen=True)
class EvidenceIndex:
    """All that one generation of an owner said, and what was drawn from it, at one moment."""

    corpus: Corpus
    rows: Rows
    moved: int | None
    """`JournalView.rows` that it was built at; None where the rows could not be read."""
    folded: Parents
    """The turns of episodes with their parents."""
    turns: frozenset[str]
    """Ids of all turns in it."""
    fact_turns: frozenset[str]
    """Turns that facts were drawn from."""
    _standings: dict[tuple[frozenset[str], datetime | None], StandingFacts] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def small(self) -> bool:
        """Whether to ask it something takes a few milliseconds at most."""
        return len(self.corpus) <= _SMALL

    @property
    def nbytes(self) -> int:
        """About how many bytes it takes."""
        records = len(self.rows.facts) + len(self.rows.entities) + len(self.folded)
        return _EMPTY_BYTES + self.corpus.nbytes + 1_500 * records

    def standing(self, live: frozenset[str], as_of: datetime | None) -> StandingFacts:
        """Return which facts count while `live` turns are live; worked out once for the same."""
        key = (self.fact_turns & live, as_of)
        facts = self._standings.get(key)
        if facts is None:
            every = standing(self.rows.facts, live, as_of)
            standings = sorted(every, key=lambda each: (not each.current, each.fact.id))
            rows = [self.corpus.rows_of_fact.get(each.fact.id, ()) for each in standings]
            facts = StandingFacts(
                standings=tuple(standings),
                ids=frozenset(each.fact.id for each in standings),
                notes=notes(self.rows.facts, every),
                withheld=withheld(self.rows.facts),
                rows=np.array([row for each in rows for row in each], dtype=np.int64),
                of=np.repeat(np.arange(len(rows)), [len(each) for each in rows]),
            )
            if len(self._standings) >= _CACHED_READINGS:
                self._standings.clear()
            self._standings[key] = facts
        return facts

    def tree(self, view: JournalView) -> Parents:
        """Return every known turn with its parent."""
        return {**self.folded, **parents_of(view.turns.values())}
