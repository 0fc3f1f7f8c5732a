"""What holds of an entity: its attributes as they are now, or were at a time.

Which mentions are of one entity is decided in `entities.py`.
"""

from collections.abc import Container, Iterable
from datetime import datetime
from typing import NamedTuple

from domain.records import Attribute, Entity, turn_of


class Trait(NamedTuple):
    """One thing that holds of an entity now."""

    entity: Entity
    name: str
    value: str


def current_attributes(
    entity: Entity, live_turns: Container[str] | None = None, as_of: datetime | None = None
) -> dict[str, str]:
    """Return the latest value of each attribute, in the order the attributes were first stated.

    Args:
        entity: Whose attributes.
        live_turns: Ids of the live turns, the only ones that count; None: all count.
        as_of: Only what was true from then or before counts; None: everything.
    """
    latest: dict[str, Attribute] = {}
    for attribute in entity.attributes:
        counts = live_turns is None or turn_of(attribute.source) in live_turns
        if counts and (as_of is None or attribute.valid_from <= as_of):
            old = latest.get(attribute.name)
            if old is None or attribute.valid_from >= old.valid_from:
                latest[attribute.name] = attribute
    return {name: attribute.value for name, attribute in latest.items() if attribute.value}


def traits(entities: Iterable[Entity]) -> list[Trait]:
    """Return what holds of entities now, in their order."""
    return [
        Trait(entity, name, value)
        for entity in entities
        for name, value in current_attributes(entity).items()
    ]


def as_told_in(entity: Entity, turns: Container[str]) -> Entity:
    """Return an entity with what these turns said of it alone."""
    said = tuple(each for each in entity.attributes if turn_of(each.source) in turns)
    return entity.model_copy(update={"attributes": said})
