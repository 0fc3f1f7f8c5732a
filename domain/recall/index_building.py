"""Makes the search index of an owner from rows and a reading of the journal, and lets it grow.

Nothing here ranks or reads a store.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain as flat
from typing import TypeVar

from domain.journal import JournalView
from domain.recall.analyses import Embed, Ready
from domain.recall.corpus_building import build, extended, with_facts
from domain.recall.index import EvidenceIndex
from domain.recall.passages import UNNAMED, Spans, Unit, spans_of, speaker_of
from domain.records import Episode, Fact, Turn, turn_of
from domain.rows import Rows
from domain.turns import parents_of


def index_of(
    rows: Rows,
    view: JournalView,
    moved: int | None,
    earlier: EvidenceIndex | None,
    *,
    count: Callable[[str], int],
    embed: Embed | None,
    ready: Ready | None = None,
) -> EvidenceIndex:
    """Return the index of all that rows and journal hold.

    Args:
        rows: What the long-term store holds.
        view: A reading of the journal made before.
        moved: `JournalView.rows` that the rows are at; None where they could not be read.
        earlier: An earlier index of the same owner, whose work is used again; one without rows may
            hold turns of the journal.
        count: Tokens of a text.
        embed: The model that runs in this process; None for none.
        ready: What need not be found anew.
    """
    if earlier is not None and earlier.moved is not None:
        grown = _grown(earlier, rows, view, moved, count=count, embed=embed)
        if grown is not None:
            return grown
    turns = _turns(rows.episodes, view.turns)
    facts = [fact for fact in rows.facts if not fact.deleted]
    units = units_of(turns, {}, spans=ready.spans if ready else None)
    units += _lone(facts, units)
    corpus = build(
        units,
        facts,
        count=count,
        embed=embed,
        earlier=earlier.corpus if earlier else None,
        ready=ready,
    )
    return EvidenceIndex(
        corpus=corpus,
        rows=replace(rows, beside={}),
        moved=moved,
        folded=parents_of((), rows.episodes),
        turns=frozenset(turn.id for turn in turns),
        fact_turns=frozenset(turn_of(ref) for fact in rows.facts for ref in fact.sources),
    )


def _grown(
    earlier: EvidenceIndex,
    rows: Rows,
    view: JournalView,
    moved: int | None,
    *,
    count: Callable[[str], int],
    embed: Embed | None,
) -> EvidenceIndex | None:
    """Return an index with what came to its rows and the journal; None where more happened.

    That is the usual case: a fold writes down turns that are indexed already, and an extraction
    adds facts of the last turns.
    """
    facts = _added(earlier.rows.facts, rows.facts)
    episodes = _added(earlier.rows.episodes, rows.episodes)
    if facts is None or episodes is None:
        return None
    if any(fact.deleted or fact.edited or not fact.sources for fact in facts):
        return None
    turns = {turn.id: turn for episode in episodes for turn in episode.turns} | view.turns
    earlier = with_turns(earlier, turns.values(), count=count, embed=embed)
    folded = {turn.id: turn.parent for episode in episodes for turn in episode.turns}
    sources = {ref: turn_of(ref) for fact in facts for ref in fact.sources}
    corpus = earlier.corpus
    said = {
        corpus.units[row].ref
        for turn in sources.values()
        for row in corpus.rows_of_turn.get(turn, ())
    }
    if not sources.keys() <= said:
        return None  # It stands for itself.
    return EvidenceIndex(
        corpus=with_facts(corpus, facts) if facts else corpus,
        rows=replace(rows, beside={}),
        moved=moved,
        folded={**earlier.folded, **folded},
        turns=earlier.turns,
        fact_turns=earlier.fact_turns | frozenset(sources.values()),
    )


R = TypeVar("R", Fact, Episode)


def _added(before: Sequence[R], now: Sequence[R]) -> list[R] | None:
    """Return the records that are new; None where one of those before is gone or changed."""
    ids = {record.id: record for record in before}
    fresh = [record for record in now if ids.get(record.id) is not record]
    changed = any(record.id in ids for record in fresh)
    return None if changed or len(before) + len(fresh) != len(now) else fresh


def with_turns(
    index: EvidenceIndex, turns: Iterable[Turn], *, count: Callable[[str], int], embed: Embed | None
) -> EvidenceIndex:
    """Return the index with those turns that it does not hold yet."""
    newer = [turn for turn in turns if turn.id not in index.turns]
    if not newer:
        return index
    ordered = sorted(newer, key=lambda turn: turn.seq)
    rows_of = index.corpus.rows_of_turn
    parents = {turn.parent or "" for turn in ordered}
    last = {parent: rows_of[parent][-1] for parent in parents if parent in rows_of}
    units = units_of(ordered, last, len(index.corpus))
    return replace(
        index,
        corpus=extended(index.corpus, units, count=count, embed=embed),
        turns=index.turns | {turn.id for turn in newer},
    )


def units_of(
    turns: Iterable[Turn],
    last: Mapping[str, int],
    first: int = 0,
    spans: Mapping[str, Spans] | None = None,
) -> list[Unit]:
    """Return the units of turns, each turn after the one it follows.

    Args:
        turns: By sequence number.
        last: The last unit of each turn that is indexed already.
        first: The position of the first new unit.
        spans: Of passages, by reference of their message, where they are known.
    """
    last = dict(last)
    units: list[Unit] = []
    for turn in turns:
        before = last.get(turn.parent or "", -1)
        for position, said in enumerate(turn.messages):
            if not said.text.strip():
                continue
            ref, speaker = turn.ref(position), said.name or UNNAMED[said.role]
            cut = spans_of(said.text) if spans is None or ref not in spans else spans[ref]
            for span in (*cut,) or (None,):
                units.append(
                    Unit(ref, turn.id, speaker, said.role, said.text, said.at, before, span)
                )
                before = first + len(units) - 1
        last[turn.id] = before
    return units


def _turns(episodes: Sequence[Episode], journal: Mapping[str, Turn]) -> list[Turn]:
    """Return every turn once: a fold may have moved some since the journal was read."""
    folded = flat.from_iterable(episode.turns for episode in episodes)
    turns = {turn.id: turn for turn in (*folded, *journal.values())}
    return sorted(turns.values(), key=lambda turn: turn.seq)


def _lone(facts: Sequence[Fact], units: Sequence[Unit]) -> list[Unit]:
    """Return units for the facts that no message speaks for: edited ones, and lost sources."""
    said = {unit.ref for unit in units}
    lone = [f for f in facts if f.sources and (f.edited or not said & set(f.sources))]
    return [
        Unit(f.id, turn_of(f.sources[0]), speaker_of(f), None, f.text, f.valid_from, -1)
        for f in lone
    ]
