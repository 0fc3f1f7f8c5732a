"""What a journal's backend must do, and what passes between the two. Nothing is decided here."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domain.owner import FIRST_GENERATION, Holder, Owner

ENDED = "ended"
"""The field of a journal that was deleted once, and will be once more."""
MOST_DIGITS = 16
"""Digits from which on a counter is none of ours: nobody writes so often."""


def count_in(fields: Mapping[str, str], name: str) -> int:
    """Return a counter of a journal; 0 where there is none, or what is no number."""
    text = fields.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < MOST_DIGITS else 0


@dataclass(frozen=True)
class RawJournal:
    """One consistent reading as a backend stores it, without the threads that are listed apart."""

    generation: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    """Counters, claims, and the threads whose last turn is in the journal, by field."""
    turns: Mapping[str, str] = field(default_factory=dict)
    """Turn id to the turn as JSON."""
    summaries: str = ""
    """The cached summaries of the branch that was asked for, where the backend holds them."""

    @property
    def version(self) -> int:
        """The counter that every write moves."""
        return count_in(self.fields, "version")

    @property
    def ended(self) -> bool:
        """Whether the journal was deleted once, and nothing was written to it since."""
        return self.version == 0 and ENDED in self.fields

    @property
    def listed(self) -> int:
        """The counter that every change to the threads listed apart moves."""
        return count_in(self.fields, "listed")


@dataclass
class Write:
    """What one write does: values to set, None to delete."""

    fields: dict[str, str | None] = field(default_factory=dict)
    turns: dict[str, str | None] = field(default_factory=dict)
    threads: dict[str, str | None] = field(default_factory=dict)
    """Of the threads listed apart."""


class JournalBackend(Protocol):
    """Where journals lie. Every call is atomic; failures raise `StoreUnavailable`."""

    async def read(self, owner: Owner, head: str = "") -> RawJournal:
        """Return one consistent reading of the owner's current generation.

        With the summaries of the branch that ends at `head`, where they are cached beside it.
        """

    async def commit(
        self, owner: Owner, generation: str | None, version: int, write: Write
    ) -> bool:
        """Write, if generation and version are still those; return whether they were."""

    async def read_generation(self, owner: Owner, generation: str) -> RawJournal:
        """Return one consistent reading of a generation, current or not."""

    async def list_threads(self, owner: Owner, generation: str) -> tuple[int, Mapping[str, str]]:
        """Return the threads listed apart, by name, and the counter that they are at."""

    async def renew(self, owner: Owner, token: str) -> list[str]:
        """Make `token` the current generation; return the names of all others that exist."""

    async def older(self, owner: Owner) -> list[str]:
        """Return the owner's generations that are listed and not current; none if that is lost."""

    async def erase(self, owner: Owner, generation: str, *, last: bool = True) -> int:
        """Delete all that a generation's journal holds; return how many turns it held.

        Unless it is the last time, its name stays listed, with the field `ENDED` in its journal.
        """

    async def note_holder(self, thread: str, holder: Holder) -> None:
        """Record whom a thread belongs to, with the readable ids."""

    async def drop_holders(self, holders: Mapping[str, Holder]) -> None:
        """Forget whom threads belong to, save where another holder was noted meanwhile.

        What cannot be read goes too.
        """

    async def drop_owner(self, owner: Owner) -> None:
        """Forget the readable ids of an owner."""

    async def holders(self, threads: Sequence[str]) -> dict[str, Holder]:
        """Return whom some threads belong to; one that nobody has spoken on is left out."""

    async def owners(self) -> list[Owner]:
        """Return every owner that has a journal."""

    async def some_owners(self, most: int) -> list[Owner]:
        """Return so many owners that have a journal, or all there are, in no order."""

    async def owners_of(self, user_id: str) -> list[Owner]:
        """Return every owner of one user that has a journal, without looking at other users'."""

    async def owners_left(self, user_id: str) -> list[Owner]:
        """Return every owner of one user that anything is there of, whatever the lists say."""

    def damaged(self) -> AsyncGenerator[str | None]:
        """Yield the name of each row that lists an owner or a thread and cannot be read.

        None is yielded for each that can.
        """

    async def generations(self, owner: Owner) -> set[str]:
        """Return the name of each generation that anything is there of."""

    async def mark(self, name: str, value: str | None = None) -> str | None:
        """Read a mark of the whole installation, after setting it where a value is given."""

    async def mark_once(self, name: str, value: str) -> str:
        """Return a mark of the whole installation; the first value that is given stays."""

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
