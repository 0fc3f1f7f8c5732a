"""What a memory model hands back after reading messages: changes to facts, mentions of entities.

Shapes only. What they do to the stored facts is decided in `domain/facts/facts.py`.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from domain.records import Record

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
