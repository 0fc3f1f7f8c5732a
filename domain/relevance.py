"""Whether anything remembered has to do with a message at all: small talk recalls nothing.

Pure. Which of the related units come first is decided in `domain/ranking.py`.
"""

import numpy as np

from domain.corpus import Corpus
from domain.ranking import Mask, Question, Signals

STATED = 0.2
"""Share of a statement's strong words, by what they tell, that relates a unit to it."""
SAID = 0.5
"""Similarity of a unit's vector from which on it relates to a message without sharing a word."""
DRAWN = 0.5
"""The same for a fact drawn from it."""
WIDER = 0.7
"""What the floors of similarity are multiplied with in a second pass of its own accord."""


def related(corpus: Corpus, question: Question, found: Signals, live: Mask) -> Mask:
    """Return the units that may be recalled for a message.

    A question that relates to anything may be answered by everything, so that it fills its
    budget; a statement recalls only what shares its words or is much like it. A message without
    a word of substance ("Hi, how are you?") relates to nothing, unless it names a span of time.
    """
    if not question.strong:
        return _in_period(question, found) & live
    share = holds(corpus, question.strong)
    near = _near(found, 1.0)
    if question.asks:
        some = ((share > 0) | near | _in_period(question, found)) & live
        return live if some.any() else some
    return ((share >= STATED) | near) & live


def more_widely(
    corpus: Corpus, question: Question, found: Signals, live: Mask, *, asked: bool
) -> Mask:
    """Return the units that may be recalled when a first pass was thin.

    Args:
        corpus: The units.
        question: What is asked.
        found: The signals.
        live: The units that count.
        asked: Whether somebody asks for more: then there is no floor of similarity.
    """
    named = holds(corpus, question.keywords) > 0
    if asked:
        return live if question.strong or question.keywords else named & live
    if not question.strong:
        return named & live
    return (named | _near(found, WIDER)) & live


def holds(corpus: Corpus, words: frozenset[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return how much of the words each unit, with its facts, holds: 0 to 1.

    Words count by how much they tell. Without words nothing holds any.
    """
    ids = corpus.ids(sorted(words))
    if not ids:
        return np.zeros(len(corpus))
    telling = corpus.alone.telling(ids)
    share = telling @ (corpus.alone.counts(ids) > 0) / telling.sum()
    return np.asarray(share, dtype=np.float64)


def _near(found: Signals, part: float) -> Mask:
    near: Mask = (found["said.raw"] >= SAID * part) | (found["facts.raw"] >= DRAWN * part)
    return near


def _in_period(question: Question, found: Signals) -> Mask:
    inside: Mask = (found["period"] > 0) & question.asks
    return inside
