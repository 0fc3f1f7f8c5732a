"""What the system promises, as a model: a tree of turns, refs, and what each prompt may show.

Pure Python over markers; it knows no store, no graph and none of the application's code.
A turn is known by the marker of its reply, which no other turn has.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

Mark = str


@dataclass(frozen=True)
class ModelTurn:
    """One exchange."""

    reply: Mark
    said: tuple[Mark, ...]
    """Markers of what the user said, also in runs that failed before."""
    parent: Mark | None
    thread: str

    @property
    def marks(self) -> set[Mark]:
        """All markers that show it."""
        return {self.reply, *self.said}


@dataclass(frozen=True)
class Place:
    """Where a thread stands: what its newest checkpoint says, or its ref where there is none."""

    head: Mark | None = None
    waiting: tuple[Mark, ...] = ()
    """What was said and not answered yet."""


@dataclass(frozen=True)
class Expected:
    """What a prompt must and may show."""

    required: frozenset[Mark]
    """Given a budget for all of it."""
    allowed: frozenset[Mark]


@dataclass
class ModelOwner:
    """All that one owner said since the last reset."""

    turns: dict[Mark, ModelTurn] = field(default_factory=dict)
    refs: dict[str, Mark] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    """Threads with checkpoints."""
    roots: dict[str, Mark | None] = field(default_factory=dict)
    """What each thread's checkpoints began from."""
    gone: set[Mark] = field(default_factory=set)
    """Turns that a sweep deleted, dead for long; they come back only from a thread's messages."""

    def chain(self, head: Mark | None) -> list[ModelTurn]:
        """Return `head` and all it follows, oldest first."""
        walked: list[ModelTurn] = []
        while head is not None:
            walked.insert(0, self.turns[head])
            head = self.turns[head].parent
        return walked

    def live(self, refs: Iterable[Mark]) -> set[Mark]:
        """Return the turns that some ref reaches."""
        return {turn.reply for ref in refs for turn in self.chain(ref)}

    def place(self, thread: str) -> Place:
        """Return where a run on a thread begins when no checkpoint is named."""
        return self.places.get(thread) or Place(self.refs.get(thread))

    def first_place(self, thread: str, waiting: tuple[Mark, ...]) -> Place:
        """Return where a run begins at a checkpoint from before the thread's first turn."""
        known = thread in self.roots
        return Place(self.roots[thread] if known else self.refs.get(thread), waiting)

    def expects(self, thread: str, place: Place) -> Expected:
        """Return what the prompt of a run on `thread` that answers `place` must and may show."""
        others = [ref for name, ref in self.refs.items() if name != thread]
        seen = self.live([*others, place.head] if place.head else others)
        newest_first = reversed(self.chain(place.head))
        own = takewhile(lambda turn: turn.reply not in self.gone, newest_first)
        waiting = set(place.waiting)
        return Expected(
            required=frozenset(waiting.union(*(turn.marks for turn in own))),
            allowed=frozenset(waiting.union(*(self.turns[mark].marks for mark in seen))),
        )

    def answered(self, thread: str, place: Place, reply: Mark) -> None:
        """Take the turn that a run from `place` made."""
        self.turns[reply] = ModelTurn(reply, place.waiting, place.head, thread)
        self.begun(thread)
        self.refs[thread] = reply

    def begun(self, thread: str) -> None:
        """Note what a thread's checkpoints begin from, once they do."""
        self.roots.setdefault(thread, self.refs.get(thread))

    def copied(self, source: str, target: str) -> None:
        """Take a copy of a thread."""
        if source in self.refs:
            self.refs[target] = self.refs[source]
        if source in self.places:
            self.places[target] = self.places[source]
        if source in self.roots:
            self.roots[target] = self.roots[source]

    def expired(self, thread: str) -> None:
        """Take the loss of a thread's checkpoints; its ref stays."""
        self.places.pop(thread, None)
        self.roots.pop(thread, None)

    def deleted(self, thread: str) -> None:
        """Take the deletion of a thread."""
        self.expired(thread)
        self.refs.pop(thread, None)
