"""What recall searches for: the stems of a text's content words, in the language of the text.

What a question asks for is read in `domain/text/questions.py`. Nothing here counts or ranks.
"""

import re
from collections.abc import Iterable
from functools import cache

from domain.text.languages import ENGLISH, LANGUAGES, Language, all_talk, language_of, read_as
from domain.text.phrases import without
from domain.text.stemming import stem
from domain.text.words import grams, normalized, words

_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_INSIDE = re.compile(r"\b([^\W\d_])[^\W\d_]*,? (?=([^\W\d_]{2,})(?: ([^\W\d_]))?)")
"""A word with the one before it, and the letters that its neighbours begin with."""
_MONTH_NUMBER = re.compile(r"(?<!\d)(1[0-2]|[1-9])\s*[月월]")
_YEAR_DIGITS = 4


def terms(text: str, code: str | None = None) -> list[str]:
    """Return the stems of a text's content words, in order, with repeats.

    Without a `code`, it tells its language.
    """
    return stems(words(text), code or language_of(text) or ENGLISH)


def stems(spoken: Iterable[str], code: str = ENGLISH) -> list[str]:
    """Return the stems of the content words among normalized words, in order, with repeats.

    A month is its English name in every language, as the headings of days write it.
    """
    language = LANGUAGES[code]
    stemmed: list[str] = []
    for word in spoken:
        if word in language.stop:
            continue
        parts = grams(word)
        if parts is not None:
            stemmed += parts
            stemmed += (_month(int(number)) for number in _MONTH_NUMBER.findall(word))
        elif word in language.months:
            stemmed.append(_month(language.months.index(word) + 1))
        else:
            stemmed.append(stem(word, code))
    return stemmed


def strong_terms(text: str) -> frozenset[str]:
    """Return the terms that say what a message is about: no small talk, no word of asking."""
    code_of_text = language_of(text)
    code = code_of_text or ENGLISH
    language = LANGUAGES[code]
    idle = (
        language.words("request")
        | language.words("you")
        | _small(code)
        | (language.words("talk") if code_of_text else all_talk())
    )
    rest = without(normalized(text).replace("’", "'"), idle, spaced=language.by_words)
    if not language.by_words:
        rest = without(rest, language.stop, spaced=False)
    return frozenset(stems(words(rest), code)) - weak_terms(code)


def terms_in_any_language(text: str) -> list[str]:
    """Return what the words of a text are searched for as, in each language where they count.

    For a text that is too short to tell its language, or tells a wrong one. Without small talk.
    """
    small = all_talk()
    spoken = [word for word in words(text) if word not in small]
    return list(dict.fromkeys(term for code in LANGUAGES for term in stems(spoken, code)))


def names_inside(text: str, *, question: bool = False) -> frozenset[str]:
    """Return the small words that are capitalized inside a text, as names are.

    "Will" in "Who is Will?". Pronouns and small talk are no names, and a title tells none: behind
    a capitalized word only a question does ("Does Will play?").
    """
    names = {
        word.lower()
        for before, word, behind in _INSIDE.findall(text)
        if word.istitle() and (before.islower() or (question and behind.islower()))
    }
    if not names:
        return frozenset()
    code = language_of(text) or ENGLISH
    small = all_talk() | LANGUAGES[code].words("own") | LANGUAGES[code].words("you")
    return frozenset(names & LANGUAGES[code].stop - small)


def content_words(text: str) -> list[str]:
    """Return the words of a text in lower case, save stop words."""
    stop = read_as(text).stop
    return [word for word in words(text) if word not in stop]


@cache
def weak_terms(code: str = ENGLISH) -> frozenset[str]:
    """Return the stems that relate a message to nothing: greetings, small talk, "remember"."""
    return frozenset(stem(word, code) for word in LANGUAGES[code].words("talk") if " " not in word)


def time_terms(text: str) -> frozenset[str]:
    """Return the terms of words that place a text in time: years, months, "last", "week"."""
    code = language_of(text) or ENGLISH
    language = LANGUAGES[code]
    return frozenset(stems((word for word in words(text) if _places(word, language)), code))


def times(spoken: Iterable[str], code: str = ENGLISH) -> int:
    """Return how many of these words place a text in time."""
    language = LANGUAGES[code]
    return sum(_places(word, language) for word in spoken)


def numbers(spoken: Iterable[str], code: str = ENGLISH) -> int:
    """Return how many of these words are numbers."""
    language = LANGUAGES[code]
    return sum(word.isdecimal() or word in language.numbers for word in spoken)


def names(text: str) -> int:
    """Return how many capitalized words stand inside the sentences of a text."""
    return len(_NAME.findall(text))


@cache
def _small(code: str) -> frozenset[str]:
    """Return the words by which a language asks, and pronouns where no stop words are cut."""
    language = LANGUAGES[code]
    return language.words("asks") | (frozenset() if language.spaced else language.words("own"))


def _places(word: str, language: Language) -> bool:
    return (
        word in language.words("times")
        or word in language.months
        or word in language.days
        or (len(word) == _YEAR_DIGITS and word.isdecimal())
    )


def _month(number: int) -> str:
    return stem(LANGUAGES[ENGLISH].months[number - 1])
