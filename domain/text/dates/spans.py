"""Arithmetic on spans of time: days, months, distances, what comes once a year.

Everything keeps the time zone it is given. No text is searched here; of words it knows the units,
and parts of a span such as "early".
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_DAYS = {"day": 1, "night": 1, "week": 7, "weekend": 7, "fortnight": 14}
_UNIT_MONTHS = {"month": 1, "year": 12, "yr": 12, "decade": 120}
_THIRDS = {"ear": 0, "beg": 0, "sta": 0, "mid": 1, "lat": 2, "end": 2}
Span = tuple[datetime, datetime, datetime]
"""The moment meant, then begin and end (exclusive) of the span around it."""


def midnight(at: datetime) -> datetime:
    """Return when the day of a moment begins."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def day_of(at: datetime) -> Span:
    """Return the day that a moment lies in."""
    start = midnight(at)
    return start, start, start + timedelta(days=1)


def date_of(now: datetime, year: int, month: int, day: int) -> Span:
    """Return a day by its date. Raises ValueError where there is none, as 31 February."""
    return day_of(midnight(now).replace(year=year, month=month, day=day))


def months_from(now: datetime, year: int, month: int, length: int = 1) -> Span:
    """Return some months from the first of one on."""
    start = midnight(now).replace(year=year, month=month, day=1)
    return start, start, months_on(start, length)


def months_on(at: datetime, months: int) -> datetime:
    """Return the same day some months on, or the last day of a shorter month."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    first = at.replace(year=year, month=month + 1, day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(at.day, last.day))


def narrowed(span: Span, part: str) -> Span:
    """Narrow a span to its first, middle or last third ("early 2020", "the end of May")."""
    third = None if part in ("earlier", "later") else _THIRDS.get(part[:3])
    if third is None:
        return span
    step = (span[2] - span[1]) / 3
    begin = midnight(span[1] + third * step)
    return begin, begin, span[1] + (third + 1) * step


def yearly(of_year: Callable[[int], Span], now: datetime, mode: str) -> Span | None:
    """Choose the year of what comes once a year."""
    today, spans = midnight(now), []
    for year in range(now.year - 5, now.year + 6):
        try:
            spans.append(of_year(year))
        except ValueError:  # 29 February
            continue
    if mode == "next":
        return next((span for span in spans if span[1] > now), None)
    if mode == "this" and (same := [span for span in spans if span[1].year == now.year]):
        return next((span for span in spans if span[1] <= today < span[2]), same[0])
    past = [span for span in spans if (span[2] <= today if mode == "last" else span[1] <= now)]
    return past[-1] if past else None


def moved(now: datetime, number: float, half: str, unit: str, sign: int) -> datetime:
    """Return `now` moved by a count of units, as midnight save for hours and minutes."""
    count = sign * (number + (0.5 if half else 0))
    if unit in _UNIT_MONTHS:
        whole, rest = divmod(count * _UNIT_MONTHS[unit], 1)
        return months_on(midnight(now), int(whole)) + timedelta(days=round(rest * 30))
    if unit in _DAYS:
        return midnight(now) + timedelta(days=round(count * _DAYS[unit]))
    span = timedelta(hours=count) / (60 if unit.startswith("min") else 1)
    # In UTC, where no clock changes: three hours after 23:30 may be 03:30.
    return (now.astimezone(UTC) + span).astimezone(now.tzinfo)


def around(at: datetime, unit: str) -> Span:
    """Return a moment with the span that "some of these units ago" can mean."""
    if unit in _UNIT_MONTHS:
        first, length = (at.month, 1) if unit == "month" else (1, 12)
        whole = months_from(at, at.year, first, length)
        return at, whole[1], whole[2]
    if unit in ("week", "weekend", "fortnight"):
        return at, midnight(at) - timedelta(days=3), midnight(at) + timedelta(days=4)
    return (at, *day_of(at)[1:])


def calendar(now: datetime, step: int, unit: str) -> Span:
    """Return the week, weekend, month or year that lies `step` of them from this one."""
    if unit == "year":
        return months_from(now, now.year + step, 1, 12)
    if unit == "month":
        start = months_on(midnight(now).replace(day=1), step)
        return start, start, months_on(start, 1)
    monday = midnight(now) - timedelta(days=now.weekday() - 7 * step)
    start = monday + timedelta(days=5 if unit == "weekend" else 0)
    return start, start, monday + timedelta(days=7)


def weekday(now: datetime, day: int, mode: str, week: str) -> Span:
    """Return a day of the week.

    Args:
        now: The present.
        day: 0 for Monday.
        mode: "next" for the first one after today, else the last one before it.
        week: "last", "this" or "next": the day of that week instead; empty: of none.
    """
    ahead = day - now.weekday()
    if week:
        days = ahead + {"last": -7, "next": 7}.get(week, 0)
    elif mode == "next":
        days = (ahead - 1) % 7 + 1
    else:
        days = -((-ahead - 1) % 7 + 1)
    return day_of(midnight(now) + timedelta(days=days))
