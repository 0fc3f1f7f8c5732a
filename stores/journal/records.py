"""How a journal's records lie in its backend, and how a reading of them becomes a view.

A thread whose last turn is in the journal has two fields there, so every turn reads it. All others,
however many an owner ever had, are listed apart and read when that list has moved.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from pydantic import TypeAdapter

from domain.journal import Claim, JournalView, RowsChange, ThreadNote
from domain.records import MOST_BYTES, MOST_LIST, MOST_RECORD, MOST_SEQ, RecordKey, Turn, lean
from domain.rows import too_long
from stores.journal.backend import RawJournal, Write, count_in

MOST_KEYS = 128
"""Changed records that a journal names at most; whoever missed more reads all of them again."""
PARSED_TURNS = 1024
"""Turns that a process keeps parsed: the journals of some 80 owners of a dozen turns."""
PARSED_CHANGES = 64
"""Lists of changed records that a process keeps parsed: one for each of as many owners."""
_REF, _THREAD = "ref:", "thread:"
_CHANGES = TypeAdapter(tuple[RowsChange, ...])
_DEAD = TypeAdapter(dict[str, str])
_WITHHELD = TypeAdapter(frozenset[str])
_FORGOTTEN = TypeAdapter(dict[str, tuple[str, ...]])
_NAME = TypeAdapter(str)
_log = logging.getLogger(__name__)
T = TypeVar("T")


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

    fields: dict[str, str | None] = field(default_factory=dict)
    turns: dict[str, Turn | None] = field(default_factory=dict)
    threads: dict[str, ThreadNote | None] = field(default_factory=dict)


def read_or_none(read: Callable[[str], T], stored: str, most: int = MOST_BYTES) -> T | None:
    """Return a record as it is read; None, with a warning, where somebody else has damaged it.

    One with more than `most` characters is none of ours, and takes too long to read.
    """
    try:
        if len(stored) > most:
            raise ValueError("It is longer than any record.")
        return read(stored)
    except (ValueError, TypeError, RecursionError) as error:
        _log.warning("A record of a journal cannot be read and is passed over: %s", type(error))
        return None


def thread_list(moved: int, stored: Mapping[str, str]) -> ThreadList:
    """Return the list as it is stored, parsed."""
    notes = _threads(stored, ThreadNote.model_validate_json)
    return ThreadList(moved, notes, {name: n.ref for name, n in notes.items() if n.ref})


def view_of(raw: RawJournal, listed: ThreadList) -> JournalView:
    """Return the reading with its records parsed; what cannot be read is passed over and logged."""
    fields = raw.fields
    here = _threads_in(fields)
    turns = {
        id: turn
        for id, stored in raw.turns.items()
        if (turn := read_or_none(_turn, stored, MOST_RECORD)) is not None and turn.id == id
    }
    withheld = read_or_none(_WITHHELD.validate_json, fields.get("withheld", "[]"), MOST_LIST)
    forgotten = read_or_none(_FORGOTTEN.validate_json, fields.get("forgotten", "{}"), MOST_LIST)
    claim, extracting = fields.get("claim"), fields.get("extracting")
    return JournalView(
        generation=raw.generation,
        version=raw.version,
        rows=count_in(fields, "rows"),
        changes=read_or_none(_changes, fields.get("changes", "[]")) or (),
        # Where another program wrote the last number there is, the next turn has that too.
        seq=min(MOST_SEQ - 1, max([count_in(fields, "seq"), *(t.seq for t in turns.values())])),
        cursor=count_in(fields, "cursor"),
        claim=read_or_none(Claim.model_validate_json, claim) if claim else None,
        extracting=read_or_none(_moment, extracting) if extracting else None,
        dead=read_or_none(_DEAD.validate_json, fields.get("dead", "{}")) or {},
        refs={**listed.refs, **{name: note.ref for name, note in here.items() if note.ref}},
        threads={**listed.notes, **here},
        threads_lost=len(listed.notes) < count_in(fields, "listed_threads"),
        turns=turns,
        summaries=raw.summaries,
        # Which turns are not to be shown is not known: none of them is.
        withheld=frozenset(turns) if withheld is None else withheld,
        forgotten=forgotten or {},
    )


def damaged(raw: RawJournal, threads: Mapping[str, str]) -> list[str]:
    """Return the names of the records that cannot be read: turns, and fields of the journal."""
    names = [f"turn {id}" for id in raw.turns.keys() - view_of(raw, ThreadList()).turns.keys()]
    for name, stored in raw.fields.items():
        kind, _, thread = name.partition(":")
        if kind == "thread":
            broken = not _threads({thread: stored}, ThreadNote.model_validate_json)
        elif kind == "ref":
            # All turns expire together; a ref to one that is gone alone was not left by us.
            broken = read_or_none(_NAME.validate_json, thread) is None
            broken |= bool(raw.turns) and stored not in raw.turns
        elif name in _COUNTERS:
            broken = str(count_in(raw.fields, name)) != stored
        else:
            most = MOST_LIST if name in ("withheld", "forgotten") else MOST_BYTES
            broken = name in _READERS and read_or_none(_READERS[name], stored, most) is None
        if broken:
            names.append(f"entry {name}")
    for thread, stored in threads.items():
        if not _threads({thread: stored}, ThreadNote.model_validate_json):
            names.append(f"thread {thread}")
    return names


@lru_cache(maxsize=PARSED_TURNS)
def _turn(stored: str) -> Turn:
    turn = Turn.model_validate_json(stored)
    if too_long(turn):
        raise ValueError("A text of it is longer than any.")
    return lean(turn)


@lru_cache(maxsize=PARSED_CHANGES)
def _changes(stored: str) -> tuple[RowsChange, ...]:
    return _CHANGES.validate_json(stored)


def forget_parsed() -> None:
    """Drop the turns that this process keeps parsed, so that nothing outlives its deletion."""
    _turn.cache_clear()


def _threads_in(fields: Mapping[str, str]) -> dict[str, ThreadNote]:
    """Return the threads that have fields of their own in the journal."""
    refs = {name[len(_REF) :]: value for name, value in fields.items() if name.startswith(_REF)}
    notes = {
        name[len(_THREAD) :]: value for name, value in fields.items() if name.startswith(_THREAD)
    }

    def note(name: str) -> ThreadNote:
        stored = notes.get(name)
        note = read_or_none(ThreadNote.model_validate_json, stored) if stored else None
        return (note or ThreadNote()).model_copy(update={"ref": refs.get(name) or None})

    return _threads({name: name for name in {**refs, **notes}}, note)


def _threads(stored: Mapping[str, str], read: Callable[[str], ThreadNote]) -> dict[str, ThreadNote]:
    """Return notes by their threads, whose names are stored as JSON."""
    notes: dict[str, ThreadNote] = {}
    for name, value in stored.items():
        thread, note = read_or_none(_NAME.validate_json, name), read_or_none(read, value)
        if thread is not None and note is not None:
            notes[thread] = note
    return notes


def _moment(stored: str) -> datetime:
    at = datetime.fromisoformat(stored)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


_COUNTERS = ("version", "rows", "seq", "cursor", "listed", "listed_threads")
_READERS: Mapping[str, Callable[[str], object]] = {
    "withheld": _WITHHELD.validate_json,
    "forgotten": _FORGOTTEN.validate_json,
    "changes": _changes,
    "claim": Claim.model_validate_json,
    "extracting": _moment,
    "dead": _DEAD.validate_json,
}
"""What reads the other entries of the book, to tell whether they can be read."""


def write_of(raw: RawJournal, listed: ThreadList, changes: Changes) -> Write:
    """Return what is to be written, each thread in its place: the journal's fields, or the list.

    What an older version left in the journal goes to the list by the same rule.
    """
    write = Write(
        fields={**changes.fields, "version": str(raw.version + 1)},
        turns={id: turn.model_dump_json() if turn else None for id, turn in changes.turns.items()},
    )
    turns = {*raw.turns, *changes.turns} - {id for id, turn in changes.turns.items() if not turn}
    here = _threads_in(raw.fields)
    for thread, note in {**here, **changes.threads}.items():
        in_journal = note is not None and note.ref in turns
        if thread in changes.threads or not in_journal:
            write.fields |= _fields(thread, note if in_journal else None)
        if note is not None and not in_journal:
            write.threads[json.dumps(thread)] = note.model_dump_json()
        elif thread in listed.notes:
            write.threads[json.dumps(thread)] = None
    if write.threads:
        after = {*map(json.dumps, listed.notes), *write.threads}
        after -= {name for name, value in write.threads.items() if value is None}
        write.fields |= {"listed": str(raw.listed + 1), "listed_threads": str(len(after))}
    return write


def _fields(thread: str, note: ThreadNote | None) -> dict[str, str | None]:
    """Return the fields of a thread in the journal."""
    name = json.dumps(thread)
    last = ThreadNote(last=note.last).model_dump_json(exclude={"ref"}) if note else None
    return {f"{_REF}{name}": note.ref if note else None, f"{_THREAD}{name}": last}


def written(raw: RawJournal, listed: ThreadList, write: Write) -> tuple[RawJournal, ThreadList]:
    """Return the reading as it is after a write."""

    def merged(old: Mapping[str, str], new: Mapping[str, str | None]) -> dict[str, str]:
        return {k: v for k, v in {**old, **new}.items() if v is not None}

    fields, turns = merged(raw.fields, write.fields), merged(raw.turns, write.turns)
    after = replace(raw, fields=fields, turns=turns, summaries="")
    if not write.threads:
        return after, listed
    gone = {json.loads(name) for name in write.threads}
    new = thread_list(0, {name: v for name, v in write.threads.items() if v is not None})
    notes = {name: note for name, note in listed.notes.items() if name not in gone}
    refs = {name: ref for name, ref in listed.refs.items() if name not in gone}
    return after, ThreadList(after.listed, {**notes, **new.notes}, {**refs, **new.refs})


def withholding(view: JournalView, ids: Iterable[str]) -> dict[str, str | None]:
    """Return the field that withholds these turns beside those withheld before."""
    return {"withheld": json.dumps(sorted({*view.withheld, *ids}))}


def still_forgotten(
    view: JournalView, more: Mapping[str, Iterable[str]], cursor: int
) -> dict[str, str | None]:
    """Return the field that says what is forgotten of turns beyond a cursor.

    Args:
        view: The reading; what it says already is kept.
        more: What to say beside that, by turn.
        cursor: Up to where turns are read. Of a turn that an episode took nothing is kept then.
    """
    both = {
        id: list(dict.fromkeys((*view.forgotten.get(id, ()), *more.get(id, ()))))
        for id in sorted({*view.forgotten, *more})
        if id in view.turns and view.turns[id].seq > cursor
    }
    return {"forgotten": json.dumps(both) if both else None}


def rows_moved(view: JournalView, keys: Iterable[RecordKey] | None) -> dict[str, str | None]:
    """Return the fields that say which records changed; None: any may have."""
    named: list[RowsChange] = []
    if keys is not None:
        named = [*view.changes, RowsChange(rows=view.rows + 1, keys=tuple(keys))]
        while named and sum(len(change.keys) + 1 for change in named) > MOST_KEYS:
            named.pop(0)
    changes = _CHANGES.dump_json(tuple(named)).decode()
    return {"rows": str(view.rows + 1), "changes": changes}
