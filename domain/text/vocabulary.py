"""What recall needs to know of each language: small talk, times, numbers, what questions ask for.

The words stand in `languages.toml`.
"""

from functools import cache
from typing import Any

from domain.text.languages import LANGUAGES, TABLES, language_of

ENGLISH = "en"
_LONGEST_STOP_WORD = 5
"""Letters; the longer ones of the lists say something now and then: Spanish "trabajo"."""


class Vocabulary:
    """The words of a language, and phrases, in lower case.

    What each key holds is said at the head of `languages.toml`.
    """

    def __init__(self, code: str) -> None:
        """Read those of a language (ISO 639-1)."""
        table, language = TABLES[code], LANGUAGES[code]
        self.code = code
        self.phrases = language.words
        """The words and phrases of a key."""
        self.spaced = language.spaced and code != "ko"
        """Whether words are parted by spaces, so that a phrase is found as whole words."""
        self.months = _list(table, "months")
        """January to December."""
        self.days = _list(table, "days")
        """Monday to Sunday."""
        self.numbers = dict(zip(_list(table, "numbers"), range(2, 13), strict=True))
        """Number words with their values."""
        tens = (*range(20, 100, 10), 100, 1000)
        self.numbers |= zip(_list(table, "tens"), tens, strict=True)
        self.stop = language.words("stop") if "stop" in table else _stop_words(code)
        """Words too common to be searched for."""


@cache
def vocabulary(code: str) -> Vocabulary:
    """Return the words of a language; those of English where it has no table."""
    return Vocabulary(code) if code in TABLES else vocabulary(ENGLISH)


def vocabulary_of(text: str) -> Vocabulary:
    """Return the words of the language that a text is in; of English where nothing tells."""
    return vocabulary(language_of(text) or ENGLISH)


@cache
def all_months() -> frozenset[str]:
    """Return the names of months in every language."""
    return frozenset(month for table in TABLES.values() for month in _list(table, "months"))


@cache
def all_talk() -> frozenset[str]:
    """Return the small talk of every language that puts spaces between words."""
    every = map(vocabulary, TABLES)
    return frozenset(word for each in every if each.spaced for word in each.phrases("talk"))


def _stop_words(code: str) -> frozenset[str]:
    import stopwordsiso  # late: it reads the lists of sixty languages

    return frozenset(w for w in stopwordsiso.stopwords(code) if len(w) <= _LONGEST_STOP_WORD)


def _list(table: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(str(table[name]).split(", "))
