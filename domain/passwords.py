"""Finds the passwords in a text: "my password is hunter2", "Passwort: ...", "密码是...", and codes.

The words for one, and those that lead from it to the password, stand with the languages.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest

from domain.text.languages import LANGUAGES, language_of, plain

_REACH = 120
"""Characters behind the word for a password within which it is looked for."""
_BETWEEN = 6
"""Words that may stand between: "my password for the router at home is ..."."""
_MARK = re.compile(
    r"[\"'`*_)\]]{0,4}(?P<note>\s?\([^()\n]{1,40}\))?\s{0,3}"
    r"(?:[:=：＝]{1,3}>?|(?P<dash>[-–—])(?=\s)|[-–—]>(?=\s)|>{1,2}|[→|])\s{0,3}"
)
"""What stands before a password. Behind a note in brackets, or a dash, a sentence may go on."""
_QUOTED_LAST = re.compile(r"[\"”“»」`']\s{0,3}(?:[.,;:!?)。！？，；\n]|$)")
"""Behind the last letter of a quotation that ends its clause."""
_POSSESSIVE = re.compile(r"['’]s\s")
_WORD = re.compile(r"\S+")
_VALUE = re.compile(
    r"[\s*(:]{0,4}(?:(?:[\"`“«「]|'(?=[^'\n]{3,80}'(?!\w)))(?P<quoted>(?:[^\"`“”«»「」'\n]|'(?=\w))+)"
    r"|'?(?P<bare>[^\s\"`“”«»「」*]+))"
)
_PLAIN_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_DIGITS = re.compile(r"\S{0,20}\d\S{0,60}(?:[ ,]{1,2}\S{0,20}\d\S{0,60}){0,12}")
"""A code, or several: "482 913", "8842-1193 7731-2290"."""
_ARTICLE = re.compile(r"\s{0,3}[^\W\d_]{1,3}\s")
_FEWEST_DIGITS = 3
"""Digits of a code: a card's security code has three."""
_FEWEST_ALONE = 4
"""Characters of a password of which nothing but its digits says that it is one."""
_ELSEWHERE = re.compile(
    r"(?<!\w)(?:lösenord|salasana|adgangskode|passord|heslo|jelszó|parola|κωδικός|סיסמה|הסיסמה"
    r"|geslo|lozinka|парола|slaptažodis|parole)\w{0,6}(?!\w)|รหัสผ่าน",
    re.IGNORECASE,
)
"""Words for a password in languages of which no more is known: something mixed must follow."""
_YEAR = re.compile(r"(?:19|20)\d\d\w{0,2}")
"""What holds digits and is no password where nothing says so."""
_LETTERS_AND_DIGITS = re.compile(r"(?<!\S)(?=\S{0,40}\d)(?=\S{0,40}[^\W\d_])\S{6,}")
_MIXED = re.compile(r"(?:\S{1,20}\s{1,3}){0,4}?(?P<mixed>(?=\S{0,40}\d)(?=\d{0,40}\S)\S{5,})")
_BEFORE = re.compile(
    r"(?:(?<!\S)(?P<before>(?=[^\d\s]{0,80}\d)\S{4,80})"
    r"|(?<=[\"'“„‘])(?P<quoted>[^\"“”„‘’'\n]{4,80})[\"'”“’])\s(?:is|was|as|ist|war|als|es|est|è|é)\s"
    r"(?:\S{1,20}\s){0,2}$",
    re.IGNORECASE,
)
"""What stands before the word for a password: "hunter2 is my password", "'hi' as the password"."""
_CLAUSE_END = re.compile(r"[.,;!?](?=\s|$)|[。！？，；\n]")
_MARKS_BEHIND = ".,;:!?。！？，；)]}'"


_PORTION = 8_000
"""Letters of a text that are searched at once: Python lets no other thread run meanwhile."""
_LONGEST_WORD = 100


def passwords(text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each password and code that a text tells.

    Behind a mark ("password: ...") whatever stands is taken for one. Behind a leading word
    ("password is ...", "password - ...") too, save where a sentence reads on: several words, of
    which every third is small. Elsewhere it must hold a digit, and a code always must.
    """
    for word in _words_in(text, _ELSEWHERE):
        if mixed := _MIXED.match(text[word.end() : word.end() + _REACH].lstrip(" :：")):
            begin = text.index(mixed["mixed"], word.end())
            yield begin, begin + len(mixed["mixed"].rstrip(_MARKS_BEHIND))
    for word in _words_in(text, _words_for_password()):
        start = max(0, word.start() - _REACH)
        if before := _BEFORE.search(text[start : word.start()]):
            begin, end = before.span(before.lastgroup or "before")
            yield start + begin, start + end
        tail = text[word.end() : word.end() + _REACH]
        words = _words_beside(plain(word[0]), language_of(text))
        for at, sure in _places(tail, words):
            span = _code(tail, at, sure) if words.code else _password(tail, at, sure, words.small)
            if span:
                yield word.end() + span[0], word.end() + span[1]
                break


def _code(tail: str, at: int, sure: int) -> tuple[int, int] | None:
    """Return where a code stands at a place behind the word for one, or behind an article there."""
    article = _ARTICLE.match(tail, at) if sure else None
    value = _VALUE.match(tail, article.end() if article else at)
    digits = _DIGITS.match(tail, value.start(value.lastgroup or 0)) if value else None
    if digits is None or sum(map(str.isdecimal, digits[0])) < _FEWEST_DIGITS:
        return None
    return digits.start(), digits.start() + len(digits[0].rstrip(_MARKS_BEHIND))


def _password(tail: str, at: int, sure: int, small: frozenset[str]) -> tuple[int, int] | None:
    """Return where a password stands at a place behind the word for one.

    Args:
        tail: what stands behind the word.
        at: the place.
        sure: how sure it is that one stands there, as `_places` says.
        small: words of which sentences are made, and no password.
    """
    value = _VALUE.match(tail, at)
    if value is None:
        return None
    begin, end = value.span(value.lastgroup or 0)
    if value["quoted"]:
        return (begin, end) if sure else None
    bare = tail[begin:end].rstrip(_MARKS_BEHIND)
    end = begin + len(bare)
    has_digit = any(map(str.isdecimal, bare))
    if not sure:
        telling = has_digit and len(bare) >= _FEWEST_ALONE and not _YEAR.fullmatch(bare)
        return (begin, end) if telling else None
    if len(bare) > 2 and (has_digit or not _PLAIN_WORD.fullmatch(bare)):
        return begin, end
    stop = _CLAUSE_END.search(tail, begin)
    clause = tail[begin : stop.start() if stop else len(tail)]
    if len(bare) < 2 or (sure == _LED and _is_prose(clause, small)):
        return None
    return begin, begin + len(clause)


def _is_prose(clause: str, small: frozenset[str]) -> bool:
    """Return whether it is several words, every third of which is small."""
    words = [plain(word.strip(_MARKS_BEHIND)) for word in clause.split()]
    return len(words) > 1 and 3 * sum(word in small for word in words) >= len(words)


def _quotes_one(tail: str) -> bool:
    """Return whether a quotation begins there that says a password: "my password 'x 2'".

    Words in the middle of a sentence are none: "the password 'manager' that I use".
    """
    value = _VALUE.match(tail)
    if not tail[:1].isspace() or not value or not value["quoted"]:
        return False
    words = value["quoted"].split()
    return not all(map(_PLAIN_WORD.fullmatch, words)) or bool(_QUOTED_LAST.match(tail, value.end()))


def _words_in(text: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Yield the words of a text that a pattern matches, searched a portion at a time."""
    begin = 0
    while begin < len(text):
        end = begin + _PORTION
        for match in pattern.finditer(text, begin, end + _LONGEST_WORD):
            if match.start() < end:
                yield match
                begin = match.end()
        begin = max(begin, end)


_LED, _MARKED = 1, 2
"""How sure it is that a password stands at a place: a word leads there, or a mark."""


@dataclass(frozen=True)
class _Beside:
    """The words that stand beside a word for a password."""

    code: bool
    """Whether it is one for a code, which holds digits."""
    leads: frozenset[str]
    into: frozenset[str]
    beside: frozenset[str]
    """Those that may follow where it speaks of the password itself, not of a "password manager"."""
    prepositions: frozenset[str]
    small: frozenset[str]


@cache
def _words_beside(word: str, language: str | None) -> _Beside:
    """Return what stands beside it in the language of the text, or in those that have the word."""
    import stopwordsiso  # late: it reads the lists of sixty languages

    having = [c for c, t in LANGUAGES.items() if word in t.words("secret") | t.words("codes")]
    codes = [language] if language in having else having

    def all_of(key: str) -> frozenset[str]:
        return frozenset[str]().union(*(LANGUAGES[code].words(key) for code in codes))

    small = frozenset[str]().union(*(stopwordsiso.stopwords(code) for code in codes))
    common = frozenset[str]().union(*(LANGUAGES[code].stop for code in codes))
    leads, into, prepositions = map(all_of, ("leads", "into", "prepositions"))
    beside = leads | into | prepositions | common
    return _Beside(word in all_of("codes"), leads, into, beside, prepositions, small)


def _places(tail: str, words: _Beside) -> Iterator[tuple[int, int]]:
    """Yield where a password may stand behind a word for one, and how sure that is."""
    if possessive := _POSSESSIVE.match(tail):
        yield possessive.end(), _MARKED
        return
    if mark := _MARK.match(tail):
        yield mark.end(), _LED if mark["note"] or mark["dash"] else _MARKED
        return
    if lead := _pieces_that_lead().match(tail):
        yield lead.end(), _LED
    yield 0, _LED if _quotes_one(tail) else 0
    stop = _CLAUSE_END.search(tail)
    end = stop.start() if stop else len(tail)
    behind = list(_WORD.finditer(tail, 0, end))[: _BETWEEN + 1]
    first = plain(behind[0][0].rstrip(":：")) if behind else ""
    itself = first in words.beside
    for at, (word, after) in enumerate(zip_longest(behind, behind[1:])):
        if word[0][-1] in ":：=→":
            yield word.end(), _MARKED if itself else 0
        elif plain(word[0]) in words.leads and not (after and plain(after[0]) in words.leads):
            yield word.end(), _LED if itself else 0
        elif plain(word[0]) in words.into:  # "changed my password to", not "is easy to remember"
            yield word.end(), _LED if at == 0 or first in words.prepositions else 0
    if itself and (mixed := _LETTERS_AND_DIGITS.search(tail, 0, end)):
        yield mixed.start(), 0


@cache
def _words_for_password() -> re.Pattern[str]:
    """Return what finds a word for a password or code; in some scripts other letters may follow."""
    spaced, joined = set[str](), set[str]()
    for code, language in LANGUAGES.items():
        words = language.words("secret") | language.words("codes")
        if code == "ko" or not language.spaced:
            joined |= words
        else:
            spaced |= words
    return re.compile(
        rf"(?<![^\W_])(?:{_any(spaced)})(?![^\W_])|(?:{_any(joined)})[를을가]?", re.IGNORECASE
    )


@cache
def _pieces_that_lead() -> re.Pattern[str]:
    joined = [w for c in ("zh", "ja", "ko", "th") for w in LANGUAGES[c].words("leads")]
    return re.compile(rf"\s?(?:{_any(joined)})[\s:：]{{0,3}}")


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
