"""Sentences and clauses of a text, in any of the scripts that this project serves.

Where a text is cut, and nothing about what the pieces say.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from domain.text.languages import LANGUAGES, language_of, plain
from domain.text.vocabulary import all_months

_END = re.compile(
    r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？؟۔।॥])[\"'”’»」』)\]]*\s*|(?<!\s)\s*\n\s*"
)
_ABBREVIATED = "mr mrs ms dr prof st jr sr vs etc e.g i.e a.m p.m no dept approx u.s u.k ca z.b sra"
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_MONTH = re.compile("|".join(sorted(all_months())), re.IGNORECASE)
_CLAUSE = re.compile(r"[,;:，、；：،]|\s[-–—]\s")


def sentence_ends(text: str) -> Iterator[int]:
    """Yield where each sentence but the last ends in a text, with the space after it."""
    begin = 0
    for end in _END.finditer(text):
        last = text[max(begin, end.start() - 12) : end.start()].rstrip("\"')]”’»")
        word = last.rpartition(" ")[2].rpartition("\n")[2]
        bare = word.rstrip(".").casefold()
        short = bare in _ABBREVIATIONS or (len(bare) == 1 and bare.isalpha())
        dated = bare.isdecimal() and _MONTH.match(text, end.end()) is not None
        if "\n" not in end[0] and word.endswith(".") and (short or dated):
            continue  # "Dr. No", "am 3. Mai"
        yield end.end()
        begin = end.end()


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, whitespace tidied; "Dr. No." and "3.5" stay whole."""
    cuts = [0, *sentence_ends(text), len(text)]
    parts = (text[begin:end] for begin, end in pairwise(cuts))
    return [tidy for part in parts if (tidy := " ".join(part.split()))]


def clauses(text: str) -> Iterator[str]:
    """Yield the parts of a text within which a negation counts: cut at commas and "but", "and"."""
    language = LANGUAGES.get(language_of(text) or "")
    contrasts = language.words("contrasts") if language else frozenset()
    for sentence in dict.fromkeys(sentences(text)):
        for part in _CLAUSE.split(sentence):
            clause: list[str] = []
            for word in part.split():
                if clause and plain(word) in contrasts:
                    yield " ".join(clause)
                    clause = []
                clause.append(word)
            if clause:
                yield " ".join(clause)
