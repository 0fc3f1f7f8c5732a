"""What is found in the words of units: their terms, tokens, traits and vectors, in columns.

Costly, so it is used again from one index to the next, and read from beside the rows it belongs to.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count as count_from
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.recall.bm25 import Terms
from domain.recall.passages import Spans, Unit, UnitKey
from domain.text.languages import ENGLISH, language_of
from domain.text.terms import names, names_inside, numbers, stems, times
from domain.text.words import words

TRAITS = ("asks", "times", "numbers", "names")
"""What a unit may be or hold, each 0 to 1."""
_MOST = 127
"""The largest number of a vector's row, as a byte."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Returns one vector a text, of length 1 (0 where nothing is known of the text)."""
Vectors = NDArray[np.int8]
"""One row a text; it is its direction that counts."""


class Vocabulary(dict[str, int]):
    """Term to its number. Only ever grows, and safely in several threads at once.

    So corpora that follow each other share one, and what is known of their units.
    """

    def __init__(self) -> None:
        """Begin without a term."""
        super().__init__()
        self._next = count_from(0)

    def __missing__(self, term: str) -> int:
        """Give a term the next number; the first of several threads wins."""
        return self.setdefault(term, next(self._next))


@dataclass(frozen=True)
class UnitAnalysis:
    """What is found in the words of a unit, without its vector."""

    terms: list[str]
    tokens: int
    """Tokens of its line with the line break."""
    traits: tuple[float, ...]
    """`TRAITS`, each 0 to 1."""


class Analysed(Protocol):
    """Rows of analyses."""

    @property
    def tokens(self) -> NDArray[np.float64]:
        """Tokens of each unit's line with the line break."""

    @property
    def traits(self) -> NDArray[np.float64]:
        """One column for each of `TRAITS`."""

    @property
    def vectors(self) -> Vectors | None:
        """None where no model runs in this process."""

    def terms_of(self, row: int, vocabulary: Vocabulary) -> Terms:
        """Return the terms of a row, as a vocabulary numbers them."""


class Stored:
    """The analyses of an episode's units, as they lie beside its row."""

    def __init__(
        self,
        words: Sequence[str],
        terms: NDArray[np.uint32],
        lengths: NDArray[np.int64],
        tokens: NDArray[np.float64],
        traits: NDArray[np.float64],
        vectors: Vectors | None,
    ) -> None:
        """Take what was stored.

        Args:
            words: Every term once.
            terms: Their positions in `words`, of all units one after the other.
            lengths: How many each unit has.
            tokens: Of each unit's line.
            traits: One row a unit, one column for each of `TRAITS`.
            vectors: One row a unit; None where no model runs in this process.
        """
        self.tokens, self.traits, self.vectors = tokens, traits, vectors
        self._words, self._terms = words, terms
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths
        self._numbers: Terms | None = None

    def terms_of(self, row: int, vocabulary: Vocabulary) -> Terms:
        """Return the terms of a row, as a vocabulary numbers them: always the same one."""
        if self._numbers is None:
            self._numbers = numbered(self._words, vocabulary)[self._terms]
        return self._numbers[self._starts[row] : self._ends[row]]


@dataclass(frozen=True)
class Ready:
    """What need not be found anew."""

    messages: Mapping[str, tuple[Stored, int]] = field(default_factory=dict)
    """Reference of a message to the row of its first unit."""
    spans: Mapping[str, Spans] = field(default_factory=dict)
    """Where the passages of long messages begin and end, by reference."""


@dataclass(frozen=True)
class Analyses:
    """What is known of units by their own words, one row each."""

    terms: list[Terms]
    tokens: NDArray[np.float64]
    traits: NDArray[np.float64]
    vectors: Vectors | None


def analysed(unit: Unit, count: Callable[[str], int]) -> UnitAnalysis:
    """Return what is found in the words of a unit."""
    text = unit.text
    spoken, code = words(text), language_of(text) or ENGLISH
    said = [*stems(spoken, code), *names_inside(text)]
    return UnitAnalysis(said, count(f"{unit.line}\n"), _traits(text, spoken, code))


def analyses_of(
    units: Sequence[Unit],
    vocabulary: Vocabulary,
    count: Callable[[str], int],
    embed: Embed | None,
    done: Mapping[UnitKey, tuple[Analysed, int]],
    ready: Ready,
) -> Analyses:
    """Return the analyses of units.

    Args:
        units: The units; passages of one message follow each other.
        vocabulary: Numbers their terms.
        count: Tokens of a text.
        embed: The model that runs in this process; None for none.
        done: Analyses by the same vocabulary, with their rows.
        ready: What was found earlier, in words.
    """
    size = len(units)
    words: list[Terms] = [np.empty(0, np.int32)] * size
    tokens, traits = np.zeros(size), np.zeros((size, len(TRAITS)))
    vectors: dict[int, NDArray[np.int8]] = {}
    unread: list[int] = []
    ref, passage = "", 0
    for row, unit in enumerate(units):
        ref, passage = unit.ref, passage + 1 if unit.ref == ref else 0
        known: tuple[Analysed, int] | None = done.get(unit.key)
        if known is None and unit.role is not None and unit.ref in ready.messages:
            stored, first = ready.messages[unit.ref]
            known = stored, first + passage
        if known is None:
            unread.append(row)
            continue
        earlier, at = known
        words[row] = earlier.terms_of(at, vocabulary)
        tokens[row], traits[row] = earlier.tokens[at], earlier.traits[at]
        if earlier.vectors is not None:
            vectors[row] = earlier.vectors[at]
    if embed is not None and unread:
        made = quantized(embed([units[row].text for row in unread]))
        vectors.update(zip(unread, made, strict=True))
    for row in unread:
        found = analysed(units[row], count)
        words[row] = numbered(found.terms, vocabulary)
        tokens[row], traits[row] = found.tokens, found.traits
    every = np.stack([vectors[row] for row in range(size)]) if len(vectors) == size > 0 else None
    return Analyses(words, tokens, traits, every)


def quantized(rows: NDArray[np.float32]) -> Vectors:
    """Return vectors in a byte a number."""
    scale = _MOST / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9)
    bytes_: Vectors = np.rint(rows * scale).astype(np.int8)
    return bytes_


def _traits(text: str, spoken: Sequence[str], code: str) -> tuple[float, ...]:
    return (
        float(text.rstrip().endswith(("?", "？", "؟"))),
        min(times(spoken, code), 2) / 2,
        min(numbers(spoken, code), 2) / 2,
        min(names(text), 3) / 3,
    )


def numbered(words: Iterable[str], vocabulary: Vocabulary) -> Terms:
    """Return the numbers of terms."""
    return np.array([vocabulary[word] for word in words], dtype=np.int32)
