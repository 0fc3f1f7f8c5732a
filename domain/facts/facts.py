"""What extracted statements do to the known facts, and which facts count: the door to both.

Pure decisions over records. Where facts are stored, and which turns are live, is decided elsewhere.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.clean_text import clean
from domain.facts.conflicts import slot_of
from domain.facts.extraction import FactChange, Source, begun
from domain.facts.lasting_wishes import LASTING
from domain.facts.reconcile import Reconciliation
from domain.facts.statement import is_past, normalized, statement_id
from domain.facts.supersession import corrected_then_deleted, enders_of
from domain.records import Fact, turn_of
from domain.text.dates.dates import day_heading, resolve
from domain.text.statements import denies


@dataclass(frozen=True)
class Standing:
    """A fact that counts, and whether it still holds."""

    fact: Fact
    current: bool
    """False where a live fact superseded it."""
    superseded_by: str | None = None
    """Id of the fact that ended it."""
    until: datetime | None = None
    """When it ended: from when the fact that superseded it was true."""


def apply(
    changes: Sequence[FactChange],
    sources: Mapping[str, Source],
    stored: Sequence[Fact],
    now: datetime,
) -> tuple[Fact, ...]:
    """Return the new and the changed records that `changes` lead to, ready to be written.

    A repeated statement adds its source to the current fact that says it. In a slot, and between
    a statement and its denial, the newer one supersedes: the one with the later start. Where the
    earlier-told one had no stated start, it was only known to be true when it was told, so what
    is told later as news or as going on wins. A statement of the past supersedes nothing but the
    claim that it still holds. Applied again to its own result, the same changes write nothing.

    Args:
        changes: What a model found, in any order; those without a source in `sources` are dropped.
        sources: The messages that were read, by reference.
        stored: Every fact of the owner, tombstones too: what a tombstone says does not come back.
        now: Upper bound of when a message was said, against wrong clocks.
    """
    current = [each.fact.id for each in standing(stored, None) if each.current]
    before = begun(sources.values(), now) - timedelta(seconds=1)
    told = [fact if fact.observed_at <= now else _told(fact, before) for fact in stored]
    reconciliation = Reconciliation(told, current)
    placed = [change for change in changes if change.source in sources and change.text.strip()]
    for change in sorted(placed, key=lambda each: sources[each.source].at):
        reconciliation.apply(_stated(change, min(sources[change.source].at, now)), change)
    return tuple(reconciliation.written.values())


def _told(fact: Fact, at: datetime) -> Fact:
    """Return a fact as told then: what is told later is later, though a clock was wrong."""
    return fact.model_copy(update={"observed_at": at, "valid_from": min(fact.valid_from, at)})


def standing(
    facts: Sequence[Fact], live_turns: Container[str] | None, as_of: datetime | None = None
) -> list[Standing]:
    """Return the facts that count, in the order given, and whether each still holds.

    A fact counts if one of its sources is live and it is not deleted. It supersedes what it names
    and, transitively, what that superseded, whether or not that still counts.

    Args:
        facts: All facts of an owner, tombstones too.
        live_turns: Ids of the live turns; None: all are.
        as_of: Only what was true from then or before counts; None: everything.
    """
    by_id = {fact.id: fact for fact in facts}
    hidden = corrected_then_deleted(facts, by_id)
    counting = [
        fact
        for fact in facts
        if not fact.deleted
        and fact.id not in hidden
        and (as_of is None or fact.valid_from <= as_of)
        and (live_turns is None or any(turn_of(ref) in live_turns for ref in fact.sources))
    ]
    over = enders_of(counting, by_id)

    def ends(newer: Fact, fact: Fact) -> bool:
        """Whether one does, of two that edits may have made to supersede each other: the newer."""
        return _age(newer) > _age(fact) or all(fact.id != other.id for other in over[newer.id])

    standings = []
    for fact in counting:
        end = min((newer for newer in over[fact.id] if ends(newer, fact)), key=_age, default=None)
        standings.append(
            Standing(fact, True) if end is None else Standing(fact, False, end.id, end.valid_from)
        )
    if standings and not any(each.current for each in standings):
        newest = max(counting, key=_age)  # edits in a circle ended each other
        standings = [Standing(o.fact, True) if o.fact is newest else o for o in standings]
    return _newest_of_each_slot(standings)


def _age(fact: Fact) -> tuple[datetime, datetime, str]:
    return fact.valid_from, fact.observed_at, fact.id


def _newest_of_each_slot(standings: Sequence[Standing]) -> list[Standing]:
    """End all but the newest of the values that hold in one slot: edits may leave several."""
    newest: dict[tuple[str, str], Fact] = {}
    for each in standings:
        if each.current and each.fact.slot:
            key = each.fact.subject, each.fact.slot
            newest[key] = max(newest.get(key, each.fact), each.fact, key=_age)
    shown: list[Standing] = []
    for each in standings:
        new = newest.get((each.fact.subject, each.fact.slot or ""), each.fact)
        ended = each.current and new.id != each.fact.id
        shown.append(Standing(each.fact, False, new.id, new.valid_from) if ended else each)
    return shown


def edit(fact: Fact, text: str, now: datetime) -> tuple[Fact, ...]:
    """Return what the user's new wording of a fact writes: a fact that supersedes it, or nothing.

    Raises:
        ValueError: If the text is empty, or the fact is deleted.
    """
    text = " ".join(clean(text).split())
    if not text:
        raise ValueError("A fact cannot be edited to nothing: delete it instead.")
    if fact.deleted:
        raise ValueError("This fact was deleted and cannot be edited: say it anew.")
    if text == fact.text:
        return ()
    changed = {
        "id": statement_id(text, fact.id),
        "text": text,
        "slot": _slot_stated(text, fact.kind, fact.slot),
        "observed_at": now,
        "supersedes": (fact.id, *fact.supersedes),
        "edited": True,
    }
    return (fact.model_copy(update=changed),)


def delete(fact: Fact, now: datetime) -> Fact:
    """Return the tombstone of a fact: its id and sources, and what it was an edit of."""
    return Fact(
        id=fact.id,
        text="",
        subject="",
        sources=fact.sources,
        observed_at=now,
        valid_from=now,
        supersedes=fact.supersedes[:1] if fact.edited else (),
        edited=fact.edited,
        deleted=True,
    )


def withheld(facts: Iterable[Fact]) -> frozenset[str]:
    """Return the ids of the turns that deleted facts came from: nothing of them is recalled."""
    return frozenset(turn_of(ref) for fact in facts if fact.deleted for ref in fact.sources)


def notes(facts: Sequence[Fact], standings: Sequence[Standing]) -> dict[str, str]:
    """Return, by turn id, what to say beside turns that state something no longer true."""
    by_id = {each.fact.id: each for each in standings}
    by_turn: dict[str, list[str]] = {}
    for each in standings:
        if each.superseded_by is None or each.until is None:
            continue
        after, last = by_id[each.superseded_by], _last(each, by_id)
        if normalized(last.text) == normalized(each.fact.text):
            continue  # true again
        own = {turn_of(ref) for ref in after.fact.sources if not after.fact.edited}
        how = f"no longer true since {day_heading(each.until)}"
        if after.fact.edited and after.current:
            how = f"corrected by the user on {day_heading(last.observed_at)}"
        note = f"{how}: {last.text.rstrip('. ')}"
        for turn in dict.fromkeys(turn_of(ref) for ref in each.fact.sources):
            if turn not in own and note not in by_turn.setdefault(turn, []):
                by_turn[turn].append(note)
    silent = withheld(facts)
    return {
        turn: "; ".join(texts) for turn, texts in by_turn.items() if texts and turn not in silent
    }


def _stated(change: FactChange, said_at: datetime) -> Fact:
    """Return the fact that a change states. A plan holds from when it is told, and in no slot."""
    text = " ".join(change.text.split())
    at = resolve(change.when, said_at) or said_at
    plan = at > said_at or change.kind == "plan"
    return Fact(
        id=statement_id(text, change.source),
        text=text,
        kind="plan" if plan else change.kind,
        subject=change.subject.strip() or "user",
        slot=None if plan else _slot_stated(text, change.kind, slot_of(change.slot)),
        sources=(change.source,),
        observed_at=said_at,
        valid_from=said_at if plan else at,
    )


def _slot_stated(text: str, kind: str, slot: str | None) -> str | None:
    """Return the slot that a statement fills: none where it denies a value, or tells of a past one.

    An instruction fills it whatever it adds: "call me Sam, not Alex".
    """
    return slot if kind in LASTING or not (denies(text) or is_past(text)) else None


def _last(last: Standing, by_id: Mapping[str, Standing]) -> Fact:
    """Return what holds in the end, following what superseded what."""
    seen: set[str] = set()
    while last.superseded_by is not None and last.fact.id not in seen:
        seen.add(last.fact.id)
        last = by_id[last.superseded_by]
    return last.fact
