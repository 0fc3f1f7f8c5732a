"""Dates in words: "last Friday" against the day it was said, the span of time a question names.

Reads English by its own rules, other languages by the parts that their words play. Nothing here, or
in the modules it stands on, reads the clock, the locale or the process's time zone.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from domain.text.dates.elsewhere import other_language, period_in
from domain.text.dates.english import HEAD, HINT, MODES, MONTHS, RULES, Rule
from domain.text.dates.spans import narrowed
from domain.text.languages import language_of

_ENDS = ("before", "until", "till", "by")
"""What leads to an end, not to a beginning."""
_SEARCHED = 200
"""Characters at either end of a question that are searched: the middle is pasted text."""


@dataclass(frozen=True)
class Mention:
    """A date or span of time found in a text."""

    at: datetime
    """The moment it names as a beginning ("two years ago": that day)."""
    start: datetime
    """Begin of the span it names ("two years ago": that calendar year)."""
    end: datetime
    """End of the span, exclusive."""
    place: tuple[int, int]
    """Where it stands in the text, with the preposition before it."""
    lead: str
    """That preposition in lower case ("since", "in", "on"); empty for none."""


def day_heading(at: datetime) -> str:
    """Return a day as headings show it: `8 May 2023`."""
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"


def resolve(when: str | None, said_at: datetime) -> datetime | None:
    """Return the moment that `when` names as a beginning, in the time zone of `said_at`.

    Days, weeks, months and years begin at midnight ("last week": that week's Monday). What has no
    year means the latest one past. Seasons are the northern ones.

    Args:
        when: Words such as "since last Friday", "in March", "two weeks ago".
        said_at: When the words were said.

    Returns:
        None where the words name no beginning: "since I was 5", "until May", or "3/4/2024", which
        has two meanings; nor is the year 1 told, which other time zones put before all years.
    """
    text = (when or "").strip(" .,;!\t\n")[:200]
    if not text:
        return None
    date = _search(text, said_at, alone=True)
    if date and date.lead in _ENDS:
        return None
    at = date.at if date else other_language(text, said_at)
    return at if at and at.year > 1 else None


def find(text: str, said_at: datetime) -> Mention | None:
    """Return the first date or span of time that an English text names, None if it names none."""
    return _search(text, said_at, alone=False)


def named_period(question: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Return begin and end (exclusive) of the span of time a question names, None for none.

    "Since" reaches until now; "before" names no span; "from March to May" names one.
    """
    long = len(question) > 2 * _SEARCHED
    text = f"{question[:_SEARCHED]}\n{question[-_SEARCHED:]}" if long else question
    first = find(text, now)
    if first is None:
        span = period_in(text, language_of(text) or "", now)
        return span[1:] if span else None
    if first.lead in _ENDS:
        return None
    if first.lead in ("since", "after"):
        begin = first.start if first.lead == "since" else first.end
        return begin, max(now, first.end)
    to = re.compile(r" (?:and|to|until|till|through) ", re.IGNORECASE).match(text, first.place[1])
    if first.lead in ("between", "from") and to:
        second = find("in " + text[to.end() :], now)
        if second and second.place[0] == 0:
            year = f"{text[: first.place[1]]} {second.start.year}"
            first = find(year, now) or first  # "between March and May 2022"
            return first.start, max(first.end, second.end)
    return first.start, first.end


def _search(text: str, now: datetime, alone: bool) -> Mention | None:
    """Return the mention that begins first, and of those the longest.

    With `alone`, words that mean a date only by themselves ("May", "2019") are read as one.
    """
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if not HINT.search(text):
        return None
    dates = [date for rule in RULES if (date := _first(rule, text, now, alone))]
    return min(dates, key=lambda date: (date.place[0], -date.place[1]), default=None)


def _first(rule: Rule, text: str, now: datetime, alone: bool) -> Mention | None:
    """Return what one rule finds first."""
    for match in rule.pattern.finditer(text):
        begin, end = match.span()
        head = HEAD.search(text[max(0, begin - 40) : begin])
        groups = match.groupdict() | (head.groupdict() if head else {})
        words = {name: (group or "").lower() for name, group in groups.items()}
        begin -= len(head[0]) if head else 0
        whole = alone and (begin, end) == (0, len(text))
        if rule.leans and not (whole or words["lead"] or words["part"] or words["which"]):
            continue
        words |= {"alone": "alone" if alone else "", "rest": text[end : end + 1]}
        words["mode"] = MODES.get(words["which"], "past")
        try:
            span = rule.read(words, now)
            if span is not None:
                return Mention(*narrowed(span, words["part"]), (begin, end), words["lead"])
        except (ValueError, OverflowError):  # 31 February, 9999 years ago
            continue
    return None
