"""Finds the passwords in a text: "my password is hunter2", "Passwort: ...", "密码是...".

The words for one, and those that lead from it to the password, stand with the languages.
"""

import re
from collections.abc import Iterator
from functools import cache

from domain.text.languages import LANGUAGES, plain

_REACH = 120
"""Characters behind the word for a password within which it is looked for."""
_BETWEEN = 6
"""Words that may stand between: "my password for the router at home is ..."."""
_MARK = re.compile(r"[\"'`*_)\]]{0,4}\s{0,3}(?:[:=：＝]{1,3}>?|[-–—]>?(?=\s)|>{1,2}|[→|])\s{0,3}")
_POSSESSIVE = re.compile(r"['’]s\s")
_WORD = re.compile(r"\S+")
_VALUE = re.compile(
    r"[\s*'(:]{0,4}(?:[\"`“«「](?P<quoted>[^\"`“”«»「」\n]+)|(?P<bare>[^\s\"`“”«»「」*]+))"
)
_ELSEWHERE = re.compile(
    r"(?<!\w)(?:lösenord|salasana|adgangskode|passord|heslo|jelszó|parola|κωδικός|סיסמה|הסיסמה"
    r"|mật khẩu|kata sandi|geslo|lozinka|парола|slaptažodis|parole)\w{0,6}(?!\w)|รหัสผ่าน",
    re.IGNORECASE,
)
"""Words for a password in languages of which no more is known: something mixed must follow."""
_MIXED = re.compile(r"(?:\S{1,20}\s{1,3}){0,4}?(?P<mixed>(?=\S{0,40}\d)(?=\d{0,40}\S)\S{5,})")
_BEFORE = re.compile(
    r"(?<!\S)(?P<before>(?=[^\d\s]{0,80}\d)\S{4,80})\s(?:is|was|as|ist|war|als|es|est|è|é)\s"
    r"(?:\S{1,20}\s){0,2}$",
    re.IGNORECASE,
)
"""What stands before the word for a password: "hunter2 is my password"."""
_CLAUSE_END = re.compile(r"[.,;!?](?=\s|$)|[。！？，；\n]")
_MARKS_BEHIND = ".,;:!?。！？，；)]}'"


_PORTION = 8_000
"""Letters of a text that are searched at once: Python lets no other thread run meanwhile."""
_LONGEST_WORD = 100


def passwords(text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each password that a text tells.

    Right behind a mark ("password: ...") or a leading word ("password is ...") whatever stands is
    taken for one; a plain word for the first of a pass phrase, to the end of its clause. Elsewhere
    it must hold a digit. A PIN always must.
    """
    for word in _words_in(text, _ELSEWHERE):
        if mixed := _MIXED.match(text[word.end() : word.end() + _REACH].lstrip(" :：")):
            begin = text.index(mixed["mixed"], word.end())
            yield begin, begin + len(mixed["mixed"].rstrip(_MARKS_BEHIND))
    for word in _words_in(text, _words_for_password()):
        start = max(0, word.start() - _REACH)
        if before := _BEFORE.search(text[start : word.start()]):
            yield start + before.start("before"), start + before.end("before")
        tail = text[word.end() : word.end() + _REACH].partition("\n")[0]
        at, sure = _behind_lead(tail)
        value = _VALUE.match(tail, at)
        if value is None:
            continue
        begin, end = value.span(value.lastgroup or 0)
        bare = tail[begin:end].rstrip(_MARKS_BEHIND)
        has_digit = any(letter.isdecimal() for letter in bare)
        if value["quoted"] and sure:
            yield word.end() + begin, word.end() + end
        elif has_digit or (sure and len(bare) > 2 and not bare.isalpha()):
            yield word.end() + begin, word.end() + begin + len(bare)
        elif sure and len(bare) > 1 and "pin" not in plain(word[0]):
            stop = _CLAUSE_END.search(tail, begin)
            yield word.end() + begin, word.end() + (stop.start() if stop else len(tail))


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


def _behind_lead(tail: str) -> tuple[int, bool]:
    """Return where a password may stand behind the word for one, and whether one surely does."""
    if lead := _POSSESSIVE.match(tail) or _MARK.match(tail) or _pieces_that_lead().match(tail):
        return lead.end(), True
    at, sure = 0, False
    for number, word in enumerate(_WORD.finditer(tail)):
        if plain(word[0].rstrip(":：")) in _words_that_lead():
            at, sure = word.end(), sure or number == 0
        elif at or number >= _BETWEEN:
            break
    return at, sure


@cache
def _words_for_password() -> re.Pattern[str]:
    """Return what finds a word for a password; in some scripts other letters may follow on it."""
    spaced = [
        w for language in LANGUAGES.values() if language.spaced for w in language.words("secret")
    ]
    joined = [
        w
        for language in LANGUAGES.values()
        if not language.spaced
        for w in language.words("secret")
    ]
    joined += LANGUAGES["ko"].words("secret")
    return re.compile(rf"(?<!\w)(?:{_any(spaced)})(?!\w)|{_any(joined)}", re.IGNORECASE)


@cache
def _words_that_lead() -> frozenset[str]:
    return frozenset(
        w for language in LANGUAGES.values() if language.spaced for w in language.words("leads")
    )


@cache
def _pieces_that_lead() -> re.Pattern[str]:
    joined = [w for c in ("zh", "ja", "ko") for w in LANGUAGES[c].words("leads")]
    return re.compile(rf"\s?(?:{_any(joined)})[\s:：]{{0,3}}")


def _any(words: list[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
