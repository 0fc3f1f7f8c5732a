"""The languages that this project knows: their words, and which of them a text is in.

Add one in `languages.toml`, where all words stand, and nowhere else.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from math import sqrt
from typing import Any

from domain.text.remembered import remembered
from domain.text.words import MARKS

ENGLISH = "en"
_LONGEST_STOP_WORD = 5
"""Letters; the longer ones of the lists say something now and then: Spanish "trabajo"."""


class Language:
    """The words and phrases of one language, in lower case.

    What each key holds is said at the head of `languages.toml`.
    """

    def __init__(self, code: str, table: Mapping[str, Any]) -> None:
        """Read those of a language (ISO 639-1); what has no key in its table is empty."""
        self._table = table
        self._sets: dict[str, frozenset[str]] = {}
        self.code = code
        self.spaced: bool = table.get("spaced", True)
        """Whether spaces part words."""
        self.by_words = self.spaced and code != "ko"
        """Whether a phrase is found as whole words: in Korean, endings are joined to them."""
        self.drops_subject: bool = table.get("drops_subject", False)
        pieces = (
            self._table.get(f"{key}_pieces", "") for key in ("own", "negation", "asks", "states")
        )
        self.own_pieces, self.negation_pieces, self.asks_pieces, self.states_pieces = pieces
        self.negation_prefix: str = table.get("negation_prefix", "")
        self.forgets: str = table.get("forgets", "")
        self.jokes: str = table.get("jokes", "")
        self.forgetting: str = table.get("forgetting", "")
        self.speaks_of_forgetting = "|".join(filter(None, (self.forgets, self.forgetting)))
        self.denies: str = table.get("denies", "")
        self.months = _list(table, "months")
        """January to December."""
        self.days = _list(table, "days")
        """Monday to Sunday."""
        self.numbers = dict(zip(_list(table, "numbers"), range(2, 13), strict=True))
        """Number words with their values."""
        tens = (*range(20, 100, 10), 100, 1000)
        self.numbers |= zip(_list(table, "tens"), tens, strict=True)

    def words(self, key: str) -> frozenset[str]:
        """Return the words and phrases of one of its keys.

        Raises:
            KeyError: If no language has that key.
        """
        if key not in self._sets:
            if key not in KEYS:
                raise KeyError(key)
            self._sets[key] = frozenset(filter(None, self._table.get(key, "").split(", ")))
        return self._sets[key]

    @cached_property
    def signs(self) -> frozenset[str]:
        """The small words and letters that it is recognised by."""
        tables = ("common", "own", "you", "negations", "note", "asks", "prepositions")
        return frozenset(self._table.get("letters", "")).union(*map(self.words, tables))

    @cached_property
    def stop(self) -> frozenset[str]:
        """Words too common to be searched for."""
        if "stop" in self._table:
            return self.words("stop")
        import stopwordsiso  # late: it reads the lists of sixty languages

        listed = stopwordsiso.stopwords(self.code)
        return frozenset(word for word in listed if len(word) <= _LONGEST_STOP_WORD)


def _list(table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(str(table[name]).split(", "))


def _read() -> dict[str, dict[str, Any]]:
    text = files("domain.text").joinpath("languages.toml").read_text(encoding="utf-8")
    return tomllib.loads(unicodedata.normalize("NFKC", text))


TABLES = _read()
"""What `languages.toml` says of each language, by its code (ISO 639-1); English comes first."""
KEYS = frozenset(key for table in TABLES.values() for key in table)
LANGUAGES = {code: Language(code, table) for code, table in TABLES.items()}

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("uk", re.compile(r"[іїєґІЇЄҐ]")),
    ("ru", re.compile(r"[ыэъёЫЭЪЁ]")),
)
"""A character that belongs to one of the languages here, tried in this order."""
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{MARKS}])*(?:['’-](?:[^\W_]|[{MARKS}])+)*")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu)'")
"""What French and Italian write together with the next word."""
_BEGINS = 0.5
"""What a capitalized word counts with which a sentence begins, as a name may."""
_SENTENCE_END = re.compile(r"[.!?…:\n]")
_SEEN = 2_000
"""Characters of a text that tell its language."""
_TELLING = 0.71
"""Votes up to which words alone do not tell it: of one word or letter that two languages have."""


def plain(text: str) -> str:
    """Return a text in the one form that tables are compared with: NFKC, lower case, "'"."""
    return unicodedata.normalize("NFKC", text).lower().replace("’", "'")


def spoken_words(text: str) -> list[str]:
    """Return the words of a text in that form; "don't" and "l'anglais" are one word each."""
    return _WORD.findall(plain(text))


def language_of(text: str) -> str | None:
    """Return the code of a text's language, by script and small words; None where nothing tells.

    Of languages as likely, English wins.
    """
    return next(iter(likely_languages(text)), None)


def read_as(text: str) -> Language:
    """Return the language that a text is read in: its own; English where nothing tells."""
    return LANGUAGES[language_of(text) or ENGLISH]


@cache
def all_months() -> frozenset[str]:
    """Return the names of months in every language."""
    return frozenset(month for language in LANGUAGES.values() for month in language.months)


@cache
def all_talk() -> frozenset[str]:
    """Return the small talk of every language that puts spaces between words."""
    spaced = (language for language in LANGUAGES.values() if language.by_words)
    return frozenset(word for language in spaced for word in language.words("talk"))


@remembered(4096)
def likely_languages(text: str) -> tuple[str, ...]:
    """Return the codes of the languages that a text is as likely in: of a short one, often several.

    A word counts the less, the more languages have it. What may be a name ("Ada" is Indonesian for
    "there is") counts less, or not at all.
    """
    text = text[:_SEEN]
    ascii_alone = text.isascii()  # as most texts are: no letter of it tells anything
    for code, script in () if ascii_alone else _SCRIPTS:
        if script.search(text):
            return (code,)
    signs = _telling_words(text)
    if not ascii_alone:
        signs += ((letter, 1) for letter in set(plain(text)) if not letter.isascii())
    by_sign, votes = _languages_by_sign(), dict.fromkeys(LANGUAGES, 0.0)
    known = [(languages, weight) for sign, weight in signs if (languages := by_sign.get(sign))]
    for languages, weight in known:
        for code in languages:
            votes[code] += weight / sqrt(len(languages))
    most = max(votes.values())
    likeliest = tuple(code for code, count in votes.items() if count == most > 0)
    best = likeliest[0] if likeliest else None
    if _CYRILLIC.search(text):
        return ("uk",) if best == "uk" else ("ru",)
    if sum(1 / sqrt(len(languages)) for languages, _ in known if best in languages) <= _TELLING:
        plainly = plain(text)
        denied = next((code for code, ending in _denials() if ending.search(plainly)), None)
        return (denied,) if denied else likeliest
    return likeliest


def _telling_words(text: str) -> list[tuple[str, float]]:
    """Return the words that may tell a text's language, in lower case, and how much each counts.

    A capitalized word within a sentence is a name and tells none; with which a sentence begins, it
    may be one. A text without a word in lower case, as a title, has none that can be told.
    """
    text = unicodedata.normalize("NFKC", text).replace("’", "'")
    spoken = [*_WORD.finditer(text)]
    has_names = any(word[0][0].islower() for word in spoken)
    telling: list[tuple[str, float]] = []
    end = 0
    for found in spoken:
        word, weight = found[0], 1.0
        if has_names and word[0].isupper() and word[1:2].islower():
            begins = not end or _SENTENCE_END.search(text, end, found.start())
            weight = _BEGINS if begins else 0.0
        if weight:
            plainly = word.lower()
            telling.append((plainly, weight))
            if "'" in plainly:
                telling += ((part, weight) for part in _ELISION.split(plainly) if part != plainly)
        end = found.end()
    return telling


@lru_cache(maxsize=1)
def _denials() -> list[tuple[str, re.Pattern[str]]]:
    """Return how verbs deny in the languages where they do by their form, which tells them."""
    return [
        (code, re.compile(language.negation_pieces))
        for code, language in LANGUAGES.items()
        if language.spaced and language.negation_pieces and code not in dict(_SCRIPTS)
    ]


@lru_cache(maxsize=1)
def _languages_by_sign() -> dict[str, list[str]]:
    """Return the languages that have a word or letter; English first."""
    by_sign: dict[str, list[str]] = {}
    for code, language in LANGUAGES.items():
        more = map(language.words, ("times", "numbers", "talk"))
        for sign in language.signs.union(*more):
            by_sign.setdefault(sign, []).append(code)
    return by_sign
