"""What supersedes what, followed through all facts of an owner.

Reads the links that facts carry. Never compares what they say, and sets no link.
"""

from collections.abc import Iterable, Mapping, Sequence

from domain.records import Fact


def reached_from(
    ids: Iterable[str], facts: Mapping[str, Fact], cache: dict[str, set[str]] | None = None
) -> set[str]:
    """Return these ids and those of all facts that they superseded, directly or through others.

    With `cache`, what was reached from a fact is put there and used again.
    """
    reached: set[str] = set()
    ahead = list(reversed(list(ids)))
    while ahead:
        id = ahead.pop()
        if id in reached:
            continue
        reached.add(id)
        if cache is not None and id in cache:
            reached |= cache[id]
        elif id in facts:
            ahead += reversed(facts[id].supersedes)
    return reached


def enders_of(counting: Iterable[Fact], by_id: Mapping[str, Fact]) -> dict[str, list[Fact]]:
    """Return, by id, the counting facts that supersede it, directly or through others."""
    over: dict[str, list[Fact]] = {}
    reached: dict[str, set[str]] = {}
    counting = sorted(
        (fact for fact in counting if not fact.deleted), key=lambda fact: fact.valid_from
    )
    for fact in counting:
        over.setdefault(fact.id, [])
        if not fact.supersedes:
            continue  # Most: what reaches them is worked out where something does.
        reached[fact.id] = reached_from(fact.supersedes, by_id, reached)
        for beaten in reached[fact.id] - {fact.id}:
            over.setdefault(beaten, []).append(fact)
    for fact in counting:  # an edit of what has ended, or was edited again, has ended too
        original = fact.supersedes[0] if fact.edited and fact.supersedes else ""
        for newer in over.get(original, []):
            again = not newer.edited or (newer.observed_at, newer.id) > (fact.observed_at, fact.id)
            if newer not in over[fact.id] and newer.id not in (fact.id, *fact.supersedes) and again:
                over[fact.id].append(newer)
    return over


def corrected_then_deleted(facts: Sequence[Fact], by_id: Mapping[str, Fact]) -> set[str]:
    """Return the facts that deleted edits had replaced: what was corrected does not come back."""
    hidden: set[str] = set()
    ahead = [fact for fact in facts if fact.deleted and fact.edited]
    while ahead:
        for id in ahead.pop().supersedes[:1]:
            if id in by_id and id not in hidden:
                hidden.add(id)
                ahead += [by_id[id]] if by_id[id].edited else []
    return hidden
