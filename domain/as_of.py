"""Reading the date that a question is asked as of. Nothing here knows what was true then."""

from datetime import datetime, tzinfo


def as_of_date(text: str | None, zone: tzinfo | None = None) -> datetime | None:
    """Return the moment that a context's `as_of` names, the end of that day; None for none.

    A day is meant in `zone`; without one, where the machine is.

    Raises:
        ValueError: If it is no date.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        if len(text) <= len("2026-05-31"):
            at = at.replace(hour=23, minute=59, second=59)
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone) if zone else at.astimezone()
    except (ValueError, OverflowError) as error:
        raise ValueError(f'as_of is no date: "{text[:40]}"; write it like 2026-05-31.') from error
    return at
