"""Sentences and clauses of a text, in any of the scripts that this project serves.

Where a text is cut, and nothing about what the pieces say.
"""

import re
from collections.abc import Iterator

from domain.text.languages import LANGUAGES, language_of, plain

_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s|(?<=[。！？؟۔।॥])[\"'”’»」』)\]]*\s?")
_ABBREVIATED = "mr mrs ms dr prof st jr sr vs etc e.g i.e a.m p.m no dept approx u.s u.k ca z.b sra"
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_CLAUSE = re.compile(r"[,;:，、；：،]|\s[-–—]\s")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, whitespace tidied; "Dr. No." and "3.5" stay whole."""
    found: list[str] = []
    for line in text.splitlines():
        line = " ".join(line.split())
        begin = 0
        for end in _END.finditer(line):
            last = line[max(begin, end.start() - 12) : end.start()].rstrip("\"')]”’»")
            word = last.rpartition(" ")[2]
            bare = word.rstrip(".").casefold()
            if word.endswith(".") and (
                bare in _ABBREVIATIONS or len(bare) == 1 or bare.isdecimal()
            ):
                continue
            found.append(line[begin : end.end()].strip())
            begin = end.end()
        found.append(line[begin:].strip())
    return [sentence for sentence in found if sentence]


def clauses(text: str) -> Iterator[str]:
    """Yield the parts of a text within which a negation counts: cut at commas and "but", "and"."""
    language = LANGUAGES.get(language_of(text) or "")
    contrasts = language.words("contrasts") if language else frozenset()
    for sentence in dict.fromkeys(sentences(text)):
        for part in _CLAUSE.split(sentence):
            kept: list[str] = []
            for word in part.split():
                if kept and plain(word) in contrasts:
                    yield " ".join(kept)
                    kept = []
                kept.append(word)
            if kept:
                yield " ".join(kept)
