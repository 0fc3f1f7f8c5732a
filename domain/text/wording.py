"""Words as they are compared, whatever their form: folded, as stems, numbers as digits.

English in its negations and stems.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from domain.text.languages import ENGLISH, LANGUAGES, language_of
from domain.text.remembered import remembered
from domain.text.stemming import stem
from domain.text.words import normalized

_THOUSANDS = re.compile(r"(?<=\d)[,\u202f\u00a0](?=\d{3}\b)")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
"""Marks of Latin, Greek and Cyrillic letters, which some leave out. Those of other scripts are
letters to who reads them: "タイキ" and "ダイキ" are two names."""
_NUMERALS = "〇零一二三四五六七八九十百千万"
_NUMBER = re.compile(
    rf"\d+(?:[.:/]\d+)*|[{_NUMERALS}]{{2,}}|[{_NUMERALS}](?=[月日号號点點时時岁歳年])"
    rf"|[^\W\d_{_NUMERALS}]+"
)
"""A number in digits, one in Chinese characters (several, or one before what it counts), a word."""
_MORE = {"zero": 0, "one": 1, "twice": 2, "dozen": 12}
"""English words of numbers that no table of a language has."""
_LATIN = re.compile(
    r"LATIN SMALL (?:LETTER|LIGATURE) (?:DOTLESS )?([A-Z]{1,2}|THORN|ETH)(?: WITH .*)?$"
)
_LETTERS = {"THORN": "th", "ETH": "d"}
_WRITTEN_OUT = re.compile(r"(?<=[b-df-hj-np-tv-xz])([aou])e(?=[b-df-hj-np-tv-xz])(?!l\b)")
"""An umlaut as two letters: not in "Michael", "Manuel", "Zoe" and "Joey"."""
NEGATION = re.compile(
    r"\b(?:not|never|no longer|no|none|nothing|nobody|neither|nor|without|cannot|cant|dont|doesnt"
    r"|didnt|isnt|wasnt|wont|\w+n't)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=16_384)
def root(word: str) -> str:
    """Return the stem of a lower-case English word; "allergy" and "allergic" meet."""
    stemmed = stem(word)
    return stemmed.removesuffix("i") if len(stemmed) > 4 else stemmed


def numbers(text: str) -> frozenset[str]:
    """Return the numbers of a text as digits of ours: "two" is 2, "1,200" 1200, "十五" 15."""
    return frozenset(numbers_as_said(text).values())


@remembered(4096)
def numbers_as_said(text: str, code: str | None = None) -> Mapping[str, str]:
    """Return the numbers of a text as they were said, each with its digits; in their order.

    It is read in the language `code`, else in its own.
    """
    code = code or language_of(text) or ENGLISH
    counts = LANGUAGES[code].numbers
    if code == ENGLISH:
        counts = counts | _MORE
    said: dict[str, str] = {}
    for match in _NUMBER.findall(_THOUSANDS.sub("", normalized(text))):
        if match[0].isdecimal():
            said[match] = match.lstrip("0") or "0"
        elif match[0] in _NUMERALS:
            said[match] = str(_value(match))
        elif match in counts:
            said[match] = str(counts[match])
    return said


def _value(numerals: str) -> int:
    """Return the value of a number in Chinese characters; "二〇二六" is read digit by digit."""
    values = [int(unicodedata.numeric(each)) for each in numerals]
    if all(value < 10 for value in values):
        return int("".join(map(str, values)))
    whole = part = 0
    for value in values:
        if value < 10:
            part = value
        elif value == 10_000:
            whole, part = (whole + part) * value, 0
        else:
            whole, part = whole + (part or 1) * value, 0
    return whole + part


def fold(text: str) -> str:
    """Return a text without case, accents, vowel signs and typographic apostrophes."""
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return normalized(_ACCENTS.sub("", unicodedata.normalize("NFKD", text)))


def spelled(text: str) -> str:
    """Return a text folded, and names in the one spelling that all keyboards have.

    "Søren" and "Soeren" are both "soren", "Łukasz" is "lukasz", "Müller" and "Mueller" "muller".
    """
    plain = "".join(letter if letter.isascii() else _base(letter) for letter in fold(text))
    return _WRITTEN_OUT.sub(r"\1", plain)


@lru_cache(maxsize=4096)
def _base(letter: str) -> str:
    """Return the letters that a Latin letter is made from; any other as it is."""
    match = _LATIN.match(unicodedata.name(letter, ""))
    return _LETTERS.get(match[1], match[1].lower()) if match else letter
