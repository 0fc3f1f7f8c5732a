"""What one generation of an owner holds in long-term memory, whole and in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from domain.records import MOST_BYTES, Entity, Episode, Fact, Kind, RecordKey, Turn, lean

Memory = Episode | Fact | Entity


def key_of(record: Memory) -> RecordKey:
    """Return the kind and id of a record."""
    if isinstance(record, Episode):
        return "episode", record.id
    return ("fact" if isinstance(record, Fact) else "entity"), record.id


def too_long(record: Turn | Memory) -> bool:
    """Return whether a text of it has more than anybody's may have; the turns after would wait."""
    pending: list[Any] = [record]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            size = len(value) if value.isascii() else len(value.encode(errors="replace"))
            if size > MOST_BYTES:
                return True
        elif isinstance(value, BaseModel):
            pending += vars(value).values()
        elif isinstance(value, tuple):
            pending += value
    return False


def read_record(kind: Kind, value: Any) -> Memory:
    """Return the record that a stored value is.

    Raises:
        ValueError: If it is none, or longer than any.
    """
    record = MODELS[kind].model_validate(value)
    if too_long(record):
        raise ValueError(f"A text of it has more than {MOST_BYTES:,} bytes.")
    return lean(record)


@dataclass(frozen=True)
class Rows:
    """All that one generation of an owner holds in long-term memory."""

    episodes: tuple[Episode, ...] = ()
    """By sequence number."""
    facts: tuple[Fact, ...] = ()
    """By when they were observed; tombstones too."""
    entities: tuple[Entity, ...] = ()
    """By name."""
    beside: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What lies beside the rows of episodes, by id, as it was written."""

    @classmethod
    def of(cls, records: Iterable[Memory]) -> "Rows":
        """Return records in their order."""
        episodes: list[Episode] = []
        facts: list[Fact] = []
        entities: list[Entity] = []
        for record in records:
            if isinstance(record, Episode):
                episodes.append(record)
            elif isinstance(record, Fact):
                facts.append(record)
            else:
                entities.append(record)
        return cls(
            episodes=tuple(sorted(episodes, key=lambda each: (each.seq, each.id))),
            facts=tuple(sorted(facts, key=lambda each: (each.observed_at, each.id))),
            entities=tuple(sorted(entities, key=lambda each: (each.name.casefold(), each.id))),
        )

    @cached_property
    def by_key(self) -> dict[RecordKey, Memory]:
        """Return the records by kind and id."""
        rows: list[Memory] = [*self.episodes, *self.facts, *self.entities]
        return {key_of(row): row for row in rows}

    @cached_property
    def turns_of_episode(self) -> dict[str, tuple[str, ...]]:
        """Return the turns of each episode, by its id."""
        return {e.id: tuple(turn.id for turn in e.turns) for e in self.episodes}

    @cached_property
    def folded(self) -> dict[str, Turn]:
        """Return the turns of all episodes, by their ids."""
        return {turn.id: turn for episode in self.episodes for turn in episode.turns}

    @cached_property
    def folded_messages(self) -> frozenset[str]:
        """Return the ids of the messages of all turns of episodes."""
        return frozenset(said.id for turn in self.folded.values() for said in turn.messages)

    @cached_property
    def found_by_meaning(self) -> dict[Kind, tuple[str, ...]]:
        """Return the ids of the records that the vector store may find, by kind."""
        return {
            "episode": tuple(self.turns_of_episode),
            "fact": tuple(fact.id for fact in self.facts if not fact.deleted),
            "entity": tuple(entity.id for entity in self.entities),
        }

    def changed(self, now: Mapping[RecordKey, Memory | None]) -> "Rows":
        """Return them with some records as they are `now`; None: there is none any more."""
        after = {**self.by_key, **now}
        return Rows.of(row for row in after.values() if row is not None)


MODELS: dict[Kind, type[Memory]] = {"episode": Episode, "fact": Fact, "entity": Entity}
