"""Makes the corpus of a conversation, extends it by new messages, and adds new facts to it.

Nothing of a corpus is changed in place, and nothing that was worked out is worked out again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from domain.recall.analyses import Analyses, Embed, Ready, Vocabulary, analyses_of, numbered
from domain.recall.bm25 import Postings, Terms
from domain.recall.corpus import Corpus
from domain.recall.passages import UNNAMED, Unit, UnitKey
from domain.records import Fact, turn_of
from domain.text.dates.dates import day_heading
from domain.text.terms import terms


def build(
    units: Sequence[Unit],
    facts: Sequence[Fact],
    *,
    count: Callable[[str], int],
    embed: Embed | None,
    earlier: Corpus | None = None,
    ready: Ready | None = None,
) -> Corpus:
    """Return the corpus of `units`.

    Args:
        units: Each after the one it follows.
        facts: What votes for the units of its sources; tombstones left out.
        count: Tokens of a text.
        embed: The model that runs in this process; None for none.
        earlier: An earlier corpus of the same owner, whose analyses are used again.
        ready: What need not be found anew.
    """
    vocabulary = earlier.vocabulary if earlier else Vocabulary()
    analyses = analyses_of(units, vocabulary, count, embed, _done(earlier), ready or Ready())
    refs: dict[str, list[int]] = {}
    for row, unit in enumerate(units):
        refs.setdefault(unit.ref, []).append(row)
    text = analyses.terms
    of_row, rows_of_fact = _fact_terms(refs, text, facts, vocabulary)
    fact_terms = [
        np.concatenate([np.empty(0, np.int32), *of_row.get(row, ())]) for row in range(len(units))
    ]
    frames = _frames(units, vocabulary)
    alone = [np.concatenate(parts) for parts in zip(frames, text, fact_terms, strict=True)]
    postings = Postings(text)
    key = [_after(alone[row], unit, postings) for row, unit in enumerate(units)]
    drawn = np.zeros(len(units))
    for rows in rows_of_fact.values():
        drawn[list(rows)] += 1
    return _corpus(
        units,
        analyses,
        vocabulary,
        (postings, Postings(alone), Postings(key), Postings(fact_terms)),
        drawn,
        rows_of_fact,
    )


def _done(earlier: Corpus | None) -> dict[UnitKey, tuple[Corpus, int]]:
    if earlier is None:
        return {}
    return {unit.key: (earlier, row) for row, unit in enumerate(earlier.units)}


def extended(
    corpus: Corpus, units: Sequence[Unit], *, count: Callable[[str], int], embed: Embed | None
) -> Corpus:
    """Return the corpus with more units at the end; nothing of the others is done again."""
    vocabulary = corpus.vocabulary
    fresh = analyses_of(units, vocabulary, count, embed, {}, Ready())
    text = corpus.text.extended(fresh.terms)
    frames = _frames(units, vocabulary)
    alone = [np.concatenate(parts) for parts in zip(frames, fresh.terms, strict=True)]
    key = [_after(words, unit, text) for words, unit in zip(alone, units, strict=True)]
    nothing = [np.empty(0, np.int32)] * len(units)
    postings = (
        text,
        corpus.alone.extended(alone),
        corpus.key.extended(key),
        corpus.facts.extended(nothing),
    )
    drawn = np.concatenate([corpus.drawn, np.zeros(len(units))])
    return _corpus(units, fresh, vocabulary, postings, drawn, corpus.rows_of_fact, corpus)


def with_facts(corpus: Corpus, facts: Sequence[Fact]) -> Corpus:
    """Return the corpus with facts that it does not hold yet, each drawn from units it holds."""
    refs: dict[str, list[int]] = {}
    for ref in {ref for fact in facts for ref in fact.sources}:
        rows = corpus.rows_of_turn.get(turn_of(ref), ())
        refs[ref] = [row for row in rows if corpus.units[row].ref == ref]
    of_row, rows_of_fact = _fact_terms(refs, corpus.text, facts, corpus.vocabulary)
    if not of_row:
        return replace(corpus, rows_of_fact={**corpus.rows_of_fact, **rows_of_fact})
    first, drawn = min(of_row), corpus.drawn.copy()
    for rows in rows_of_fact.values():
        drawn[list(rows)] += 1

    def more(postings: Postings) -> Postings:
        docs = postings.docs(first)
        for row, drawn_from in of_row.items():
            docs[row - first] = np.concatenate([docs[row - first], *drawn_from])
        return postings.replaced(first, docs)

    return replace(
        corpus,
        alone=more(corpus.alone),
        key=more(corpus.key),
        facts=more(corpus.facts),
        drawn=drawn,
        rows_of_fact={**corpus.rows_of_fact, **rows_of_fact},
    )


def _corpus(
    units: Sequence[Unit],
    analyses: Analyses,
    vocabulary: Vocabulary,
    postings: tuple[Postings, Postings, Postings, Postings],
    drawn: NDArray[np.float64],
    rows_of_fact: Mapping[str, tuple[int, ...]],
    before: Corpus | None = None,
) -> Corpus:
    """Return the corpus of `units`, or of those `before` them and them."""
    first = len(before) if before else 0
    vectors = analyses.vectors
    lengths = np.zeros(len(units), np.float32)
    if vectors is not None:
        lengths = np.sqrt(np.square(vectors, dtype=np.float32).sum(axis=1))
    rows_of_turn: dict[str, list[int]] = {}
    for row, unit in enumerate(units, first):
        if unit.role is not None:
            rows_of_turn.setdefault(unit.turn, []).append(row)
    message = {ref: at for at, ref in enumerate(dict.fromkeys(u.ref for u in units), first)}
    turns = len(before.turns) if before else 0
    position = {turn: at for at, turn in enumerate(dict.fromkeys(u.turn for u in units), turns)}
    names = {u.speaker for u in units if u.role and u.speaker != UNNAMED[u.role]}
    of_turn = {turn: tuple(rows) for turn, rows in rows_of_turn.items()}
    fresh = Corpus(
        units=tuple(units),
        vocabulary=vocabulary,
        text=postings[0],
        alone=postings[1],
        key=postings[2],
        facts=postings[3],
        before=np.array([unit.before for unit in units], dtype=np.int64),
        tokens=analyses.tokens,
        traits=analyses.traits,
        drawn=drawn,
        at=np.array([unit.at.timestamp() for unit in units]),
        days=np.array([unit.at.toordinal() for unit in units], dtype=np.int64),
        vectors=vectors,
        lengths=lengths,
        speakers=np.array([unit.speaker for unit in units], dtype=np.str_),
        user=np.array([unit.role == "user" for unit in units], dtype=np.bool_),
        names=tuple(sorted(names)),
        lone=tuple(row for row, unit in enumerate(units, first) if unit.role is None),
        turns=tuple(position),
        turn=np.array([position[unit.turn] for unit in units], dtype=np.int64),
        messages=np.array([message[unit.ref] for unit in units], dtype=np.int64),
        rows_of_turn=of_turn,
        rows_of_fact=rows_of_fact,
    )
    return _joined(before, fresh) if before and len(before) else fresh


def _joined(before: Corpus, fresh: Corpus) -> Corpus:
    """Return `fresh`, whose postings are whole, with the units and arrays of those before it."""
    vectors = None
    if before.vectors is not None and fresh.vectors is not None:
        vectors = np.concatenate([before.vectors, fresh.vectors])
    return replace(
        fresh,
        before=np.concatenate([before.before, fresh.before]),
        tokens=np.concatenate([before.tokens, fresh.tokens]),
        traits=np.concatenate([before.traits, fresh.traits]),
        at=np.concatenate([before.at, fresh.at]),
        days=np.concatenate([before.days, fresh.days]),
        speakers=np.concatenate([before.speakers, fresh.speakers]),
        user=np.concatenate([before.user, fresh.user]),
        turn=np.concatenate([before.turn, fresh.turn]),
        messages=np.concatenate([before.messages, fresh.messages]),
        units=before.units + fresh.units,
        vectors=vectors,
        lengths=np.concatenate([before.lengths, fresh.lengths]),
        names=tuple(sorted({*before.names, *fresh.names})),
        lone=before.lone + fresh.lone,
        turns=before.turns + fresh.turns,
        rows_of_turn={**before.rows_of_turn, **fresh.rows_of_turn},
    )


def _fact_terms(
    refs: Mapping[str, Sequence[int]],
    text: Sequence[Terms] | Postings,
    facts: Sequence[Fact],
    vocabulary: Vocabulary,
) -> tuple[dict[int, list[Terms]], dict[str, tuple[int, ...]]]:
    """Return the terms of the facts drawn from each unit, and each fact's units.

    They may be drawn from the units of `refs`, of each message.
    """
    of_row: dict[int, list[Terms]] = {}
    rows_of_fact: dict[str, tuple[int, ...]] = {}
    for fact in facts:
        words = numbered(terms(fact.text), vocabulary)
        rows = [
            max(rows, key=lambda row: len(np.intersect1d(text[row], words)))
            if len(rows) > 1
            else rows[0]
            for ref in (fact.id, *fact.sources)
            if (rows := refs.get(ref))
        ]
        rows_of_fact[fact.id] = tuple(dict.fromkeys(rows))
        for row in rows_of_fact[fact.id]:
            of_row.setdefault(row, []).append(words)
    return of_row, rows_of_fact


def _frames(units: Sequence[Unit], vocabulary: Vocabulary) -> list[Terms]:
    """Return the terms of each unit's day and speaker, worked out once for all of a day."""
    frames: dict[tuple[int, str], Terms] = {}
    for unit in units:
        key = unit.at.toordinal(), unit.speaker
        if key not in frames:
            frames[key] = numbered(terms(f"{day_heading(unit.at)} {unit.speaker}"), vocabulary)
    return [frames[unit.at.toordinal(), unit.speaker] for unit in units]


def _after(words: Terms, unit: Unit, text: Postings) -> Terms:
    return np.concatenate([words, text[unit.before]]) if unit.before >= 0 else words
