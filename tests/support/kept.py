"""What the stores hold of an owner and what a prompt shows, read so that tests can judge both.

Nothing here is a test.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage

from domain.owner import Owner
from domain.records import Entity, Episode, Fact, Turn
from domain.turns import unbroken
from nodes.prompt import BORROWED, EARLIER, RECALLED
from nodes.state import Parts
from tests.support.models.scripted import marks


@dataclass(frozen=True)
class Kept:
    """One reading of what the stores hold of an owner."""

    journal: dict[str, Turn]
    episodes: Sequence[Episode]
    facts: Sequence[Fact]
    entities: Sequence[Entity]
    refs: dict[str, str]
    claimed: frozenset[str]
    """Turns of a window that somebody has claimed."""

    @property
    def turns(self) -> dict[str, Turn]:
        """All turns by id."""
        return {turn.id: turn for e in self.episodes for turn in e.turns} | self.journal

    @property
    def labels(self) -> dict[str, str]:
        """Turn id to the marker of its reply, which no other turn has."""
        return {id: marks(turn.messages[-1].text)[0] for id, turn in self.turns.items()}

    @property
    def text(self) -> str:
        """All that is kept, as text."""
        records = (*self.journal.values(), *self.episodes, *self.facts, *self.entities)
        return "\n".join(record.model_dump_json() for record in records)

    def once(self) -> None:
        """Check that no turn is in two episodes, and that each episode is an unbroken run."""
        folded = [turn.id for episode in self.episodes for turn in episode.turns]
        assert len(folded) == len(set(folded)), "a turn is in two episodes"
        assert all(unbroken(episode.turns) for episode in self.episodes), "an episode has a gap"
        twice = set(folded) & set(self.journal) - self.claimed
        assert not twice, "a turn is in an episode and still in the journal"


async def kept_of(parts: Parts, owner: Owner) -> Kept:
    """Read all that the stores hold of an owner's present generation."""
    view = await parts.stores.journal.read(owner)
    rows = await parts.stores.memories.all(owner, view.generation)
    return Kept(
        journal=view.turns,
        episodes=rows.episodes,
        facts=rows.facts,
        entities=rows.entities,
        refs=view.refs,
        claimed=frozenset(view.claim.turns if view.claim else ()),
    )


@dataclass(frozen=True)
class Seen:
    """One prompt, taken apart."""

    earlier: str
    borrowed: str
    buffer: str
    recalled: str
    """The lines recalled for this message."""
    newest: str
    """The message to be answered."""
    text: str
    """All of it."""


BLOCK = re.compile(r'<memory id="(\w+)">\n(.*?)\n</memory id="\1">', re.DOTALL)
"""Remembered text between its delimiters; blocks and messages of one role share a message."""


def seen(prompt: Sequence[BaseMessage]) -> Seen:
    """Take a prompt apart."""
    texts = [message.text for message in prompt]
    blocks = [match[2] for text in texts[1:] for match in BLOCK.finditer(text)]
    said = [BLOCK.sub("", text).strip() for text in texts[1:]]

    def block(heading: str) -> str:
        return next((text for text in blocks if text.startswith(heading)), "")

    return Seen(
        earlier=block(EARLIER),
        borrowed=block(BORROWED),
        buffer="\n".join(said[:-1]),
        recalled="\n".join(text.partition(RECALLED)[2] for text in blocks),
        newest=said[-1],
        text="\n".join(texts),
    )
