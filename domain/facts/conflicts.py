"""Whether two facts can hold side by side: slots, denials, and which of the two gives way.

Compares facts in pairs. What follows for all the others is decided in `domain/facts/reconcile.py`.
"""

import re
from datetime import timedelta
from functools import lru_cache

from domain.facts.support import turned_around
from domain.facts.wish_slots import opposed
from domain.records import Fact
from domain.text.wording import fold

Key = tuple[str, ...]
"""What facts are found by: what kind of key it is, and the key."""
NEWS = timedelta(days=31)
"""A move told as that recent is news, even where the old home was named a moment ago."""
_SLOTS = {
    "residence": "home", "city": "home", "location": "home", "address": "home", "lives in": "home",
    "company": "employer", "workplace": "employer", "occupation": "job", "profession": "job",
    "role": "job", "job title": "job", "spouse": "partner", "date of birth": "birthday",
}  # fmt: skip
_DAY = timedelta(days=1)


@lru_cache(maxsize=1024)
def slot_of(name: str | None) -> str | None:
    """Return a slot's usual name, whatever a model called it; None for none."""
    slot = re.sub(r"[\s_-]+", " ", fold(name or "")).strip().replace("favorite", "favourite")
    return _SLOTS.get(slot, slot) or None


def slot_key(fact: Fact) -> Key:
    """Return whom a slot belongs to, and which it is; of a fact without one, its own id."""
    slot = slot_of(fact.slot)
    whom = re.sub(r"^the ", "", fold(fact.subject).strip())
    return ("slot", whom, slot) if slot else ("fact", fact.id)


def newer(new: Fact, old: Fact, ongoing: bool) -> bool:
    """Return whether the new statement supersedes the old one, rather than the other way round."""
    if new.valid_from == old.valid_from:
        return new.observed_at >= old.observed_at
    if new.valid_from > old.valid_from:
        told_later = old.observed_at > new.observed_at and new.valid_from == new.observed_at
        return not (told_later and new.valid_from - old.valid_from <= NEWS)
    unstated = old.valid_from == old.observed_at and not old.edited
    news = old.valid_from - new.valid_from <= NEWS
    return unstated and new.observed_at >= old.observed_at and (ongoing or news)


def denies(new: Fact, old: Fact) -> bool:
    """Return whether one of two facts says that the other does not hold."""
    if new.subject != old.subject or other_day(new, old):
        return False
    if new.kind == old.kind == "instruction" and opposed(new.text, old.text):
        return True
    return turned_around(new.text, old.text)


def other_day(a: Fact, b: Fact) -> bool:
    """Return whether two facts tell of different days, at least one of them as an event."""
    return "event" in (a.kind, b.kind) and abs(a.valid_from - b.valid_from) >= _DAY
