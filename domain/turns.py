"""Which turns are live: one pure function over refs, journal and episodes, and walks along it."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from domain.records import Episode, Turn

Parents = Mapping[str, str | None]
"""Every known turn's id to its parent's id."""


def parents_of(turns: Iterable[Turn], episodes: Iterable[Episode] = ()) -> dict[str, str | None]:
    """Return the tree that journal turns and episodes make together."""
    tree = {turn.id: turn.parent for episode in episodes for turn in episode.turns}
    tree.update((turn.id, turn.parent) for turn in turns)
    return tree


def chain(head: str | None, parents: Parents) -> tuple[str, ...]:
    """Return the ids of `head` and all it follows, oldest first.

    It ends where a parent is unknown, which a lost store can leave behind.
    """
    walked: dict[str, None] = {}
    while head is not None and head in parents and head not in walked:
        walked[head] = None
        head = parents[head]
    return tuple(reversed(walked))


def follows_itself(parents: Parents) -> str | None:
    """Return a turn that is its own ancestor; None where, as always inside, there is none."""
    passed: set[str] = set()
    for start in parents:
        walked: dict[str, None] = {}
        at: str | None = start
        while at is not None and at in parents and at not in passed:
            if at in walked:
                return at
            walked[at] = None
            at = parents[at]
        passed |= walked.keys()
    return None


def live(refs: Iterable[str], parents: Parents) -> frozenset[str]:
    """Return the ids of all turns that some ref reaches through parents."""
    reached: set[str] = set()
    for ref in refs:
        at: str | None = ref
        while at is not None and at in parents and at not in reached:
            reached.add(at)
            at = parents[at]
    return frozenset(reached)


def refs_seen(refs: Mapping[str, str], thread: str | None, head: str | None) -> tuple[str, ...]:
    """Return the refs as a run on `thread` starting from `head` sees them.

    A run from an older checkpoint must not see the branch that it leaves.
    """
    if thread is None:
        return tuple(refs.values())
    others = [ref for name, ref in refs.items() if name != thread]
    return (*others, head) if head is not None else tuple(others)


def unbroken(turns: Sequence[Turn]) -> bool:
    """Return whether each turn follows the one before it."""
    return all(b.parent == a.id for a, b in pairwise(turns))
