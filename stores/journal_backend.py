"""What a journal's home must do, and the form in which it holds one. Nothing is decided here."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from pydantic import TypeAdapter

from domain.journal import Claim, JournalView, RowsChange, ThreadNote
from domain.owner import FIRST_GENERATION, Owner
from domain.records import RecordKey, Turn

KEYS_KEPT = 128
"""Changed records that a journal names at most; whoever missed more reads all of them again."""
_CHANGES = TypeAdapter(tuple[RowsChange, ...])


@dataclass(frozen=True)
class RawJournal:
    """One consistent reading as a backend stores it."""

    generation: str | None = None
    book: Mapping[str, str] = field(default_factory=dict)
    """`version`, `rows`, `changes`, `seq`, `cursor`, `claim`, `extracting`, `ref:<thread>`,
    `thread:<thread>`, `dead`."""
    turns: Mapping[str, str] = field(default_factory=dict)
    """Turn id to the turn as JSON."""

    @property
    def version(self) -> int:
        """The counter that every write moves."""
        return int(self.book.get("version", "0"))


@dataclass
class Changes:
    """What one write does: values to set, None to delete."""

    book: dict[str, str | None] = field(default_factory=dict)
    turns: dict[str, str | None] = field(default_factory=dict)


class JournalBackend(Protocol):
    """Where journals lie. Every call is atomic; failures raise `StoreUnavailable`."""

    async def read(self, owner: Owner) -> RawJournal:
        """Return one consistent reading of the owner's current generation."""

    async def commit(self, owner: Owner, base: RawJournal, changes: Changes) -> bool:
        """Write `changes` and move the version; False if anything moved since `base`."""

    async def read_generation(self, owner: Owner, generation: str) -> RawJournal:
        """Return one consistent reading of a generation, current or not."""

    async def renew(self, owner: Owner, token: str) -> list[str]:
        """Make `token` the current generation; return the names of all others that exist."""

    async def erase(self, owner: Owner, generation: str) -> int:
        """Delete all that a generation's journal holds; return how many turns it held."""

    async def note_owner(self, owner: Owner, thread: str) -> None:
        """Record that `thread` belongs to `owner`, with the readable ids."""

    async def drop_thread(self, thread: str) -> None:
        """Forget whom a thread belongs to."""

    async def drop_owner(self, owner: Owner) -> None:
        """Forget the readable ids of an owner."""

    async def thread_owner(self, thread: str) -> Owner | None:
        """Return whom a thread belongs to; None before its first turn."""

    async def owners(self) -> list[Owner]:
        """Return every owner that has a journal."""

    async def mark(self, name: str, value: str | None = None) -> str | None:
        """Read a mark of the whole installation, after setting it where a value is given."""

    async def ping(self) -> str:
        """Return what answers, with its version."""

    async def count_up(self, owner: Owner, amounts: Mapping[str, int]) -> None:
        """Add to an owner's counters; one that does not exist yet begins at 0."""

    async def counts(self, owner: Owner) -> dict[str, int]:
        """Return all counters of an owner; no reset touches them."""

    async def drop_counts(self, owner: Owner) -> None:
        """Delete all counters of an owner."""


def generation_name(generation: str | None) -> str:
    """Return how a generation is written where a name must not be empty."""
    return generation or FIRST_GENERATION


def ref_field(thread: str) -> str:
    """Return the field of the book that holds a thread's ref."""
    return f"ref:{json.dumps(thread)}"


def thread_field(thread: str) -> str:
    """Return the field of the book that holds the note on a thread."""
    return f"thread:{json.dumps(thread)}"


def view_of(raw: RawJournal) -> JournalView:
    """Return the reading with its records parsed."""
    refs: dict[str, str] = {}
    threads: dict[str, ThreadNote] = {}
    for name, value in raw.book.items():
        kind, _, thread = name.partition(":")
        if kind == "ref":
            refs[json.loads(thread)] = value
        elif kind == "thread":
            threads[json.loads(thread)] = ThreadNote.model_validate_json(value)
    claim, extracting = raw.book.get("claim"), raw.book.get("extracting")
    return JournalView(
        generation=raw.generation,
        version=raw.version,
        rows=int(raw.book.get("rows", "0")),
        changes=_CHANGES.validate_json(raw.book.get("changes", "[]")),
        seq=int(raw.book.get("seq", "0")),
        cursor=int(raw.book.get("cursor", "0")),
        claim=Claim.model_validate_json(claim) if claim else None,
        extracting=datetime.fromisoformat(extracting) if extracting else None,
        refs=refs,
        threads=threads,
        turns={id: Turn.model_validate_json(turn) for id, turn in raw.turns.items()},
    )


def rows_moved(view: JournalView, keys: Iterable[RecordKey] | None) -> dict[str, str | None]:
    """Return the entries of the book that say which records changed; None: any may have."""
    kept: list[RowsChange] = []
    if keys is not None:
        kept = [*view.changes, RowsChange(rows=view.rows + 1, keys=tuple(keys))]
        while kept and sum(len(change.keys) + 1 for change in kept) > KEYS_KEPT:
            kept.pop(0)
    changes = _CHANGES.dump_json(tuple(kept)).decode()
    return {"rows": str(view.rows + 1), "changes": changes}


def applied(raw: RawJournal, changes: Changes) -> RawJournal:
    """Return the reading as it is after a write."""

    def merged(old: Mapping[str, str], new: Mapping[str, str | None]) -> dict[str, str]:
        return {k: v for k, v in {**old, **new}.items() if v is not None}

    return replace(raw, book=merged(raw.book, changes.book), turns=merged(raw.turns, changes.turns))
