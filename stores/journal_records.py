"""How a journal's records lie in its backend, and how a reading of them becomes a view.

A thread whose last turn is in the journal has two fields of the book, so every turn reads it. All
others, however many an owner ever had, are listed apart and read when that list has moved.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from pydantic import TypeAdapter

from domain.journal import Claim, JournalView, RowsChange, ThreadNote
from domain.records import RecordKey, Turn
from stores.journal_backend import RawJournal, Write

MOST_KEYS = 128
"""Changed records that a journal names at most; whoever missed more reads all of them again."""
PARSED_TURNS = 4096
"""Turns that a process keeps parsed: the journals of some 300 owners of a dozen turns."""
_REF, _THREAD = "ref:", "thread:"
_CHANGES = TypeAdapter(tuple[RowsChange, ...])


@dataclass(frozen=True)
class ThreadList:
    """The threads listed apart, at one moment."""

    moved: int = 0
    """`RawJournal.listed` that it was read at."""
    notes: Mapping[str, ThreadNote] = field(default_factory=dict)
    refs: Mapping[str, str] = field(default_factory=dict)
    """The refs of `notes`, for the threads that have one."""


@dataclass
class Changes:
    """What one write is to do: values to set, None to delete."""

    book: dict[str, str | None] = field(default_factory=dict)
    turns: dict[str, Turn | None] = field(default_factory=dict)
    threads: dict[str, ThreadNote | None] = field(default_factory=dict)


def thread_list(moved: int, stored: Mapping[str, str]) -> ThreadList:
    """Return the list as it is stored, parsed."""
    notes = {json.loads(name): ThreadNote.model_validate_json(v) for name, v in stored.items()}
    return ThreadList(moved, notes, {name: n.ref for name, n in notes.items() if n.ref})


def view_of(raw: RawJournal, listed: ThreadList) -> JournalView:
    """Return the reading with its records parsed."""
    book = raw.book
    here = _threads_in(book)
    claim, extracting = book.get("claim"), book.get("extracting")
    return JournalView(
        generation=raw.generation,
        version=raw.version,
        rows=int(book.get("rows", "0")),
        changes=_CHANGES.validate_json(book.get("changes", "[]")),
        seq=int(book.get("seq", "0")),
        cursor=int(book.get("cursor", "0")),
        claim=Claim.model_validate_json(claim) if claim else None,
        extracting=datetime.fromisoformat(extracting) if extracting else None,
        dead=json.loads(book.get("dead", "{}")),
        refs={**listed.refs, **{name: note.ref for name, note in here.items() if note.ref}},
        threads={**listed.notes, **here},
        threads_lost=len(listed.notes) < int(book.get("listed_threads", "0")),
        turns={id: _turn(turn) for id, turn in raw.turns.items()},
        summaries=raw.summaries,
        withheld=frozenset(json.loads(book.get("withheld", "[]"))),
    )


@lru_cache(maxsize=PARSED_TURNS)
def _turn(stored: str) -> Turn:
    return Turn.model_validate_json(stored)


def forget_parsed() -> None:
    """Drop the turns that this process keeps parsed, so that nothing outlives its deletion."""
    _turn.cache_clear()


def _threads_in(book: Mapping[str, str]) -> dict[str, ThreadNote]:
    """Return the threads that have fields of their own in the book."""
    refs = {name[len(_REF) :]: value for name, value in book.items() if name.startswith(_REF)}
    notes = {
        name[len(_THREAD) :]: ThreadNote.model_validate_json(value)
        for name, value in book.items()
        if name.startswith(_THREAD)
    }
    return {
        json.loads(name): notes.get(name, ThreadNote()).model_copy(update={"ref": refs.get(name)})
        for name in {**refs, **notes}
    }


def write_of(raw: RawJournal, listed: ThreadList, changes: Changes) -> Write:
    """Return what is to be written, each thread in its place: the book, or the list.

    What an older version left in the book goes to the list by the same rule.
    """
    write = Write(
        book={**changes.book, "version": str(raw.version + 1)},
        turns={id: turn.model_dump_json() if turn else None for id, turn in changes.turns.items()},
    )
    turns = {*raw.turns, *changes.turns} - {id for id, turn in changes.turns.items() if not turn}
    here = _threads_in(raw.book)
    for thread, note in {**here, **changes.threads}.items():
        in_book = note is not None and note.ref in turns
        if thread in changes.threads or not in_book:
            write.book |= _fields(thread, note if in_book else None)
        if note is not None and not in_book:
            write.threads[json.dumps(thread)] = note.model_dump_json()
        elif thread in listed.notes:
            write.threads[json.dumps(thread)] = None
    if write.threads:
        after = {*map(json.dumps, listed.notes), *write.threads}
        after -= {name for name, value in write.threads.items() if value is None}
        write.book |= {"listed": str(raw.listed + 1), "listed_threads": str(len(after))}
    return write


def _fields(thread: str, note: ThreadNote | None) -> dict[str, str | None]:
    """Return the fields of a thread in the book."""
    name = json.dumps(thread)
    last = ThreadNote(last=note.last).model_dump_json(exclude={"ref"}) if note else None
    return {f"{_REF}{name}": note.ref if note else None, f"{_THREAD}{name}": last}


def written(raw: RawJournal, listed: ThreadList, write: Write) -> tuple[RawJournal, ThreadList]:
    """Return the reading as it is after a write."""

    def merged(old: Mapping[str, str], new: Mapping[str, str | None]) -> dict[str, str]:
        return {k: v for k, v in {**old, **new}.items() if v is not None}

    book, turns = merged(raw.book, write.book), merged(raw.turns, write.turns)
    after = replace(raw, book=book, turns=turns, summaries="")
    if not write.threads:
        return after, listed
    gone = {json.loads(name) for name in write.threads}
    new = thread_list(0, {name: v for name, v in write.threads.items() if v is not None})
    notes = {name: note for name, note in listed.notes.items() if name not in gone}
    refs = {name: ref for name, ref in listed.refs.items() if name not in gone}
    return after, ThreadList(after.listed, {**notes, **new.notes}, {**refs, **new.refs})


def withholding(view: JournalView, ids: Iterable[str]) -> dict[str, str | None]:
    """Return the entry of the book that withholds these with those that are."""
    return {"withheld": json.dumps(sorted({*view.withheld, *ids}))}


def rows_moved(view: JournalView, keys: Iterable[RecordKey] | None) -> dict[str, str | None]:
    """Return the entries of the book that say which records changed; None: any may have."""
    named: list[RowsChange] = []
    if keys is not None:
        named = [*view.changes, RowsChange(rows=view.rows + 1, keys=tuple(keys))]
        while named and sum(len(change.keys) + 1 for change in named) > MOST_KEYS:
            named.pop(0)
    changes = _CHANGES.dump_json(tuple(named)).decode()
    return {"rows": str(view.rows + 1), "changes": changes}
