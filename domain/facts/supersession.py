"""What supersedes what, followed through all facts of an owner.

Reads the links that facts carry. Never compares what they say, and sets no link.
"""

from collections.abc import Iterable, Mapping, Sequence

from domain.records import Fact


def reached_from(
    ids: Iterable[str], facts: Mapping[str, Fact], known: dict[str, set[str]] | None = None
) -> set[str]:
    """Return the ids and all that the facts behind them superseded, transitively.

    With `known`, what was found for a fact is kept there and used again.
    """
    reached: set[str] = set()
    ahead = list(reversed(list(ids)))
    while ahead:
        one = ahead.pop()
        if one in reached:
            continue
        reached.add(one)
        if known is not None and one in known:
            reached |= known[one]
        elif one in facts:
            ahead += reversed(facts[one].supersedes)
    return reached


def enders_of(counting: Iterable[Fact], by_id: Mapping[str, Fact]) -> dict[str, list[Fact]]:
    """Return, by id, the counting facts that supersede it, directly or through others."""
    over: dict[str, list[Fact]] = {}
    known: dict[str, set[str]] = {}
    counting = sorted((one for one in counting if not one.deleted), key=lambda one: one.valid_from)
    for fact in counting:
        over.setdefault(fact.id, [])
        known[fact.id] = reached_from(fact.supersedes, by_id, known)
        for beaten in known[fact.id] - {fact.id}:
            over.setdefault(beaten, []).append(fact)
    for fact in counting:  # an edit of what has ended, or was edited again, has ended too
        original = fact.supersedes[0] if fact.edited and fact.supersedes else ""
        for one in over.get(original, []):
            again = not one.edited or (one.observed_at, one.id) > (fact.observed_at, fact.id)
            if one not in over[fact.id] and one.id not in (fact.id, *fact.supersedes) and again:
                over[fact.id].append(one)
    return over


def corrected_then_deleted(facts: Sequence[Fact], by_id: Mapping[str, Fact]) -> set[str]:
    """Return what deleted edits stood for: a text that the user corrected does not come back."""
    hidden: set[str] = set()
    ahead = [fact for fact in facts if fact.deleted and fact.edited]
    while ahead:
        for one in ahead.pop().supersedes[:1]:
            if one in by_id and one not in hidden:
                hidden.add(one)
                ahead += [by_id[one]] if by_id[one].edited else []
    return hidden
