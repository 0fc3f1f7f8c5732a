"""A text as words, in every script: one form for what is written in several, nothing left out.

What a word means, or whether it counts, is decided in `domain/text/terms.py`.
"""

import re
import sys
import unicodedata
from functools import lru_cache

MARKS = re.escape(
    "".join(
        chr(code)
        for code in range(0x300, min(0x11A00, sys.maxunicode))
        if unicodedata.category(chr(code)) in ("Mn", "Mc")
    )
)
"""Combining marks, for a character class: vowels and tones that belong to the letter before."""
_JOINERS = "\u200c\u200d"
"""Invisible, inside words of Persian and of India."""
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{MARKS}{_JOINERS}])*")
_VOWEL_SIGNS = re.compile(r"[\u0640\u064b-\u065f\u0670\u0591-\u05c7\u200c\u200d]")
"""Left out by most who write Arabic and Hebrew; and the joiners."""
_DIGIT = re.compile(r"(?![0-9])\d")
_LONG = 5_000
"""Letters from which on words are found one by one: all at once would keep Python's lock."""

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f々"
KANA = r"\u3040-\u30ff"
HANGUL = r"\uac00-\ud7af"
THAI = r"\u0e00-\u0e7f"
_RUN = re.compile(
    rf"(?P<han>[{HAN}]+)|(?P<kana>[{KANA}]+)|(?P<hangul>[{HANGUL}]+)|(?P<thai>[{THAI}]+)"
    rf"|(?P<word>[^{HAN}{KANA}{HANGUL}{THAI}]+)"
)


def normalized(text: str) -> str:
    """Return a text in lower case, each character in one form, digits of any script as 0 to 9.

    Marks stay: two names that differ by them are two names.
    """
    text = unicodedata.normalize("NFKC", text).replace("İ", "i").casefold()
    if text.isascii():
        return text
    text = _VOWEL_SIGNS.sub("", unicodedata.normalize("NFKC", text))
    return _DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)


def words(text: str) -> list[str]:
    """Return the words of a text, normalized; an apostrophe parts two ("l'anglais", "Ann's")."""
    text = normalized(text)
    if len(text) < _LONG:
        return _WORD.findall(text)
    return [word[0] for word in _WORD.finditer(text)]


def mentions(text: str, name: str) -> bool:
    """Return whether a text holds a word of somebody's name, or the name where words run on."""
    spoken, parts = words(text), words(name)
    if any(grams(part) is not None for part in parts):
        return any(part in word for part in parts for word in spoken)
    return not set(parts).isdisjoint(spoken)


@lru_cache(maxsize=16_384)
def grams(word: str) -> tuple[str, ...] | None:
    """Return the parts of a word that are searched for in scripts without spaces or with endings.

    Han characters alone and in twos, Kana and Hangul in twos, Thai in threes. None for a word of
    any other script, which is searched for whole.
    """
    if word.isascii():
        return None
    pieces: list[str] = []
    parts = [(run.lastgroup or "", run[0]) for run in _RUN.finditer(word)]
    if all(script == "word" for script, _ in parts):
        return None
    for script, run in parts:
        if script == "word":
            pieces.append(run)
        elif script == "han":
            pieces += [*run, *_pieces(run, 2)] if len(run) > 1 else [run]
        else:
            pieces += _pieces(run, 3 if script == "thai" else 2)
    return tuple(pieces)


def _pieces(run: str, length: int) -> list[str]:
    return [run[at : at + length] for at in range(max(1, len(run) - length + 1))]
