"""What of a reply an instruction decides, where only one way can hold: its length, its language.

By form, in the words of `languages.toml`. Whether a sentence is an instruction is decided in
`domain/facts/lasting_wishes.py`.
"""

import re
from functools import cache

from domain.text.languages import ENGLISH, LANGUAGES, TABLES, language_of, spoken_words
from domain.text.phrases import without
from domain.text.statements import denies, only_imagined
from domain.text.stemming import stem
from domain.text.words import normalized

ADDRESS = "form of address"
"""The slot of what a user wants to be called."""
LENGTH = "length of replies"
LANGUAGE = "language of replies"
_CARRIES_SENSE = re.compile(r"[^\W\u3040-\u309f]")
"""Letters that do, where words are not parted: Hiragana is mostly grammar."""
_SHORT = 40
"""Letters of an order in a language whose words are not parted: a longer one says more."""


def reply_slot(order: str, code: str) -> str | None:
    """Return which of these an order for good decides and nothing else; None for neither.

    "Answer briefly" and "give me long answers" both decide the length, "use short names for
    variables" does not. What forbids ("never answer in verse") leaves other ways open.
    """
    if denies(order, code) or only_imagined(order):
        return None
    text = normalized(order)
    bare = _pattern(code, "answer_pieces").sub(" ", text)
    for slot, pieces in ((LENGTH, "length_pieces"), (LANGUAGE, "tongue_pieces")):
        rest = _pattern(code, pieces).sub(" ", bare)
        if rest == bare:
            continue
        if not LANGUAGES[code].by_words:
            return slot if bare != text and len(text) <= _SHORT else None
        return slot if len(_subject(rest, code)) <= (bare != text) else None
    return None


def opposed(order: str, other: str) -> bool:
    """Return whether one of two orders forbids just what the other asks for.

    "No emojis, please" and "use emojis again in your replies" are about the same thing.
    """
    code = language_of(f"{order} {other}") or ENGLISH
    if denies(order, code) == denies(other, code):
        return False
    about = [
        _subject(_pattern(code, "answer_pieces").sub(" ", normalized(each)), code)
        for each in (order, other)
    ]
    return bool(about[0]) and about[0] == about[1]


def _subject(text: str, code: str) -> frozenset[str]:
    """Return the stems of what an order is about, beside ordering; letters in some scripts."""
    language = LANGUAGES[code]
    ordering = ("always", "bare", "ask", "request", "you", "call", "polite", "beside", "contrasts")
    idle = frozenset[str]().union(*map(language.words, ordering))
    small = language.stop | language.signs | language.words("i")
    if not language.by_words:
        left = without(text, idle | language.words("negations"), spaced=False)
        if language.negation_pieces:
            left = re.sub(language.negation_pieces, " ", left)
        return frozenset(_CARRIES_SENSE.findall(left))
    spoken = spoken_words(without(text, idle, spaced=True))
    stems = {stem(word, code) for word in spoken if word not in small}
    # "benutzen" and "darfst" say no more than "benutze" and "darf".
    return frozenset(stems - _stems(language.words("ask") | language.words("asks"), code))


@cache
def _stems(phrases: frozenset[str], code: str) -> frozenset[str]:
    return frozenset(stem(word, code) for phrase in phrases for word in spoken_words(phrase))


@cache
def _pattern(code: str, key: str) -> re.Pattern[str]:
    """Return what finds words that begin so, or such pieces where words are not parted."""
    begins, ends = (r"(?<!\w)", r"\w*") if LANGUAGES[code].by_words else ("", "")
    if code == "ar":  # articles and prepositions are written together with their word
        begins += r"\w{0,4}"
    return re.compile(f"{begins}(?:{TABLES[code][key]}){ends}")
