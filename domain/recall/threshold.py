"""Whether anything remembered has to do with a message at all: small talk recalls nothing.

Pure. Which of the related units come first is decided in `domain/recall/ranking.py`.
"""

import numpy as np

from domain.recall.query import Question
from domain.recall.ranking import Mask, Signals

DRAWN = 0.38
"""Similarity of a fact above what small talk reaches with any fact."""
NEARBY = 0.3
"""Similarity of an entity that is somewhat near."""


def related(question: Question, values: Signals, live: Mask) -> Mask:
    """Return the units that may be recalled for a message.

    A message with a word of substance, or a question about who asks it ("Who am I?"), may recall
    everything, the best first, until its budget is full: so a question never comes back empty,
    and prompts stay as large as they are. Small talk
    ("Hi, how are you?") recalls nothing, unless it names a span of time or comes near a fact.
    """
    if question.strong or question.of_user:
        return live
    near = (values["period"] > 0) | (values["facts.raw"] >= DRAWN)
    return live & near & np.bool_(question.asks)
