"""The records that memory is made of: turns, episodes, facts, entities, and what is recalled.

All are immutable; a change is a new record. Nothing here knows where they are stored.
"""

from collections.abc import Container
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Role = Literal["user", "assistant"]
Kind = Literal["episode", "fact", "entity"]
RecordKey = tuple[Kind, str]
"""Kind and id of a record in long-term memory."""
RecallKind = Literal["evidence", "episode", "fact", "entity"]

MOST_BYTES = 1_000_000
"""Bytes of one text at most, whatever the settings allow: the turn after it then waits a minute."""
MOST_RECORD = 8 * MOST_BYTES
"""Bytes of a stored turn at most: what a message may have, each sign of it escaped, and a reply."""
MOST_LIST = 64 * MOST_BYTES
"""Bytes of a list that only grows, as of all turns that are withheld: a million and a half."""
MOST_TURNS = 10**12
"""The largest sequence number that comes in from outside: more than anybody can say."""
MOST_SEQ = 2**53
"""The largest there can be, a whole number to every store: others follow what was brought in."""
Id = Annotated[str, Field(min_length=1)]
Seq = Annotated[int, Field(ge=0, le=MOST_SEQ)]
Share = Annotated[float, Field(ge=0, le=1)]
EARLIEST, LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
"""A time with a zone, which can be told in any other zone and moved by a day."""


class Record(BaseModel):
    """A frozen record that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=Record)


def lean(record: R) -> R:
    """Return a record that takes less memory, as it is kept: short messages take half of it.

    Pydantic gives each one a set of its own of the names of its fields.
    """
    object.__setattr__(record, "__pydantic_fields_set__", _names_of(type(record)))
    for value in record.__dict__.values():
        for part in value if isinstance(value, tuple) else ():
            if isinstance(part, Record):
                lean(part)
    return record


@cache
def _names_of(kind: type[Record]) -> set[str]:
    return set(kind.model_fields)


class Said(Record):
    """One message of a turn, as it was said."""

    id: Id
    """The chat message's own id (unique only within its thread's present)."""
    role: Role
    text: str
    name: str | None = None
    """The speaker's name where it is known; None: "user" or the character."""
    at: Moment
    """When it was said, with a time zone."""


class Turn(Record):
    """One exchange, a node in the owner's tree of turns. Written once, never changed."""

    id: Id
    """Random, 32 hex characters."""
    parent: Id | None
    """The turn this one follows; None for the first of a conversation."""
    thread: Id
    """The thread it was said on."""
    seq: Seq = 0
    """The owner's sequence number, given by the journal; later means larger."""
    at: Moment
    """When the reply was complete, with a time zone."""
    messages: Annotated[tuple[Said, ...], Field(min_length=1)]
    """What the user said (one or more messages) and the reply (last)."""

    def ref(self, index: int) -> str:
        """Return the reference to one of its messages: `turn id/position`."""
        return f"{self.id}/{index}"


def turn_of(message_ref: str) -> str:
    """Return the id of the turn that a message reference points into."""
    return message_ref.partition("/")[0]


class Episode(Record):
    """An unbroken run of turns, folded: its summary and the turns verbatim. Written once."""

    id: Id
    """Derived from its turns' ids, so folding a window twice gives the same episode."""
    thread: Id
    summary: str
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]
    """Oldest first."""
    extractive: bool = False
    """True where no language model wrote the summary."""
    coverage: Share | None = None
    """Share (0 to 1) of the window's names, numbers, dates and negations the summary keeps."""
    score: Share | None = None
    """The memory model's own score of the summary, 0 to 1; None where none was given."""
    missing: tuple[str, ...] = ()
    """Details that the check found missing."""
    without: tuple[str, ...] = ()
    """What was withheld when the summary was made: turns, and the episode for an older one."""

    def tells(self, withheld: Container[str]) -> bool:
        """Return whether the summary may say something that is withheld."""
        ids = (self.id, *(turn.id for turn in self.turns))
        return any(id in withheld and id not in self.without for id in ids)

    @property
    def begun(self) -> datetime:
        """When its first turn was said."""
        return self.turns[0].at

    @property
    def ended(self) -> datetime:
        """When its last turn was said."""
        return self.turns[-1].at

    @property
    def seq(self) -> int:
        """The sequence number of its first turn."""
        return self.turns[0].seq


class Fact(Record):
    """One atomic, dated, sourced statement. A newer one supersedes; none is overwritten."""

    id: Id
    """Derived from its text and sources."""
    text: str
    """Self-contained: who and what, with names and numbers. Empty for a deleted fact."""
    kind: str = "other"
    """What it is about: identity, place, work, relation, health, plan, event, other; or what the
    user asks for once and for all: instruction, preference."""
    subject: str = "user"
    """Whom or what it is about."""
    slot: str | None = None
    """What has one value at a time ("home", "employer"); None: many can stand together."""
    sources: tuple[str, ...]
    """Message references (`turn id/position`) it was drawn from, first the one that stated it."""
    observed_at: Moment
    """When the source message was said."""
    valid_from: Moment
    """From when it was true (a resolved "since last Friday"), else `observed_at`."""
    supersedes: tuple[str, ...] = ()
    """Ids of the facts that this one replaces."""
    edited: bool = False
    """True for a fact that the user wrote in place of another, or that is left of a message of
    which something was forgotten: no message is quoted for it."""
    deleted: bool = False
    """A tombstone: only id and sources are kept, so that it is never extracted again."""


class Attribute(Record):
    """One value of one attribute of an entity, with where it comes from."""

    name: str
    value: str
    source: str
    """Message reference it was drawn from."""
    valid_from: Moment


class Entity(Record):
    """A person, place, organization or product, with the history of its attributes."""

    id: Id
    """Derived from kind and name, so that mentions meet."""
    name: str
    kind: Literal["person", "place", "organization", "product", "other"] = "other"
    aliases: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    """All values ever stated; the current one of a name is the latest live one."""
    sources: tuple[str, ...] = ()
    """Message references that mention it."""


class Recalled(Record):
    """One recalled item, as it goes into the prompt."""

    id: str
    """A message reference for evidence, else the record's id."""
    kind: RecallKind
    score: float
    text: str
    """The line as the prompt shows it, without its date heading."""
    at: datetime
    """When it was said, or from when it was true."""
    speaker: str | None = None
    why: dict[str, float] = Field(default_factory=dict)
    """The signals that ranked it, strongest first, by name."""
    tokens: int = 0
    """Tokens it costs in the prompt."""
