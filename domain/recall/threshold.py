"""Whether anything remembered has to do with a message at all: small talk recalls nothing.

Pure. Which of the related units come first is decided in `domain/recall/ranking.py`.
"""

from math import log

import numpy as np

from domain.recall.bm25 import Scores
from domain.recall.corpus import Corpus
from domain.recall.query import Question
from domain.recall.ranking import Mask, Signals

STATED = 0.34
"""Share of a statement's strong words, by what they tell, that relates a unit to it."""
ASKED = 0.48
"""Share of a question's strong words that by itself relates memory to it."""
HINTED = 0.2
"""Share that does so together with a fact or a unit that is somewhat near."""
SAID = 0.55
"""Similarity of a unit's vector from which on it relates to a message without sharing a word."""
DRAWN = 0.38
"""The same for a fact; above what small talk reaches with any fact."""
NEARBY = 0.3
"""Similarity of a fact or an entity that is somewhat near."""
LIKE = 0.36
"""Similarity of a unit that is somewhat near."""
WIDER = 0.75
"""What the floors of similarity are multiplied with in a second pass of its own accord."""


def related(corpus: Corpus, question: Question, found: Signals, live: Mask) -> Mask:
    """Return the units that may be recalled for a message.

    A statement of substance, or a question that relates to anything, may recall everything, the
    best first, until its budget is full: so prompts stay as large as they are, whatever is said.
    A message without a word of substance ("Hi, how are you?") relates to nothing, unless it names
    a span of time or comes near a fact.
    """
    if not len(corpus):
        return live
    share, told = holds(corpus, question.strong), found["facts.raw"]
    said = found["said.raw"] * bool(question.strong)
    if not question.asks:
        return live & bool(question.strong)
    close = not told.any() or told.max() >= NEARBY or said.max() >= LIKE
    hinted = (share >= HINTED) & bool(close)
    some = (share >= ASKED) | hinted | (told >= DRAWN) | (said >= SAID) | (found["period"] > 0)
    return live if (some & live).any() else some & live


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
    named = (holds(corpus, question.keywords) > 0) & live
    if not question.strong:
        return named
    if asked:
        return live
    near = (found["facts.raw"] >= DRAWN * WIDER) | (found["said.raw"] >= SAID * WIDER)
    return named | ((near | (holds(corpus, question.strong) >= STATED)) & live)


def holds(corpus: Corpus, words: frozenset[str]) -> Scores:
    """Return how much of the words each unit, with the facts drawn from it, holds: 0 to 1.

    Words count by how much they tell. Without words nothing holds any.
    """
    ids = corpus.ids(sorted(words))
    if not ids:
        return np.zeros(len(corpus))
    # What nothing here holds tells no more than what one unit holds.
    telling = np.minimum(corpus.text.telling(ids), log(1 + max(len(corpus) - 0.5, 0.5) / 1.5))
    held = (corpus.text.counts(ids) > 0) | (corpus.facts.counts(ids) > 0)
    share: Scores = telling @ held / telling.sum()
    return share
