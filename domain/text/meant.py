"""What a wish to forget means: one thing, several, or whatever was said in a span of time.

By form alone. What it reaches is decided in `domain/facts/forgetting.py`.
"""

import re
from datetime import datetime

from domain.text.dates.dates import named_period
from domain.text.dates.elsewhere import period_in
from domain.text.languages import LANGUAGES, language_of, plain
from domain.text.phrases import holds, without
from domain.text.vocabulary import ENGLISH, vocabulary

_COMMA = re.compile("[,;，、；،]")


def things(what: str) -> list[str]:
    """Return the things that a wish to forget names: "my address", "my phone number".

    Behind a comma stands another one only where "and" follows; else it is why.
    """
    joins = LANGUAGES[language_of(what) or ENGLISH].joins
    joined = re.split(joins, what) if joins else [what]
    if len(joined) == 1:
        return _COMMA.split(what)[:1]
    return [part.strip() for piece in joined for part in _COMMA.split(piece) if part.strip()]


def period_meant(what: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Return begin and end (exclusive) of a time that alone is named: "what I said yesterday".

    Args:
        what: What is to be forgotten.
        now: When that was said.
    """
    for code in _codes(what):
        if only_a_time(what, code):
            span = period_in(what, code, now)
            return named_period(what, now) or (span and span[1:])
    return None


def only_a_time(what: str, code: str) -> bool:
    """Return whether a text of a language says nothing but when something was said."""
    language, words, text = LANGUAGES[code], vocabulary(code), plain(what)
    saying = language.words("reports") | language.words("whole")
    if not holds(text, saying, spaced=words.spaced):
        return False
    idle = saying | language.signs | language.words("beside") | language.words("polite") | words.you
    when = words.times | {*words.days, *words.months, *words.numbers}
    text = re.sub(language.forgets, " ", text)
    timeless = without(text, when, spaced=words.spaced)
    rest = without(timeless, idle, spaced=words.spaced)
    return timeless != text and not any(letter.isalpha() for letter in rest)


def _codes(what: str) -> list[str]:
    """Return the languages that a wish may be in: a short one does not always tell."""
    asking = [code for code in LANGUAGES if re.search(LANGUAGES[code].forgets, plain(what))]
    return asking or [language_of(what) or ENGLISH]
