"""Single facts of another memory (mem0, LangMem), read into statements."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from domain.clean_text import clean
from service.importing.shapes import FileRefused, Imported, Statement
from service.importing.values import is_dict, moment_of


def facts_of(records: Iterable[tuple[str, Any]], now: datetime) -> Imported:
    """Return the facts of another memory.

    Raises:
        FileRefused: If there are records, and a fact in none of them.
    """
    told = {place: _statements(record, now) for place, record in records}
    unread = [place for place, statements in told.items() if not statements]
    if unread and len(unread) == len(told):
        raise FileRefused(f"There is no fact in {unread[0]}: it needs a text.")
    every = [statement for statements in told.values() for statement in statements]
    return Imported(statements=sorted(every, key=lambda statement: statement.at), unread=unread)


def _statements(record: Any, now: datetime) -> list[Statement]:
    """Return a fact of mem0's or LangMem's, or those of a profile; none where it tells nothing."""
    if isinstance(record, str):
        record = {"text": record}
    if not is_dict(record):
        return []
    value = record.get("value") if isinstance(record.get("value"), dict) else record
    content = value.get("content", value.get("memory", value.get("text")))
    text = content.get("content") if isinstance(content, dict) else content
    profile = value if content is None and value is not record else content
    told = [text] if isinstance(text, str) else _attributes_of(profile)
    when = record.get("updated_at") or record.get("created_at")
    at = moment_of(when, now)
    texts = filter(str.strip, map(clean, told))
    return [Statement(text, at, dated=at != now) for text in texts]


def _attributes_of(profile: Any) -> list[str]:
    """Return what a profile says of somebody: "name: Ann", and a list in one line."""
    told: dict[str, list[str]] = {}
    pending = [("", profile)]
    while pending:
        name, value = pending.pop(0)
        if isinstance(value, dict):
            pending += [(f"{name} {key}".strip(), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            pending += [(name, each) for each in value]
        elif name and isinstance(value, str | int | float) and str(value).strip():
            told.setdefault(name, []).append(str(value))
    return [f"{name}: {', '.join(values)}" for name, values in told.items()]
