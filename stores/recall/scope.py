"""The part of an index that one run may use: what is live, of the time asked for, not forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from domain.journal import JournalView
from domain.recall.index import EvidenceIndex, StandingFacts
from domain.recall.ranking import Mask
from domain.records import Entity, turn_of
from domain.turns import live


@dataclass(frozen=True)
class Scope:
    """The part of an index that one run may use: its live turns, facts and time span."""

    live_turns: frozenset[str]
    """Turns that a ref reaches and that are not withheld."""
    live: Mask
    """Units that count."""
    allowed: Mask
    """Units that may be recalled: of the live ones, those of the span of time asked for."""
    facts: StandingFacts
    """The facts that count."""
    between: tuple[datetime, datetime] | None
    withheld: frozenset[str] = frozenset()
    """Turns and episodes that say something forgotten."""

    def knows(self, entity: Entity) -> bool:
        """Return whether a live turn mentions an entity."""
        return any(turn_of(ref) in self.live_turns for ref in entity.sources)


def scope_of(
    index: EvidenceIndex,
    view: JournalView,
    *,
    refs: Sequence[str] | None = None,
    as_of: datetime | None = None,
    between: tuple[datetime, datetime] | None = None,
) -> Scope:
    """Return what counts for a run that sees `refs`."""
    corpus = index.corpus
    reached = live(view.refs.values() if refs is None else refs, index.tree(view))
    facts = index.standing(reached, as_of)
    reached -= facts.withheld | view.withheld
    counts = np.array([turn in reached for turn in corpus.turns], dtype=np.bool_)[corpus.turn]
    for row in corpus.lone:
        counts[row] = corpus.units[row].ref in facts.ids
    if as_of is not None:
        counts &= corpus.at <= as_of.timestamp()
    allowed = counts.copy()
    if between is not None:
        begin, end = (moment.timestamp() for moment in between)
        allowed &= (corpus.at >= begin) & (corpus.at <= end)
    return Scope(reached, counts, allowed, facts, between, view.withheld)
