"""What a wish to forget means: one thing, several, or whatever was said in a span of time.

By form alone. What it reaches is decided in `domain/facts/forgetting.py`.
"""

import re
from datetime import datetime
from functools import cache
from itertools import takewhile

from domain.text.dates.dates import named_period
from domain.text.dates.elsewhere import period_in
from domain.text.languages import ENGLISH, LANGUAGES, language_of, plain, read_as, spoken_words
from domain.text.phrases import starts, without
from domain.text.statements import denies

_COMMA = "[,;،]"
_MOST = 2
"""Words of a thing at most, beside "my" and prepositions: of more, some may be what it does."""


def things(what: str) -> list[str]:
    """Return the things of one's own that a wish to forget names; the whole where it names none.

    "My address, my phone number" are two, and so they are with "I moved" behind a comma. What
    begins otherwise, such as "that my mother and I argued", is one statement.
    """
    code = language_of(what) or ENGLISH
    pieces = _separators(code).split(what) if LANGUAGES[code].words("mine") else [what]
    named = list(takewhile(lambda piece: _is_thing(piece, code), pieces[::2]))
    between, after = pieces[1 : 2 * len(named) - 1 : 2], pieces[2 * len(named) - 1 :]
    several = any(re.search(r"\w", separator) for separator in between)
    explained = len(after) == 2 and re.search(_COMMA, after[0])
    if named and (several or not between) and (explained or not after):
        return named
    head = re.split(_COMMA, what)[0]
    return [head] if _is_of_oneself(head, code) else [what]


def said_behind(sentence: str, what: str) -> str:
    """Return what a sentence says of its own behind what is to be forgotten: "I moved to Rome".

    Nothing where that may be one more thing to forget, or says why: "I do not want it known".
    """
    language = read_as(sentence)
    rest = what.removeprefix(things(what)[-1]).strip(",;، ")
    own = language.words("own") - language.words("mine")
    if not starts(rest, own, spaced=True) or denies(rest):
        return ""
    said = sentence[plain(sentence).rfind(rest) :] if rest in plain(sentence) else rest
    return said[:1].upper() + said[1:]


def _is_thing(text: str, code: str) -> bool:
    """Return whether a text is "my ..." and no more than a name for a thing, with its number."""
    mine, small = LANGUAGES[code].words("mine"), LANGUAGES[code].words("prepositions")
    if not starts(text, mine, spaced=True):
        return False
    return (
        0
        < sum(
            word not in small and not any(map(str.isdecimal, word))
            for word in spoken_words(without(text, mine, spaced=True))
        )
        <= _MOST
    )


def _is_of_oneself(text: str, code: str) -> bool:
    """Return whether a text is "that I ...", with something said of oneself."""
    language = LANGUAGES[code]
    that, _, clause = text.partition(" ")
    if that not in language.words("that") or starts(clause, language.words("mine"), spaced=True):
        return False
    own = language.words("own")
    return starts(clause, own, spaced=True) and any(
        word not in language.signs | language.stop for word in spoken_words(clause)
    )


@cache
def _separators(code: str) -> re.Pattern[str]:
    """Return what parts things: commas, and "and" before "my", in a group."""
    language = LANGUAGES[code]
    joins, mine = ("|".join(map(re.escape, language.words(key))) for key in ("joins", "mine"))
    return re.compile(rf"(\s*{_COMMA}\s*(?:(?:{joins})\s)?|\s(?:{joins})\s(?=(?:{mine})\s))")


def period_meant(what: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Return begin and end (exclusive) of a time that alone is named: "what I said yesterday".

    An empty one for a time that has no two ends here, such as "before yesterday".
    """
    for code in _codes(what):
        if only_a_time(what, code):
            span = period_in(what, code, now)
            return named_period(what, now) or (span[1:] if span else (now, now))
    return None


def only_a_time(what: str, code: str) -> bool:
    """Return whether a text says nothing but when its user said something to be forgotten."""
    language, text = LANGUAGES[code], plain(what)
    spaced = language.by_words
    times = language.words("times") | {*language.days, *language.months, *language.numbers}
    timeless = without(text, times, spaced=spaced)
    bare = (" " if spaced else "").join(timeless.split())
    saying, forgetting = language.words("i_said"), language.speaks_of_forgetting
    unsaid = without(bare, saying, spaced=spaced)
    if timeless == text or unsaid == bare:
        return False
    # Some forms of "forget" hold "what I said", others only stand before it.
    orders = (
        re.sub(forgetting, " ", unsaid),
        without(re.sub(forgetting, " ", bare), saying, spaced=spaced),
    )
    idle = language.words("beside") | language.words("polite") | language.words("whole")
    idle -= language.words("prepositions")
    rests = (without(order, idle, spaced=spaced) for order in orders)
    return not all(any(letter.isalpha() for letter in rest) for rest in rests)


def _codes(what: str) -> list[str]:
    """Return the languages that a wish may be in: a short one does not always tell."""
    what = plain(what)
    asking = [code for code in LANGUAGES if re.search(LANGUAGES[code].speaks_of_forgetting, what)]
    return asking or [language_of(what) or ENGLISH]
