"""The English forms of dates, each with what reads it: "3 May", "two weeks ago", "last Friday".

One rule a form. Which of the forms in a text counts is decided in `domain/text/dates/dates.py`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

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

MONTHS = ("January", "February", "March", "April", "May", "June",
          "July", "August", "September", "October", "November", "December")  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_HOLIDAYS = {"christmas eve": (12, 24), "christmas": (12, 25), "new year's eve": (12, 31),
             "new year": (1, 1), "valentine": (2, 14), "halloween": (10, 31)}  # fmt: skip
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "a couple": 2, "a couple of": 2, "couple of": 2,
            "three": 3, "a few": 3, "four": 4, "several": 4, "five": 5, "six": 6, "seven": 7,
            "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15,
            "twenty": 20, "half a": 0.5, "half an": 0.5}  # fmt: skip
_NEAR = {"day before yesterday": -2, "last night": -1, "day after tomorrow": 2}
MODES = {"last": "last", "past": "last", "previous": "last", "this": "this", "next": "next",
         "coming": "next", "upcoming": "next"}  # fmt: skip
Words = dict[str, str]
"""A match's named groups in lower case, empty where they took no part."""


@dataclass(frozen=True)
class Rule:
    """One form of dates, and what reads its matches."""

    pattern: re.Pattern[str]
    read: Callable[[Words, datetime], Span | None]
    leans: bool
    """True where only a word before it makes it a date ("in May", not "you may")."""


def _read_named(words: Words, now: datetime) -> Span | None:
    """Read what comes once a year: "3 May", "May 2023", "last summer", "Christmas"."""
    name = words.get("month", "")[:3]
    month = [month_name[:3].lower() for month_name in MONTHS].index(name) + 1 if name else 0
    verb = name == "may" and words["which"] == "this"  # "this may be so"
    noun = name and words["the"] and not (words["part"] or words["which"])  # "in the march"
    if (verb or noun) and not (words["alone"] or words.get("day") or words["year"]):
        return None

    def of_year(year: int) -> Span:
        if season := words.get("season"):
            return months_from(now, year, _SEASONS[season], 3)
        if holiday := words.get("holiday"):
            on = next(on for name, on in _HOLIDAYS.items() if holiday.startswith(name))
            return date_of(now, year, *on)
        return date_of(now, year, month, int(day)) if day else months_from(now, year, month)

    day = words.get("day")
    if of := words.get("of"):
        return of_year(now.year + {"last": -1, "next": 1}.get(of, 0))
    return of_year(int(words["year"])) if words["year"] else yearly(of_year, now, words["mode"])


def _read_numbers(words: Words, now: datetime) -> Span | None:
    """Read 2024-03-25, 3/25/2024, 25.3.2024, 2024; 3/4/2024 means two days, so it means none."""
    year = int(words["year"]) + (2000 if len(words["year"]) == 2 else 0)
    if "sign" not in words:
        return months_from(now, year, 1, 12)
    first, second = int(words["first"]), int(words["second"])
    if words["sign"] == "-":
        return date_of(now, year, first, second)
    if words["sign"] == "." or first > 12:
        return date_of(now, year, second, first)
    return date_of(now, year, first, second) if second > 12 or first == second else None


def _read_near(words: Words, now: datetime) -> Span | None:
    """Read yesterday, today, tomorrow and their neighbours."""
    near = words["near"]
    step = -1 if near.startswith("yes") else 1 if near.startswith("tom") else 0
    return day_of(midnight(now) + timedelta(days=_NEAR.get(near, step)))


def _read_distance(words: Words, now: datetime) -> Span | None:
    """Read "two weeks ago", "in three days", "the past two years", "for three years"."""
    back, lead, unit, number = words["back"], words["lead"], words["unit"], words["n"]
    lasting = words["alone"] and number and lead in ("for", "since")
    if lasting or words["which"] == "past" or (number and words["which"] in ("last", "these")):
        start = moved(now, _count(number or "one"), words["half"], unit, -1)
        return start, start, max(now, start + timedelta(minutes=1))
    to_come = lead == "in" and (words["alone"] or words["rest"] in ".,;!?")
    if number and (back or to_come):
        sign = -1 if back in ("ago", "back", "earlier") else 1
        at = moved(now, _count(number), words["half"], unit, sign)
        if words["unit2"]:
            unit = words["unit2"]
            at = moved(at, _count(words["n2"]), words["half2"], unit, sign)
        return around(at, unit)
    return None


def _count(number: str) -> float:
    return float(_NUMBERS.get(number, number))


def _read_calendar(words: Words, now: datetime) -> Span | None:
    """Read last, this and next week, month, year and weekend."""
    step = {"last": -1, "this": 0, "next": 1}.get(words["mode"])
    return None if step is None else calendar(now, step, words["unit"])


def _read_weekday(words: Words, now: datetime) -> Span | None:
    """Read "last Friday" (before today), this and next week's Friday, "on Friday"."""
    day = [name[:3].lower() for name in WEEKDAYS].index(words["weekday"][:3])
    which = words["which"] if words["which"] in ("this", "next") else ""
    return weekday(now, day, words["mode"], words["week"] or which)


HEAD = re.compile(
    r"(?:\b(?P<lead>since|in|on|at|during|of|by|until|till|from|before|after|between|around|about"
    r"|for|over) )?(?P<the>\bthe )?(?:\b(?P<part>early|earlier|late|later|mid|beginning of|start of"
    r"|middle of|end of)[- ](?:in )?(?:the )?)?"
    r"(?:\b(?P<which>last|past|previous|this|these|next|coming|upcoming) )?$",
    re.IGNORECASE,
)
MONTH_FORMS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_MONTH = rf"\b(?P<month>{MONTH_FORMS})\b\.?"
_DAY = r"\b(?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?![\d:]|\.\d)"
_YEAR = r"(?P<year>(?:19|20)\d\d)(?![\d]|[.,:]\d)"
_OF_YEAR = r"(?: (?:of )?(?P<of>last|this|next) year\b)?"
_NO_YEAR = r"(?! (?:steps|people|words|dollars|euros|calories|miles|meters|metres|times)\b)"
_COUNT = rf"(?P<n>\d{{1,4}}(?:\.\d)?|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_UNIT = r"(?P<unit>min(?:ute)?|hour|day|night|weekend|week|fortnight|month|year|yr|decade)s?\b"
_LENGTH = rf"(?:\b{_COUNT}(?P<half> and a half)? )?\b{_UNIT}"
_MORE = re.sub(r"<(n|half|unit)>", r"<\g<1>2>", _LENGTH)
_SEASON = "|".join(_SEASONS)
_HOLIDAY = "christmas(?: eve| day)?|new year's(?: eve| day)?|valentine's day|halloween"
_NEAR_DAY = (
    "day before yesterday|last night|day after tomorrow|tonight|today"
    "|this (?:morning|afternoon|evening)|yesterday|tomorrow"
)


def _rule(
    body: str,
    read: Callable[[Words, datetime], Span | None],
    *,
    leans: bool = False,
) -> Rule:
    return Rule(re.compile(body, re.IGNORECASE), read, leans)


_NUMERIC = r"\b(?P<first>\d\d?)(?P<sign>[/.])(?P<second>\d\d?)(?P=sign)(?P<year>\d{4}|\d\d)\b"
_ISO = r"\b(?P<year>\d{4})(?P<sign>-)(?P<first>\d\d?)-(?P<second>\d\d?)\b"
RULES = (
    _rule(_ISO, _read_numbers),
    _rule(_NUMERIC, _read_numbers),
    _rule(rf"{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?", _read_named),
    _rule(rf"{_MONTH} (?:the )?{_DAY}(?:,? {_YEAR})?", _read_named),
    _rule(rf"{_MONTH}(?: of)?,? {_YEAR}", _read_named),
    _rule(rf"{_MONTH}(?P<year>)(?! ?\d){_OF_YEAR}", _read_named, leans=True),
    _rule(rf"\b(?P<season>{_SEASON})\b(?:(?: of)? {_YEAR})?{_OF_YEAR}", _read_named, leans=True),
    _rule(rf"\b(?P<holiday>{_HOLIDAY})\b(?: {_YEAR})?", _read_named),
    _rule(rf"\b(?P<near>{_NEAR_DAY})\b(?: (?:morning|afternoon|evening|night)\b)?", _read_near),
    _rule(rf"{_LENGTH}(?:(?:,? and|,) {_MORE})?(?: (?P<back>ago|back|earlier|from now)\b)?",
          _read_distance),
    _rule(r"\b(?P<unit>weekend|week|month|year)\b", _read_calendar, leans=True),
    _rule(rf"\b(?P<weekday>{'|'.join(WEEKDAYS)})\b(?: (?:of )?(?P<week>last|this|next) week\b)?",
          _read_weekday),
    _rule(r"\b(?P<weekday>mon|tues?|wed|thu(?:rs?)?|fri|sat)\b(?! \w)(?P<week>)", _read_weekday,
          leans=True),
    _rule(rf"\b{_YEAR}\b{_NO_YEAR}", _read_numbers, leans=True),
)  # fmt: skip
HINT = re.compile(
    rf"\b\d{{1,4}}(?!\d)|{_MONTH}|\b(?:{_SEASON}|{_HOLIDAY}|{_NEAR_DAY}|{'|'.join(WEEKDAYS)}"
    rf"|mon|tues?|wed|thu(?:rs?)?|fri|sat)\b|{_UNIT}",
    re.IGNORECASE,
)
