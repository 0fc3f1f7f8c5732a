"""What an owner may see of their memory: live turns and episodes, facts with history, entities.

The one reading behind the command line's lists and the routes; nothing here changes anything.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from pydantic import Field

from domain.facts.entities import with_ends
from domain.facts.facts import Standing, standing, withheld
from domain.folding import live_journal
from domain.owner import Owner
from domain.records import Entity, Episode, Fact, Recalled, Turn, turn_of
from domain.turns import live, parents_of

if TYPE_CHECKING:
    from stores.open import Stores


@dataclass(frozen=True)
class MemoryView:
    """One reading of what is remembered of an owner."""

    generation: str | None
    """What was read under; what is changed of it must be written under the same."""
    episodes: list[Episode]
    """Oldest first; only those whose turns are all live."""
    facts: list[Standing]
    """Those that hold and those that were superseded; deleted ones are not among them."""
    entities: list[Entity]
    """By name; with what live turns say of them, the earlier values of an attribute too."""


class FactShown(Fact):
    """A fact and whether it still holds, as programs read it."""

    current: bool = Field(description="False where a newer fact superseded it.")
    superseded_by: str | None = Field(description="Id of the fact that ended it.")
    until: datetime | None = Field(description="When it ended.")

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """Return a fact with how it stands."""
        return cls(
            **standing.fact.model_dump(),
            current=standing.current,
            superseded_by=standing.superseded_by,
            until=standing.until,
        )


async def remembered(
    stores: "Stores", owner: Owner, *, as_of: datetime | None = None
) -> MemoryView:
    """Read what is remembered of an owner: facts as they were at `as_of`, by default now.

    Raises:
        StoreUnavailable: If a store does not answer.
    """
    view = await stores.journal.read(owner)
    rows = await stores.memories.all(owner, view.generation)
    reached = live(view.refs.values(), parents_of(view.turns.values(), rows.episodes))
    shown = [e for e in rows.episodes if all(turn.id in reached for turn in e.turns)]
    shown_turns = reached - withheld(rows.facts) - view.withheld
    facts = standing(rows.facts, reached, as_of)
    entities = [_as_of_turns(with_ends(each, facts), shown_turns) for each in rows.entities]
    return MemoryView(
        generation=view.generation,
        episodes=shown,
        facts=facts,
        entities=[entity for entity in entities if entity is not None],
    )


async def recent(stores: "Stores", owner: Owner) -> list[Turn]:
    """Return the live turns that no episode holds, oldest first."""
    view = await stores.journal.read(owner)
    return live_journal(view, view.refs.values())


async def transcript(stores: "Stores", owner: Owner, thread: str | None = None) -> list[Turn]:
    """Return every live turn, or every one of a thread, oldest first."""
    view = await stores.journal.read(owner)
    episodes = await stores.memories.episodes(owner, view.generation)
    turns = {turn.id: turn for episode in episodes for turn in episode.turns} | view.turns
    refs = [ref for id, ref in view.refs.items() if thread in (None, id)]
    reached = live(refs, parents_of(view.turns.values(), episodes))
    return sorted((turns[id] for id in reached), key=lambda turn: (turn.seq, turn.id))


async def look_up(
    stores: "Stores",
    owner: Owner,
    query: str,
    *,
    budget: int,
    now: datetime,
    as_of: datetime | None = None,
) -> tuple[Recalled, ...]:
    """Return what would be recalled for a message, within `budget` tokens.

    Only what was said, or true, by `as_of`; `now` is the present where the user is.

    Raises:
        StoreUnavailable: If a store does not answer.
        ModelError: If the query cannot be embedded.
    """
    view = await stores.journal.read(owner)
    recollection = await stores.recall.recall(
        owner, view, query, budget=budget, now=now, as_of=as_of
    )
    return recollection.items


def _as_of_turns(entity: Entity, turns: frozenset[str]) -> Entity | None:
    """Return an entity with what these turns say of it; None if none of them names it."""
    sources = tuple(ref for ref in entity.sources if turn_of(ref) in turns)
    attributes = tuple(
        attribute for attribute in entity.attributes if turn_of(attribute.source) in turns
    )
    if not sources and not attributes:
        return None
    return entity.model_copy(update={"sources": sources, "attributes": attributes})
