"""What is found in the words of a unit: its terms, tokens, traits and vector.

Costly, so it is used again from one index to the next, and read from beside the rows it belongs to.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count as count_from

import numpy as np
from numpy.typing import NDArray

from domain.recall.bm25 import Terms
from domain.recall.passages import Spans, Unit
from domain.text.languages import language_of
from domain.text.terms import names, numbers, stems, times
from domain.text.vocabulary import ENGLISH
from domain.text.words import words

TRAITS = ("asks", "times", "numbers", "names")
"""What a unit may be or hold, each 0 to 1."""

UnitKey = tuple[str, str]
"""Reference and text of a unit."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Returns one vector a text, of length 1 (0 where nothing is known of the text)."""


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
class Analysis:
    """What is known of a unit by its own words. Costly, so kept from one index to the next."""

    terms: Terms
    tokens: int
    """Tokens of its line with the line break."""
    traits: tuple[float, ...]
    """`TRAITS`, each 0 to 1."""
    vector: NDArray[np.float32] | None


@dataclass(frozen=True)
class Found:
    """What is found in the words of a unit, without its vector."""

    terms: Sequence[str]
    tokens: int
    traits: tuple[float, ...]


@dataclass(frozen=True)
class Stored:
    """What was found in the units of an episode when it was written, one row each."""

    words: tuple[str, ...]
    """Every term once."""
    terms: NDArray[np.uint32]
    """The terms of all units one after the other, as positions in `words`."""
    starts: NDArray[np.int64]
    """Where each unit's terms begin."""
    ends: NDArray[np.int64]
    tokens: NDArray[np.int64]
    traits: NDArray[np.float64]
    vectors: NDArray[np.float32] | None
    """Of length 1 (0 where nothing is known); None where no model runs in this process."""


@dataclass(frozen=True)
class Ready:
    """What need not be found anew."""

    units: Mapping[UnitKey, tuple[Stored, int]] = field(default_factory=dict)
    """Reference and text of a unit to its row."""
    spans: Mapping[str, Spans] = field(default_factory=dict)
    """Where the passages of long messages begin and end, by reference."""


def analysed(unit: Unit, count: Callable[[str], int]) -> Found:
    """Return what is found in the words of a unit."""
    spoken, code = words(unit.text), language_of(unit.text) or ENGLISH
    traits = _traits(unit.text, spoken, code)
    return Found(stems(spoken, code), count(f"{unit.line}\n"), traits)


def analyses_of(
    units: Sequence[Unit],
    vocabulary: Vocabulary,
    count: Callable[[str], int],
    embed: Embed | None,
    done: Mapping[UnitKey, Analysis],
    ready: Ready,
) -> list[Analysis]:
    """Return the analysis of each unit.

    Args:
        units: The units.
        vocabulary: Numbers their terms.
        count: Tokens of a text.
        embed: The model that runs in this process; None for none.
        done: Analyses by the same vocabulary.
        ready: What was found earlier, in words.
    """
    found = dict(done)
    numbers_of: dict[int, Terms] = {}
    unread: dict[UnitKey, Unit] = {}
    for unit in units:
        key = unit.ref, unit.text
        if key in found:
            continue
        if key not in ready.units:
            unread[key] = unit
            continue
        stored, at = ready.units[key]
        if id(stored) not in numbers_of:
            numbers_of[id(stored)] = numbered(stored.words, vocabulary)
        found[key] = Analysis(
            terms=numbers_of[id(stored)][stored.terms[stored.starts[at] : stored.ends[at]]],
            tokens=int(stored.tokens[at]),
            traits=tuple(stored.traits[at].tolist()),
            vector=None if stored.vectors is None else stored.vectors[at],
        )
    vectors = embed([unit.text for unit in unread.values()]) if embed and unread else None
    for at, (key, unit) in enumerate(unread.items()):
        fresh = analysed(unit, count)
        found[key] = Analysis(
            terms=numbered(fresh.terms, vocabulary),
            tokens=fresh.tokens,
            traits=fresh.traits,
            vector=None if vectors is None else vectors[at],
        )
    return [found[unit.ref, unit.text] for unit in units]


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
