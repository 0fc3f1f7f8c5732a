"""Whether a text asks, denies, or speaks of its speaker, in the languages of the table.

Answers yes or no about a sentence. What follows from it is decided elsewhere.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import dropwhile

from domain.text.languages import (
    ENGLISH,
    LANGUAGES,
    Language,
    language_of,
    likely_languages,
    plain,
    spoken_words,
)
from domain.text.remembered import remembered

_QUESTION_MARKS = ("?", "؟")
_STATEMENT_MARKS = (".", "!", "。", "।", "۔", "…")
_GREETINGS = frozenset((
    "ahoj", "ciao", "hallo", "hei", "hej", "hello", "hey", "hi", "hola", "oi", "ok", "okay", "oye",
    "salut", "привет", "привіт",
))  # fmt: skip
"""What somebody is called by before a question."""
_BEGINNING = 60
"""Characters in which the first words stand."""
_CLOSING = "\"'”’»」』)] "


def is_question(sentence: str) -> bool:
    """Return whether a sentence asks something: by its mark, its first word, or its form.

    One that ends as a statement does ("When I was a child, I lived here.") is none.
    """
    text = plain(sentence).strip().rstrip(_CLOSING)
    if text.endswith(_QUESTION_MARKS) or text.startswith("¿"):
        return True
    language = _of(sentence)
    if language is None or text.endswith(_STATEMENT_MARKS):
        return False
    words = _without_call(language, spoken_words(text[:_BEGINNING]))
    if language.states_pieces and any(
        map(_pieces(language.states_pieces).search, (text, " ".join(words)))
    ):
        return False
    asks = language.words("asks")
    if language.spaced and words and not asks.isdisjoint((words[0], words[0].partition("'")[0])):
        return True
    return bool(language.asks_pieces and _pieces(language.asks_pieces).search(text))


def _without_call(language: Language, words: Sequence[str]) -> Sequence[str]:
    """Return words without greetings and one preposition before them: "hi, in which city"."""
    words = tuple(dropwhile(_GREETINGS.__contains__, words))
    return words[1:] if words[:1] and words[0] in language.words("prepositions") else words


def only_imagined(sentence: str) -> bool:
    """Return whether a sentence is a wish, a supposition, or holds under a condition."""
    return _has(sentence, "conditions")


def is_order(sentence: str) -> bool:
    """Return whether a sentence begins as an order to somebody does."""
    language = _of(sentence)
    if language is None:
        return False
    if not language.spaced:
        return plain(sentence).lstrip().startswith(tuple(language.words("orders")) or ("\0",))
    return (spoken_words(sentence[:60]) or [""])[0] in language.words("orders")


def _has(sentence: str, table: str) -> bool:
    language = _of(sentence)
    if language is None:
        return False
    listed = language.words(table)
    if not language.spaced:
        return any(word in plain(sentence) for word in listed)
    return not listed.isdisjoint(spoken_words(sentence))


@remembered(8_192)  # A new fact is held against all that are known.
def negations(text: str, code: str | None = None) -> int:
    """Return how many words or pieces of words of a text negate, in the language `code`."""
    language = LANGUAGES.get(code or language_of(text) or "", LANGUAGES["en"])
    listed = language.words("negations")
    count = sum(word in listed for word in spoken_words(text))
    if language.negation_pieces:
        count += len(_pieces(language.negation_pieces).findall(plain(text)))
    return count


def denies(text: str, code: str | None = None) -> bool:
    """Return whether a clause says that something is not so. French "ne ... pas" is one denial."""
    return negations(text, code) > 0


def first_person(sentence: str) -> bool | None:
    """Return whether a sentence speaks of its speaker; None where that cannot be told.

    That is so where its language is not known, or one that it is as likely in may leave "I" out;
    of languages as likely, English wins.
    """
    likely = likely_languages(sentence)
    if any(_speaks_of_self(sentence, LANGUAGES[code]) for code in likely):
        return True
    may_leave_out = any(LANGUAGES[code].drops_subject for code in likely) and ENGLISH not in likely
    return None if not likely or may_leave_out else False


def _speaks_of_self(sentence: str, language: Language) -> bool:
    own, text = language.words("own"), plain(sentence)
    if language.own_pieces and _pieces(language.own_pieces).search(text):
        return True
    if not language.spaced:
        return any(word in text for word in own)
    return any(word in own or word.partition("'")[0] in own for word in spoken_words(sentence))


def _of(text: str) -> Language | None:
    return LANGUAGES.get(language_of(text) or "")


@lru_cache(maxsize=64)
def _pieces(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
