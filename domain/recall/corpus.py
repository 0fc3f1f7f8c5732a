"""A conversation prepared for searching: its passages as arrays, with what votes for each.

Made in `domain/recall/corpus_building.py`, never changed in place. Who asks what of it is decided
in `domain/recall/ranking.py`; where messages come from, in `domain/recall/index_building.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain.recall.analyses import TRAITS, Vectors, Vocabulary
from domain.recall.bm25 import Postings, Terms
from domain.recall.passages import Unit

_AT_ONCE = 2_048
"""Vectors that are compared at once: as floats, they take four times their memory."""
_UNIT_BYTES = 500
"""What a unit takes beside the text of its message, with its rows in the arrays."""
_TOKEN_BYTES = 4
"""What a token of its text takes, on average."""


@dataclass(frozen=True)
class Corpus:
    """Units, and arrays with one row for each."""

    units: tuple[Unit, ...]
    vocabulary: Vocabulary
    text: Postings
    """A unit's own words."""
    alone: Postings
    """Its words, date, speaker and the facts drawn from it."""
    key: Postings
    """The same, and the words of the unit before."""
    facts: Postings
    """The facts drawn from it."""
    before: NDArray[np.int64]
    tokens: NDArray[np.float64]
    traits: NDArray[np.float64]
    """One column for each of `TRAITS`."""
    drawn: NDArray[np.float64]
    """How many facts were drawn from it."""
    at: NDArray[np.float64]
    """POSIX seconds."""
    days: NDArray[np.int64]
    """Ordinal of the day it was said."""
    vectors: Vectors | None
    """One row a unit; None where no model runs in this process."""
    lengths: NDArray[np.float32]
    """Of the rows of `vectors`."""
    speakers: NDArray[np.str_]
    user: NDArray[np.bool_]
    """Whether the user said it."""
    names: tuple[str, ...]
    """Everybody who speaks and has a name."""
    lone: tuple[int, ...]
    """Rows of lone facts."""
    turns: tuple[str, ...]
    """Ids of its turns."""
    turn: NDArray[np.int64]
    """Position among `turns` of each unit's turn."""
    messages: NDArray[np.int64]
    """A number for each unit's message: passages of one message share it."""
    rows_of_turn: Mapping[str, tuple[int, ...]]
    """Without the lone facts."""
    rows_of_fact: Mapping[str, tuple[int, ...]]
    """Fact id to the units that state it."""

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.units)

    @cached_property
    def nbytes(self) -> int:
        """About how many bytes it takes."""
        postings = (self.text, self.alone, self.key, self.facts)
        vectors = 0 if self.vectors is None else self.vectors.nbytes
        words = 100 * len(self.vocabulary)
        text = int(_TOKEN_BYTES * self.tokens.sum())
        units = _UNIT_BYTES * len(self.units)
        return sum(p.nbytes for p in postings) + vectors + words + text + units

    def terms_of(self, row: int, vocabulary: Vocabulary) -> Terms:
        """Return the terms of a unit's own words; `vocabulary` is the one it has."""
        return self.text[row]

    def holds(self, term: str) -> bool:
        """Return whether a unit, or a fact drawn from one, holds a term."""
        return bool(self.alone.counts(self.ids([term])).any())

    def nearness(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the cosine of each of these vectors of length 1 with each unit: a row for each."""
        if self.vectors is None:
            return np.zeros((len(vectors), len(self.units)))
        # No matrix product: its threads would wait for each other ten times as long as they work.
        parts = [
            np.einsum("qd,ud->qu", vectors, self.vectors[at : at + _AT_ONCE].astype(np.float32))
            for at in range(0, len(self.units), _AT_ONCE)
        ]
        return np.concatenate(parts, axis=1) / np.maximum(self.lengths, 1e-9)

    def trait(self, name: str) -> NDArray[np.float64]:
        """Return one column of the traits."""
        return self.traits[:, TRAITS.index(name)]

    def ids(self, words: Iterable[str]) -> list[int]:
        """Return the numbers of terms, -1 for one that nothing here holds."""
        return [self.vocabulary.get(word, -1) for word in words]
