"""Sentences and clauses of a text, in any of the scripts that this project serves.

Where a text is cut, and nothing about what the pieces say.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from domain.text.languages import LANGUAGES, all_months, language_of, plain

_END = re.compile(
    r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？؟۔।॥])[\"'”’»」』)\]]*\s*|(?<!\s)\s*\n\s*"
)
_TITLES = (
    "mr mrs ms dr prof st jr sr vs etc no dept approx ca rev hon sgt capt ave sra dra avda exmo "
    "mme mlle sig dott dhr mevr mej drs ing dipl-ing phdr judr cad fru kab kel kec ul pl вул ул "
    "просп обл проф акад доц буд тов гр डॉ श्री"
)
_ABBREVIATIONS = frozenset(_TITLES.split())
"""Those that a name follows, most of them titles."""
_SHORT = 6
"""Letters of an abbreviation at most, where only what follows tells that it is one."""
_VOWEL = re.compile("[aeiouyæøœıαεηιουωаеёиіїоуыэюяє]")
_BEYOND = "\u0530"
"""The first letter behind Latin, Greek and Cyrillic, where vowels are letters."""
_DOTTED = re.compile(r"[^\W\d_]{1,4}(?:\.[^\W\d_]{1,4})+$")
_MONTH = re.compile("|".join(sorted(all_months())), re.IGNORECASE)
_CLAUSE = re.compile(r"[,;:，、；：،]|\s[-–—]\s")


def sentence_ends(text: str) -> Iterator[int]:
    """Yield where each sentence but the last ends in a text, with the space after it."""
    begin = 0
    capitals = text.lstrip(" \"'«“„([¿¡")[:1].isupper()
    for end in _END.finditer(text):
        last = text[max(begin, end.start() - 12) : end.start()].rstrip("\"')]”’»")
        word = last.rpartition(" ")[2].rpartition("\n")[2]
        if "\n" not in end[0] and word.endswith("."):
            following = text[end.end() : end.end() + 1]
            if _abbreviates(word.rstrip("."), following, capitals=capitals):
                continue  # "Dr. No"
            ordinal = (capitals and following.islower()) or _MONTH.match(text, end.end())
            if word[:-1].isdecimal() and ordinal:
                continue  # "am 3. Mai"
        yield end.end()
        begin = end.end()


def _abbreviates(word: str, following: str, *, capitals: bool) -> bool:
    """Return whether a full stop belongs to the word before it.

    Args:
        word: Without the full stop.
        following: The first letter after it.
        capitals: Whether sentences begin with a capital letter here.
    """
    bare = word.lstrip("(\"'«“„").casefold()
    if bare in _ABBREVIATIONS or (len(bare) == 1 and bare.isalpha()) or _DOTTED.match(bare):
        return True
    if not bare.isalpha() or len(bare) > _SHORT:
        return False
    goes_on = following.isdecimal() or (capitals and following.islower())
    letters = unicodedata.normalize("NFKD", bare)
    silent = len(bare) < 4 and bare < _BEYOND and not _VOWEL.search(letters)
    return goes_on or (silent and not word.isupper() and following.isalnum())


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, whitespace tidied; "Dr. No." and "3.5" stay whole."""
    cuts = [0, *sentence_ends(text), len(text)]
    parts = (text[begin:end] for begin, end in pairwise(cuts))
    return [tidy for part in parts if (tidy := " ".join(part.split()))]


def clauses(text: str, *more: str) -> Iterator[str]:
    """Yield the parts of a text within which a negation counts: cut at commas and "but", "and".

    And at the words of `more` tables of its language.
    """
    language = LANGUAGES.get(language_of(text) or "")
    cut = frozenset[str]()
    if language:
        cut = cut.union(*map(language.words, ("contrasts", *more)))
    for sentence in dict.fromkeys(sentences(text)):
        for part in _CLAUSE.split(sentence):
            clause: list[str] = []
            for word in part.split():
                if clause and plain(word) in cut:
                    yield " ".join(clause)
                    clause = []
                clause.append(word)
            if clause:
                yield " ".join(clause)
