"""What recall needs to know of each language: small talk, times, numbers, what questions ask for.

The words stand in `languages.toml`.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from domain.text.languages import LANGUAGES, TABLES, language_of

ENGLISH = "en"
_LONGEST_STOP_WORD = 5
"""Letters; the longer ones of the lists say something now and then: Spanish "trabajo"."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of a language, and phrases, in lower case."""

    code: str
    """ISO 639-1."""
    request: frozenset[str]
    """What asks without being a question; without spaces between words, all words of asking."""
    you: frozenset[str]
    when: frozenset[str]
    """What asks for a time."""
    count: frozenset[str]
    """What asks for a number."""
    who: frozenset[str]
    """What asks for a person or place."""
    talk: frozenset[str]
    """Small talk: greetings, thanks, "do you remember"."""
    past: frozenset[str]
    """What asks for something said before."""
    all: frozenset[str]
    """What asks for everything."""
    order: frozenset[str]
    """What asks for the order of several things."""
    said: frozenset[str]
    """What makes "you" the one who said it."""
    numbers: dict[str, int]
    """Number words with their values."""
    months: tuple[str, ...]
    """January to December."""
    days: tuple[str, ...]
    """Monday to Sunday."""
    times: frozenset[str]
    """Further words that place a text in time."""
    always: frozenset[str]
    """What makes an order one for good."""
    bare: frozenset[str]
    """Those of them after which any verb makes an order."""
    ask: frozenset[str]
    """What an order begins with, or ends with where verbs come last."""
    reply: frozenset[str]
    """What replies are called and made of: whoever orders how they are to be means all of them."""
    call: frozenset[str]
    """How one says what to be called."""
    prefer: frozenset[str]
    """How one says what one prefers."""
    i: frozenset[str]
    """ "I" and "we"."""
    stop: frozenset[str]
    """Words too common to be searched for."""

    @property
    def spaced(self) -> bool:
        """Whether words are parted by spaces, so that a phrase is found as whole words."""
        return LANGUAGES[self.code].spaced and self.code != "ko"


@cache
def vocabulary(code: str) -> Vocabulary:
    """Return the words of a language; those of English where it has no table."""
    table = TABLES.get(code)
    if table is None:
        return vocabulary(ENGLISH)
    asked = ("request", "you", "when", "count", "who", "talk", "past", "all", "order", "said")
    sets = (*asked, "times", "always", "bare", "ask", "reply", "call", "prefer", "i")
    return Vocabulary(
        code=code,
        numbers=dict(zip(_list(table, "numbers"), range(2, 13), strict=True))
        | dict(zip(_list(table, "tens"), (*range(20, 100, 10), 100, 1000), strict=True)),
        months=_list(table, "months"),
        days=_list(table, "days"),
        stop=LANGUAGES[code].small
        | (frozenset(_list(table, "stop")) if "stop" in table else _stop_words(code)),
        **{name: frozenset(_list(table, name) if name in table else ()) for name in sets},
    )


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
    return frozenset(word for each in every if each.spaced for word in each.talk)


def _stop_words(code: str) -> frozenset[str]:
    import stopwordsiso  # late: it reads the lists of sixty languages

    return frozenset(w for w in stopwordsiso.stopwords(code) if len(w) <= _LONGEST_STOP_WORD)


def _list(table: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(str(table[name]).split(", "))
