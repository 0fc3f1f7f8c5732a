"""Which of the user's statements say otherwise than an earlier one about the same thing.

Compares sentences by form: another number or date beside the same words, or a denial. Nothing here
ranks or packs.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain, permutations, product

from domain.facts.own_words import own_sentences
from domain.facts.support import turned_around
from domain.recall.corpus import Corpus
from domain.text.languages import ENGLISH, LANGUAGES, all_months, language_of
from domain.text.remembered import remembered
from domain.text.statements import denies
from domain.text.terms import terms
from domain.text.words import normalized

_QUANTITY = re.compile(r"[$€£¥₹]?\s?\d+(?:[.,:/]\d+)*\s?%?|[^\W\d_]+")
_NEXT = 10
"""Characters within which a month makes a number a day."""
_BESIDE = 30
"""Characters on each side of a number that say what it counts."""
_ALIKE = 2
"""Words asked for that stand beside both numbers of one thing, where so many are asked for."""
_ABOUT = 0.5
"""Of the words of the question that the best statement holds, the part, by how much they tell, that
both statements of a change must hold."""
_SAME = 0.5
"""Of the terms of the shorter statement, the part that both hold where one may deny the other: all
but words that are written otherwise there."""
_LONGEST = 600
"""Characters of a sentence that is looked at."""


@dataclass(frozen=True)
class _Quantity:
    value: str
    kind: str
    """The sign beside it ("%", a currency, ":"), "day" beside a month, or none."""
    beside: frozenset[str]
    """Terms of the words around it."""


@dataclass(frozen=True)
class _Statement:
    text: str
    terms: frozenset[str]
    quantities: tuple[_Quantity, ...]
    values: frozenset[str]
    """Of its quantities."""
    denies: bool


def changed(corpus: Corpus, about: Iterable[str], rows: Iterable[int]) -> dict[int, int]:
    """Return, for units of the user that a later one says otherwise than, the newest such unit.

    `about` are the terms of the question.
    """
    asked = frozenset(term for term in about if not term.isdecimal())
    telling = dict(zip(asked, corpus.text.telling(corpus.ids(asked)).tolist(), strict=True))
    nearest = {row: _nearest(corpus.units[row].text, telling) for row in rows}
    most = max((worth for worth, _ in nearest.values()), default=0.0)
    said = {
        row: statement
        for row, (worth, statement) in nearest.items()
        if statement and worth >= _ABOUT * most > 0
    }
    at = dict(zip(said, corpus.at[list(said)].tolist(), strict=True))
    speakers = dict(zip(said, corpus.speakers[list(said)].tolist(), strict=True))
    later: dict[int, list[tuple[int, float, int]]] = defaultdict(list)
    for row, other in _comparable(said):
        if at[other] > at[row] and speakers[other] == speakers[row]:
            shared = _otherwise(said[row], said[other], asked)
            if shared:
                later[row].append((shared, at[other], other))
    return {row: max(others)[-1] for row, others in later.items()}


def _comparable(said: Mapping[int, _Statement]) -> Iterator[tuple[int, int]]:
    """Return the pairs of statements that can say otherwise: by a quantity, or by a denial."""
    counted = [row for row, statement in said.items() if statement.quantities]
    denied = [row for row, statement in said.items() if statement.denies]
    others = [row for row, statement in said.items() if not statement.denies]
    return chain(permutations(counted, 2), product(denied, others), product(others, denied))


def _nearest(text: str, telling: Mapping[str, float]) -> tuple[float, _Statement | None]:
    """Return the statement of a text that holds most of what is asked, and how much that tells."""
    statements = _statements(text)
    worth = [
        sum(telling[term] for term in statement.terms & telling.keys()) for statement in statements
    ]
    best = max(range(len(worth)), key=worth.__getitem__, default=None)
    return (0.0, None) if best is None else (worth[best], statements[best])


def _otherwise(old: _Statement, new: _Statement, asked: frozenset[str]) -> int:
    """Return how many words asked for a change is about; 0 where nothing changed."""
    shared = [
        len(was.beside & other.beside & asked)
        for was in old.quantities
        for other in new.quantities
        if was.kind == other.kind and was.value not in new.values and other.value not in old.values
    ]
    most = max(shared, default=0)
    if most and most >= min(_ALIKE, len(asked)):
        return most
    fewest = min(len(old.terms), len(new.terms))
    alike = old.denies != new.denies and len(old.terms & new.terms) >= _SAME * fewest
    return len(old.terms) if alike and turned_around(old.text, new.text) else 0


@remembered(1024)
def _statements(text: str) -> tuple[_Statement, ...]:
    """Return the user's own sentences in a text, read for comparing."""
    code = language_of(text) or ENGLISH
    return tuple(
        _statement(sentence, code) for sentence in own_sentences(text) if len(sentence) <= _LONGEST
    )


def _statement(sentence: str, code: str) -> _Statement:
    quantities = tuple(_quantities(sentence, code))
    return _Statement(
        sentence,
        frozenset(terms(sentence, code)),
        quantities,
        frozenset(each.value for each in quantities),
        denies(sentence),
    )


def _quantities(sentence: str, code: str) -> Iterable[_Quantity]:
    text, numbers = normalized(sentence), LANGUAGES[code].numbers
    for match in _QUANTITY.finditer(text):
        words = match[0].strip()
        digits = re.sub(r"\D", "", words)
        value = digits or str(numbers.get(words, ""))
        if value:
            beside = text[max(0, match.start() - _BESIDE) : match.start()]
            beside += f" {text[match.end() : match.end() + _BESIDE]}"
            kind = re.sub(r"[\w\s.,]", "", words)
            if _month_pattern().search(text[max(0, match.start() - _NEXT) : match.end() + _NEXT]):
                kind = "day"
            yield _Quantity(value, kind, frozenset(terms(beside, code)) - _month_terms())


# Made when first needed: stemming the months of all languages would slow every start.


@cache
def _month_terms() -> frozenset[str]:
    return frozenset(term for month in all_months() for term in terms(month))


@cache
def _month_pattern() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(sorted(all_months()))})\b", re.IGNORECASE)
