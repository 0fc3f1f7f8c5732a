"""Dates in other languages than English: "nächsten Dienstag", "上周五", "hace dos semanas".

Each word that places something in time has a part to play (a unit, a weekday, "last"), and parts
that stand together name a date in any order: languages differ in theirs. The words stand in
`dates.toml` and `languages.toml`. What has words that nobody here knows names none.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from domain.text.dates.spans import (
    Span,
    around,
    calendar,
    date_of,
    day_of,
    midnight,
    months_from,
    moved,
    weekday,
    yearly,
)
from domain.text.languages import LANGUAGES
from domain.text.words import normalized

_WAYS = ("ago", "ahead", "last", "next", "this")
_UNITS = ("day", "week", "month", "year")
_LONGEST = 60
"""Characters of a phrase at most."""
_ORDINAL = re.compile(r"(?<=\d)[.º°](?=\s|$)")


@dataclass(frozen=True)
class _Part:
    """A word and what it does in a date."""

    role: str
    """One of `_WAYS` and `_UNITS`, or near, name (of a month), weekday, number, lead, gap."""
    value: int = 0


@dataclass(frozen=True)
class _Words:
    """The words of one language, and how they are found in a text."""

    pattern: re.Pattern[str]
    parts: dict[str, tuple[_Part, ...]]
    """A word may play several: "sedan" is "since", "år" is one and many."""


def other_language(text: str, said_at: datetime) -> datetime | None:
    """Return the moment that a whole phrase names; None where languages read it differently."""
    days = {
        span[0]
        for code in _tables()
        if len(text) <= _LONGEST and (span := _whole(text, code, said_at)) is not None
    }
    return days.pop() if len(days) == 1 else None


def period_in(text: str, code: str, now: datetime) -> Span | None:
    """Return the first span of time that a text names in a language; None for none."""
    if code not in _tables():
        return None
    for run in _runs(_parts(text, code)):
        span = _read(run, now, exact=code == "zh")
        if span is not None:
            return span
    return None


def _whole(text: str, code: str, now: datetime) -> Span | None:
    parts = _parts(text, code)
    runs = list(_runs(parts))
    if len(runs) != 1 or any(part.role == "gap" for part in parts):
        return None
    return _read(runs[0], now, exact=code == "zh")


def _runs(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    """Yield the parts that stand together."""
    run: list[_Part] = []
    for part in (*parts, _Part("gap")):
        if part.role == "gap":
            if any(each.role != "lead" for each in run):
                yield run
            run = []
        else:
            run.append(part)


def _read(run: Sequence[_Part], now: datetime, exact: bool) -> Span | None:
    """Return the span that some parts name together, None where they do not make a date.

    Args:
        run: The parts, in any order.
        now: The present.
        exact: True where "last Friday" is the Friday of last week, not the last one there was.
    """
    led = any(part.role in ("lead", "ahead") for part in run)
    run = [part for part in run if part.role != "lead"]
    roles = {part.role: part.value for part in run}
    counts = [part.value for part in run if part.role == "number"]
    if len(roles) + max(0, len(counts) - 1) != len(run):
        return None  # a part twice
    ways, units = roles.keys() & set(_WAYS), roles.keys() & set(_UNITS)
    way, unit = (next(iter(ways), ""), next(iter(units), ""))
    if len(ways) > 1 or len(units) > 1:
        return None
    if way == "ahead" and not (unit and counts):
        way = ""  # "in" with a month or a year
    mode = way if way in ("last", "next", "this") else "past"
    try:
        if "near" in roles:
            return day_of(midnight(now) + timedelta(days=roles["near"])) if len(run) == 1 else None
        if "name" in roles and "weekday" not in roles and way not in ("ago", "ahead"):
            return _dated(roles["name"], counts, unit, mode, now)
        if "weekday" in roles and not counts and unit in ("", "week"):
            week = way if way in ("last", "next", "this") and (unit or exact) else ""
            return weekday(now, roles["weekday"] - 1, mode, week) if way or not unit else None
        if unit and len(counts) == 1 and way in ("ago", "ahead"):
            at = moved(now, counts[0], "", unit, -1 if way == "ago" else 1)
            return around(at, unit)
        if unit and unit != "day" and not counts and way in ("last", "next", "this"):
            return calendar(now, {"last": -1, "this": 0, "next": 1}[way], unit)
        alone = unit == "year" or (led and not unit)  # "im Jahr 2019", "in 2019", not "2000 Mal"
        if len(counts) == 1 and alone and not way and _is_year(counts[0]):
            return months_from(now, counts[0], 1, 12)
    except (ValueError, OverflowError):  # 31 February
        return None
    return None


def _dated(month: int, counts: Sequence[int], unit: str, mode: str, now: datetime) -> Span | None:
    """Return a month, or a day in it, of the year that is named, or the one that `mode` means."""
    days = [count for count in counts if not _is_year(count)]
    years = [count for count in counts if _is_year(count)]
    if len(days) > 1 or len(years) > 1 or unit not in ("", "month", "year", "day"):
        return None

    def of_year(year: int) -> Span:
        return date_of(now, year, month, days[0]) if days else months_from(now, year, month)

    return of_year(years[0]) if years else yearly(of_year, now, mode)


def _is_year(number: int) -> bool:
    return 1900 <= number < 2100


def _parts(text: str, code: str) -> list[_Part]:
    """Return the parts of a text in order; a gap for what has none."""
    vocabulary, parts, end = _words(code), list[_Part](), 0
    text = _ORDINAL.sub(" ", _plain(text))
    for match in vocabulary.pattern.finditer(text):
        if any(letter.isalnum() for letter in text[end : match.start()]):
            parts.append(_Part("gap"))
        end = match.end()
        kind = match.lastgroup
        if kind == "month":
            parts.append(_Part("name", int(match["month"])))
        elif kind == "number":
            parts.append(_Part("number", int(match["number"])))
            parts += [_Part("lead")] * match[0].endswith(("年", "년"))
        else:
            parts += vocabulary.parts[match[0]]
    if any(letter.isalnum() for letter in text[end:]):
        parts.append(_Part("gap"))
    return parts


def _plain(text: str) -> str:
    return re.sub(r"['’-]", " ", normalized(text))


@cache
def _words(code: str) -> _Words:
    table, general = _tables()[code], LANGUAGES[code]
    parts: dict[str, tuple[_Part, ...]] = {}

    def add(words: str, role: str, *, numbered: bool = False) -> None:
        for entry in filter(None, words.split(", ")):
            word, _, value = entry.rpartition(" ") if numbered else (entry, "", "0")
            parts.setdefault(_plain(word), (_Part(role, int(value)),))

    add(table.get("near", ""), "near", numbered=True)
    for role in _WAYS:
        add(table.get(role, ""), role)
    add(table.get("months", ""), "name", numbered=True)
    add(table.get("days", ""), "weekday", numbered=True)
    for role, names in (("name", general.months), ("weekday", general.days)):
        add(", ".join(f"{name} {at}" for at, name in enumerate(names, 1)), role, numbered=True)
    for role in _UNITS:
        add(table.get(role, ""), role)
    add(table.get("counts", ""), "number", numbered=True)
    add(", ".join(f"{word} {n}" for word, n in general.numbers.items()), "number", numbered=True)
    add(table.get("lead", ""), "lead")
    spaced = general.by_words and code != "th"
    any_of = "|".join(re.escape(w) for w in sorted(parts, key=lambda w: (-len(w), w)))
    number = r"(?P<month>1[0-2]|[1-9])(?=[月월])[月월]|(?P<number>\d{1,4})(?!\d)[日号일년年]?"
    if spaced:
        number = r"(?P<month>(?!))|(?P<number>(?<!\d)\d{1,4}(?!\d))"
    whole = rf"(?<!\w)(?:{any_of})(?![\w])" if spaced else any_of
    return _Words(re.compile(f"{number}|{whole}"), parts)


@cache
def _tables() -> dict[str, dict[str, str]]:
    text = files("domain.text.dates").joinpath("dates.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
