"""What a memory model reads and hands back: messages; changes to facts, mentions of entities.

What they do to the stored facts is decided in `domain/facts/facts.py`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, Field

from domain.records import Record, Turn

FactKind = Literal[
    "identity",
    "place",
    "work",
    "relation",
    "instruction",
    "preference",
    "health",
    "plan",
    "event",
    "other",
]
EntityKind = Literal["person", "place", "organization", "product", "other"]

_TALK = timedelta(days=1)
"""How long before the work on its messages a talk may have begun."""
_CONTEXT = 200
"""Characters of a line that is shown before a message, so that "Two." makes sense."""


class Source(Record):
    """One message of the user, as a memory model reads it."""

    ref: str
    """Message reference, `turn id/position`."""
    text: str
    speaker: str = "user"
    at: datetime
    before: tuple[str, ...] = ()
    """Lines said just before, as context: they are never a source."""


class FactChange(BaseModel):
    """One statement that a message made, and what it does to a known fact."""

    op: Literal["add", "supersede", "confirm", "forget"] = Field(
        description="add: new; supersede: replaces the known fact `target`, which is no longer "
        "true; confirm: says the known fact `target` again; forget: the message wants `text`, "
        "and the known fact `target` where there is one, forgotten or taken back."
    )
    target: str | None = Field(default=None, description="Id of the known fact, unless op is add.")
    also: tuple[str, ...] = Field(
        default=(), description="Ids of further known facts that are no longer true with it."
    )
    text: str = Field(description="One self-contained sentence with names, numbers, negations.")
    kind: FactKind = "other"
    subject: str = Field(default="user", description='Whom it is about: "user" or a name.')
    slot: str | None = Field(
        default=None,
        description='What can have only one value at a time, such as "home" or "employer"; '
        "else null.",
    )
    source: str = Field(description="Id of the message that states it.")
    when: str | None = Field(
        default=None, description='From when it is true, in the words used ("since last Friday").'
    )


class EntityMention(BaseModel):
    """A person, place, organization or product that a message names, with what it says of it."""

    name: str
    kind: EntityKind = "other"
    attributes: dict[str, str] = Field(
        default_factory=dict, description="Short attribute names to values."
    )
    source: str = Field(description="Id of the message that names it.")
    known: str | None = Field(
        default=None, description="Id of the known entity of which an attribute without value ends."
    )


class Extraction(BaseModel):
    """All that was found in a stretch of messages."""

    facts: list[FactChange] = Field(default_factory=list)
    entities: list[EntityMention] = Field(default_factory=list)
    dropped: int = 0
    """Facts and entities left out, since nothing that was said supports them."""

    def joined(self, other: "Extraction") -> "Extraction":
        """Return both together."""
        return Extraction(
            facts=self.facts + other.facts,
            entities=self.entities + other.entities,
            dropped=self.dropped + other.dropped,
        )


def sources_of(turns: Sequence[Turn], around: Iterable[Turn], now: datetime) -> list[Source]:
    """Return what the user said in these turns, each message with its reference.

    Args:
        turns: The turns to read, in order.
        around: Further turns, for the lines before a message: context, never a source.
        now: No message was said after it: one that says so was told by a wrong clock, and counts
            as said when the next one was.
    """
    by_id = {turn.id: turn for turn in (*around, *turns)}
    read = {turn.id for turn in turns}
    sources = []
    for turn in turns:
        parent = by_id.get(turn.parent or "")
        lines = [
            f"{'User' if said.role == 'user' else 'Agent'}: {said.text[:_CONTEXT]}"
            for said in (parent.messages if parent else ())
            # A message of the user that is read itself needs no second showing.
            if said.role == "assistant" or turn.parent not in read
        ]
        for index, said in enumerate(turn.messages):
            if said.role != "user":
                continue
            sources.append(
                Source(
                    ref=turn.ref(index),
                    text=said.text,
                    speaker=said.name or "user",
                    at=said.at,
                    before=tuple(lines),
                )
            )
            lines = []
    return _none_after(sources, now)


def begun(sources: Iterable[Source], now: datetime) -> datetime:
    """Return when the talk begins that leads up to `now`; old messages, brought in, are none of it.

    So what a clock that was ahead dated later than `now` was told before that.
    """
    return min([now, *(source.at for source in sources if now - _TALK <= source.at)])


def _none_after(sources: Sequence[Source], now: datetime) -> list[Source]:
    timed: list[Source] = []
    next_at = now
    for source in reversed(sources):
        if source.at > now:
            source = source.model_copy(update={"at": next_at.astimezone(source.at.tzinfo)})
        elif now - _TALK <= source.at:
            next_at = source.at
        timed.append(source)
    return timed[::-1]
