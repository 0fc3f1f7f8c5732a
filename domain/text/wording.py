"""Words as they are compared, whatever their form: folded, as stems, numbers as digits.

English in its number words, negations and stems.
"""

import re
import unicodedata

from domain.text.stemming import stem

COUNTS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "twenty": "20", "thirty": "30",
    "forty": "40", "fifty": "50", "hundred": "100", "thousand": "1000", "twice": "2",
    "dozen": "12",
}  # fmt: skip
_NUMBER = re.compile(r"\d+(?:[.:]\d+)*")
NEGATION = re.compile(
    r"\b(?:not|never|no longer|no|none|nothing|nobody|neither|nor|without|cannot|cant|dont|doesnt"
    r"|didnt|isnt|wasnt|wont|\w+n't)\b",
    re.IGNORECASE,
)


def root(word: str) -> str:
    """Return the stem of a lower-case English word; "allergy" and "allergic" meet."""
    stemmed = stem(word)
    return stemmed.removesuffix("i") if len(stemmed) > 4 else stemmed


def numbers(text: str) -> frozenset[str]:
    """Return the numbers of a text as digits, number words included ("two" is "2")."""
    lowered = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text.lower())
    counted = {COUNTS[word] for word in re.findall(r"[a-z]+", lowered) if word in COUNTS}
    return frozenset(_plain(number) for number in _NUMBER.findall(lowered)) | counted


def negations(text: str) -> int:
    """Return how many words of a text negate."""
    return len(NEGATION.findall(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")))


def fold(text: str) -> str:
    """Return a text without case, diacritics and typographic apostrophes."""
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    split = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in split if not unicodedata.combining(letter)).casefold()


def _plain(number: str) -> str:
    return re.sub(r"^0+(?=\d)", "", number)
