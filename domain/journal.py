"""What the journal knows of one owner, as one consistent reading, and the changes to it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.records import Record, RecordKey, Turn

AHEAD = timedelta(days=1)
"""How far a clock may be ahead of another; what was said later than that, a wrong one said."""


class Claim(Record):
    """A window of turns that one worker has taken to fold. At most one an owner."""

    turns: tuple[str, ...]
    """Ids of the window's turns, oldest first."""
    thread: str
    holder: str
    """Random token of the run that holds it."""
    until: datetime
    """When the lease ends; from then on whoever comes finishes the same window."""
    attempts: int = 0
    """Summaries of this window that failed."""


class ThreadNote(Record):
    """What is known of a thread."""

    ref: str | None = None
    """The turn last added to it; None before the first."""
    last: datetime | None = None
    """When its last turn was complete; None before the first."""


@dataclass(frozen=True, slots=True)
class RowsChange:
    """One move of `JournalView.rows`."""

    rows: int
    """The number that it moved to."""
    keys: tuple[RecordKey, ...]
    """The records that were written or deleted."""


@dataclass(frozen=True)
class JournalView:
    """One reading of an owner's journal. Nothing in it changes afterwards."""

    generation: str | None = None
    """None before the first reset."""
    version: int = 0
    """Moves with every write."""
    rows: int = 0
    """Moves whenever the owner's episodes, facts or entities have changed."""
    changes: tuple[RowsChange, ...] = ()
    """Its last moves, oldest first, without a gap; what was changed before is not known."""
    seq: int = 0
    """The last sequence number given to a turn."""
    cursor: int = 0
    """Facts were extracted from all turns up to this sequence number."""
    claim: Claim | None = None
    extracting: datetime | None = None
    """Until when another worker has the turns beyond the cursor; None: nobody has."""
    dead: dict[str, str] = field(default_factory=dict)
    """Turns that no ref reaches, by when that was first seen, as ISO 8601."""
    refs: dict[str, str] = field(default_factory=dict)
    """Thread id to the id of the turn last added to it."""
    threads: dict[str, ThreadNote] = field(default_factory=dict)
    """Every thread of this generation, also one without a turn yet."""
    threads_lost: bool = False
    """True where the store lost threads that are listed apart: what looks dead may not be."""
    turns: dict[str, Turn] = field(default_factory=dict)
    """The turns that no episode holds, by id."""
    withheld: frozenset[str] = frozenset()
    """Turns that say something forgotten, and episodes whose summary does: for no prompt."""
    forgotten: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What is forgotten of withheld turns that wait to be read for facts, by turn: what else they
    say is still to be noted. A turn of which nothing is left is not in it."""
    summaries: str = field(default="", compare=False, repr=False)
    """The cached summaries of the branch that was asked for with it, as they are stored."""

    def last_thread(self, now: datetime, but: str = "") -> str | None:
        """Return the thread that was spoken on last.

        The order of turns tells, and only of threads that episodes hold wholly their clocks; one
        that was ahead counts before others.

        Args:
            now: The present.
            but: A thread that is not meant.
        """
        last = {
            thread: (
                self.turns[self.refs[thread]].seq if self.refs[thread] in self.turns else 0,
                note.last <= now + AHEAD,
                note.last,
            )
            for thread, note in self.threads.items()
            if note.last is not None and thread in self.refs and thread != but
        }
        return max(last, key=lambda thread: last[thread], default=None)

    def changed_since(self, rows: int) -> list[RecordKey] | None:
        """Return the records that changed since `rows` was read; None where that is not known."""
        later = [change for change in self.changes if change.rows > rows]
        if rows > self.rows or len(later) < self.rows - rows:
            return None
        return list(dict.fromkeys(key for change in later for key in change.keys))
