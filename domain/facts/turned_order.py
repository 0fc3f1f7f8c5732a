"""Whether a text changes two names, or two numbers, of what was said for one another. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from domain.facts.support import WORD, names_in
from domain.text.dates.english import MONTH_FORMS, WEEKDAYS
from domain.text.languages import language_of, plain
from domain.text.remembered import remembered
from domain.text.terms import content_words
from domain.text.wording import numbers_as_said

_MOST = 12
"""Names that one sentence is compared by at most; more are a list."""
_TIME = re.compile(rf"(?:{MONTH_FORMS}|{'|'.join(WEEKDAYS)}|(?:19|20)\d\d)", re.I)
"""What may stand anywhere in a sentence."""


def turned_order(text: str, said: Sequence[str]) -> list[str]:
    """Return the sentences of which a text has two names, or numbers, the other way round.

    "Bo owes Ann 20" turns "Ann owes Bo 20" around. Compared is what both hold once; where another
    sentence has the two as the text has them, nothing is turned around. German is not compared:
    it capitalizes more than names, and orders them freely.
    """
    if language_of(text) == "de":
        return []
    turned: dict[frozenset[str], str] = {}
    alike: set[frozenset[str]] = set()
    # A name that opens a sentence is known for one by the others.
    names = _read(text).names.union(*(_read(sentence).names for sentence in said))
    for sentence in said:
        for pair, same in _pairs(_read(text), _read(sentence), names):
            if same:
                alike.add(pair)
            else:
                turned.setdefault(pair, sentence)
    return list(dict.fromkeys(turned[pair] for pair in turned.keys() - alike))


@dataclass(frozen=True)
class _Text:
    """What of a text is compared, in order; what it holds twice is not."""

    capitalized: tuple[str, ...]
    """In lower case; names, and words that begin a sentence."""
    names: frozenset[str]
    numbers: tuple[str, ...]


@remembered(1024)
def _read(text: str) -> _Text:
    words = WORD.findall(text)
    count = Counter(map(plain, words))
    numbers = dict.fromkeys(numbers_as_said(text).values())
    names = frozenset(names_in(text)) & frozenset(content_words(text))
    return _Text(
        capitalized=tuple(
            plain(word) for word in words if word[0].isupper() and count[plain(word)] == 1
        ),
        names=frozenset(name for name in names if not _TIME.fullmatch(name)),
        numbers=tuple(number for number in numbers if not _TIME.fullmatch(number)),
    )


def _pairs(
    text: _Text, other: _Text, names: frozenset[str]
) -> Iterator[tuple[frozenset[str], bool]]:
    """Yield the pairs that two texts share, and whether they stand in the same order in both."""
    named = [[word for word in each.capitalized if word in names] for each in (text, other)]
    for ours, theirs in (named, (text.numbers, other.numbers)):
        at = {word: place for place, word in enumerate(theirs)}
        shared = [word for word in ours if word in at][:_MOST]
        for first, second in combinations(shared, 2):
            yield frozenset((first, second)), at[first] < at[second]
