"""Applies new statements to the stored facts: what is added, confirmed or superseded.

Finds what each statement repeats, ends or yields to. What makes two facts the same or rivals is
decided in `domain/facts/statement.py` and `domain/facts/conflicts.py`; nothing is stored here.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from domain.facts.conflicts import Key, denies, newer, other_day, slot_key
from domain.facts.extraction import FactChange
from domain.facts.statement import is_past, normalized, statement_id
from domain.facts.supersession import enders_of, reached_from
from domain.records import Fact
from domain.text import statements

_ONGOING = re.compile(
    r"\bsince\b|\bfor (?:the |over |about |almost )*(?:past |last )?(?:\d+|an?|two|three|four|five"
    r"|six|seven|eight|nine|ten|many|several|some) (?:day|week|month|year)s?\b"
    r"|\b(?:has|have) (?:\w+ )?been\b"
)


class Reconciliation:
    """The stored facts while changes are applied to them, and what is to be written."""

    def __init__(self, stored: Sequence[Fact], current: Iterable[str]) -> None:
        """Start from every stored fact, tombstones too, and the ids of those that still hold."""
        self.facts: dict[str, Fact] = {}
        self.index: defaultdict[Key, dict[str, None]] = defaultdict(dict)
        """Ids of the facts that stand, by source, slot, and text."""
        for fact in stored:
            self._add(fact)
        self.current = set(current)
        self.tombstones = [fact for fact in stored if fact.deleted]
        self.written: dict[str, Fact] = {}

    def apply(self, new: Fact, change: FactChange) -> None:
        """Apply a change: drop the fact it states, add its source to an equal one, or write it."""
        if self._was_deleted(new) or self._said_already(new, change):
            return
        ongoing = bool(_ONGOING.search(f"{new.text} {change.when or ''}"))
        targets = self._targets(new, change, ongoing)
        repeated = self._repeated(new, change)
        if repeated is not None:
            gone = [fact.id for fact in targets if fact.id != repeated.id]
            self._write(_with(repeated, sources=new.sources, supersedes=gone))
            return
        rivals = self._rivals(new)
        stronger = {fact.id: fact for fact in rivals if not newer(new, fact, ongoing)}
        over = enders_of(self.facts.values(), self.facts) if stronger else {}
        for id in list(stronger):
            stronger |= {fact.id: fact for fact in over[id]}  # so that no circle can arise
        weaker = [*rivals, *targets]
        beaten = reached_from([fact.id for fact in weaker if fact.id not in stronger], self.facts)
        superseded = [id for id in self.facts if id in beaten and id != new.id] if beaten else []
        order = sorted(superseded, key=lambda id: self.facts[id].valid_from, reverse=True)
        self._write(_with(new, supersedes=order))
        for fact in stronger.values():
            self._write(_with(fact, supersedes=(new.id, *order)))

    def _write(self, fact: Fact) -> None:
        if fact.id not in self.facts:
            self.current.add(fact.id)
        self.written[fact.id] = fact
        self._add(fact)
        self.current -= reached_from(fact.supersedes, self.facts)

    def _add(self, fact: Fact) -> None:
        self.facts[fact.id] = fact
        if fact.deleted:
            return
        keys: set[Key] = {("source", ref) for ref in fact.sources}
        keys |= {("text", normalized(fact.text)), slot_key(fact), _side(fact)}
        for key in keys:
            self.index[key][fact.id] = None

    def _at(self, key: Key) -> list[Fact]:
        return [self.facts[id] for id in self.index.get(key, ())]

    def _was_deleted(self, new: Fact) -> bool:
        """Return whether this was deleted: its message, or the same text said before that.

        What is stated after the deletion is a new fact.
        """
        return any(
            new.sources[0] in tombstone.sources
            or any(
                tombstone.id == statement_id(new.text, source)
                for source in (*tombstone.sources, *tombstone.supersedes)
            )
            for tombstone in self.tombstones
            if new.observed_at <= tombstone.observed_at
        )

    def _said_already(self, new: Fact, change: FactChange) -> bool:
        """Return whether this message is known to have said so, whether or not it still holds."""
        confirmed = change.target if change.op == "confirm" else None
        said = self._at(("source", new.sources[0]))
        return any(fact.id == confirmed or self._same(new, fact) for fact in said)

    def _repeated(self, new: Fact, change: FactChange) -> Fact | None:
        """Return the current fact that says the same; the one that the model named comes first."""
        named = self.facts[change.target] if change.target in self.current else None
        if named and change.op == "confirm" and _agree(new, named):
            return named
        alike = [
            fact for fact in self._at(("text", normalized(new.text))) if fact.id in self.current
        ]
        return next((fact for fact in alike if self._same(new, fact)), None)

    def _rivals(self, new: Fact) -> list[Fact]:
        """Return what cannot hold beside a fact: its slot's other values, and its denial."""
        denials = [old for old in self._at(_side(new, opposite=True)) if denies(new, old)]
        return [*(self._at(slot_key(new)) if new.slot else []), *denials]

    def _targets(self, new: Fact, change: FactChange, ongoing: bool) -> list[Fact]:
        """Return the facts that the model says are replaced, where that can be."""
        ids = (change.target, *change.also) if change.op == "supersede" else ()
        named = [self.facts[id] for id in ids if id in self.facts]
        return [fact for fact in named if not fact.deleted and _gives_way(fact, new, ongoing)]

    def _same(self, new: Fact, old: Fact) -> bool:
        if new.id == old.id:
            return True
        if new.subject != old.subject and statements.first_person(new.text) is not False:
            return False  # Two people may say the same of themselves.
        if other_day(new, old) or (new.kind == "plan") != (old.kind == "plan"):
            return False  # what was planned and then done is told twice
        return normalized(new.text) == normalized(old.text)


def _gives_way(old: Fact, new: Fact, ongoing: bool) -> bool:
    """Return whether a fact can be replaced by another: no plan or past ends what holds now."""
    if is_past(new.text) and not is_past(old.text):
        return False
    if new.kind == "plan" and old.kind != "plan":
        return False
    return newer(new, old, ongoing)


def _side(fact: Fact, opposite: bool = False) -> Key:
    """Return whom a fact is about, and whether it affirms or denies something of them."""
    negative = statements.denies(fact.text) != opposite
    return ("denies" if negative else "affirms", fact.subject)


def _agree(new: Fact, old: Fact) -> bool:
    """Return whether two facts both deny or both affirm, of now or of once."""
    alike = statements.denies(new.text) == statements.denies(old.text)
    return alike and is_past(new.text) == is_past(old.text)


def _with(fact: Fact, sources: Iterable[str] = (), supersedes: Iterable[str] = ()) -> Fact:
    more = {
        "sources": tuple(dict.fromkeys((*fact.sources, *sources))),
        "supersedes": tuple(dict.fromkeys((*fact.supersedes, *supersedes))),
    }
    return fact.model_copy(update=more)
