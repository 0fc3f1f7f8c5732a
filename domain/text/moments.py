"""Moments as a person reads them: weekday, day and time where they are, and how long ago."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.text.dates.dates import day_heading
from domain.text.dates.english import WEEKDAYS


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name. Reads a file the first time.

    Raises:
        ValueError: If there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:  # no such name, no name, a folder's name
        raise ValueError(
            f'There is no time zone "{name[:40]}": write it like Europe/Berlin or '
            "America/Los_Angeles."
        ) from error


def here(at: datetime, zone: str | None) -> datetime:
    """Return a moment as clocks show it in a zone; None: where the machine is.

    Raises:
        ValueError: If there is no such zone.
    """
    return at.astimezone(zone_of(zone) if zone else None)


def moment(at: datetime) -> str:
    """Return a moment with its weekday: `Friday, 8 May 2026, 20:00`."""
    return f"{WEEKDAYS[at.weekday()]}, {day_heading(at)}, {at:%H:%M}"


def ago(span: timedelta) -> str:
    """Return how long ago something was, in whole hours, from two days on in days."""
    hours = int(span.total_seconds() // 3600)
    count, unit = (hours, "hour") if hours < 48 else (hours // 24, "day")
    return f"{count} {unit}{'' if count == 1 else 's'} ago"
