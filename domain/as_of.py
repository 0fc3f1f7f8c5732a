"""Reading the date that a question is asked as of. Nothing here knows what was true then."""

from datetime import UTC, datetime, tzinfo


def as_of_date(text: str | None, zone: tzinfo = UTC) -> datetime | None:
    """Return the moment that a context's `as_of` names: the end of that day; None for none.

    Args:
        text: As the context has it.
        zone: Where that day is meant.

    Raises:
        ValueError: If it is no date.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f'as_of is no date: "{text}"; write it like 2026-05-31.') from error
    if len(text) <= len("2026-05-31"):
        at = at.replace(hour=23, minute=59, second=59)
    return at if at.tzinfo else at.replace(tzinfo=zone)
