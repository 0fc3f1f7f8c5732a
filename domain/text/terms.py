"""What recall searches for: the stems of a text's content words, and what kind of text it is.

English in its stop words and stems; other scripts fall back on words, or on pairs of characters
where a script has no spaces. Nothing here counts or ranks.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock

import snowballstemmer  # type: ignore[import-untyped]  # it comes without types

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
"""Thai, Japanese and Chinese, which put no spaces between words."""

_STOP_WORDS = (
    "a about again all also am an and any are as at be been before being both but by can could "
    "did do does doing don down during each few for from further get got had has have having he "
    "her here hers him his how i if in into is it its just let ll m me might more most much must "
    "my myself no nor not now of off on once only or other our ours out over own re really s same "
    "shall she should so some such t than that the their theirs them then there these they this "
    "those through to too under until up us ve very was we were what when where which while who "
    "whom whose why will with would you your yours yourself"
)
_STOP = frozenset(_STOP_WORDS.split())
_WEAK_WORDS = (
    "ah anything awesome aww awww bye cool day fine glad good great guess haha hello hey hi hmm "
    "know lol love lot lovely mate maybe morning news nice night nothing oh ok okay please right "
    "say see something sorry sounds sup sure talk tell thank thanks thing things think time today "
    "tonight weather welcome well wow yeah yep yes going go been feel feeling like one want need "
    "conversation discuss forget memory mention mentioned recall remember remembered remind said "
    "spoke talked told everything last next first ever already yet bit little help joke explain"
)
_WEAK = frozenset(_WEAK_WORDS.split())
"""Words that say nothing by themselves about what a message is about."""

_ASKS = re.compile(
    r"\?|^\W*(?:who|whom|whose|what|when|where|which|why|how|did|do|does|is|are|was|were|can|could"
    r"|would|will|has|have|tell|remind|list|name|describe|summari[sz]e)\b"
    r"|\b(?:remember|recall|remind|forgotten?)\b",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\b(?:remember|recall|remind|forgotten?|(?:did|have|had) (?:i|we|you)\b.*\b(?:say|said|tell"
    r"|told|talk(?:ed)?|discuss(?:ed)?|mention(?:ed)?|speak|spoken)|what do you know|last time"
    r"|we (?:talked|spoke|discussed)|i (?:told|said|mentioned)|about me)\b",
    re.IGNORECASE,
)
_TIME_WORDS = (
    "yesterday today tomorrow tonight last next ago week weekend month year day morning evening "
    "january february march april may june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday recently since"
)
_TIMES = frozenset(_TIME_WORDS.split())
_NUMBER_WORDS = "one two three four five six seven eight nine ten twice once couple several dozen"
_NUMBERS = frozenset(_NUMBER_WORDS.split())
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_KEYWORD = re.compile(r"\d[\d.,:/-]*|(?<!^)(?<![.!?] )\b[^\W\d_a-z]\w+")

_WHEN = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:date|day|month|year|time)|\bhow long", re.IGNORECASE
)
_COUNT = re.compile(r"\bhow (?:many|much|often|old)", re.IGNORECASE)
_WHO = re.compile(
    r"\bwho(?:m|se)?\b|\bwhere\b|\b(?:which|what) (?:city|country|place|state)", re.IGNORECASE
)

_stemmer = snowballstemmer.stemmer("porter")
_one_at_a_time = Lock()


def terms(text: str) -> list[str]:
    """Return the stems of a text's content words, in order, with repeats."""
    return stems(words(text))


def stems(spoken: Iterable[str]) -> list[str]:
    """Return the stems of the content words among words, in order, with repeats."""
    found: list[str] = []
    for word in spoken:
        if word in _STOP:
            continue
        if _UNSPACED.match(word):
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        else:
            found.append(stem(word))
    return found


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without what follows an apostrophe."""
    found = (word.replace("’", "'").partition("'")[0] for word in _WORD.findall(text))
    return [word.casefold() for word in found]


def content_words(text: str) -> list[str]:
    """Return the words of a text in lower case, save stop words."""
    return [word for word in words(text) if word not in _STOP]


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return the stem of a lower-case word."""
    with _one_at_a_time:  # the stemmer keeps the word it works on in itself
        return str(_stemmer.stemWord(word))


@lru_cache(maxsize=1)
def weak_terms() -> frozenset[str]:
    """Return the stems that relate a message to nothing: greetings, small talk, "remember"."""
    return frozenset(stem(word) for word in _WEAK)


def time_terms(text: str) -> frozenset[str]:
    """Return the terms of words that place a text in time: years, months, "last", "week"."""
    return frozenset(stems(word for word in words(text) if _places(word)))


def keywords(text: str) -> list[str]:
    """Return the terms of the names, numbers and dates in a text."""
    return [term for found in _KEYWORD.findall(text) for term in terms(found)]


def asks(text: str) -> bool:
    """Return whether a message asks for something, rather than states it."""
    return bool(_ASKS.search(text))


def asks_of_the_past(text: str) -> bool:
    """Return whether a message asks what was said or is known."""
    return bool(_PAST.search(text))


def asks_when(question: str) -> bool:
    """Return whether a time answers the question."""
    return bool(_WHEN.search(question))


def asks_how_many(question: str) -> bool:
    """Return whether a number answers the question."""
    return bool(_COUNT.search(question))


def asks_who(question: str) -> bool:
    """Return whether the name of a person or place answers the question."""
    return bool(_WHO.search(question))


def times(spoken: Iterable[str]) -> int:
    """Return how many of these words place a text in time."""
    return sum(map(_places, spoken))


def numbers(spoken: Iterable[str]) -> int:
    """Return how many of these words are numbers."""
    return sum(word in _NUMBERS or word.isdecimal() for word in spoken)


def _places(word: str) -> bool:
    return word in _TIMES or (len(word) == 4 and word.isdecimal())


def names(text: str) -> int:
    """Return how many capitalized words stand inside the sentences of a text."""
    return len(_NAME.findall(text))
