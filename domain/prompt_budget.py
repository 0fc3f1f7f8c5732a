"""What fits into a prompt: packing to a hard token budget, and the report of how it was spent."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict


def too_large(tokens: int, most: int) -> str:
    """Return what to say of a message that takes more than its share of a prompt."""
    return (
        f"Your message has {tokens} tokens and one message may have {most} here: "
        "please send it in smaller parts."
    )


@with_config(ConfigDict(use_attribute_docstrings=True))
class Budget(TypedDict):
    """How a prompt spent its tokens. `total` is the sum of the seven shares."""

    persona: int
    summary: int
    buffer: int
    """The last turns verbatim, with the message itself."""
    entities: int
    memories: int
    """Recalled items and the user's lasting wishes, with what `search_memory` brought."""
    reply_reserve: int
    total: int
    limit: int
    cached_prefix: float
    """Share (0 to 1) of the prompt's tokens that begin byte for byte like the thread's last one."""


@dataclass(frozen=True)
class Shares:
    """Bounds in tokens; what one part leaves free, the buffer may use."""

    limit: int
    reply_reserve: int
    summary: int
    entities: int
    buffer: int
    """What the buffer holds before its older half is folded."""
    memories: int
    """What recall may always take."""
    wishes: int = 0
    """What is shown of the user's lasting wishes."""

    def recall(self, persona: int, message: int, buffer: int) -> int:
        """Return what recall may take: its share, and what the buffer leaves of its own, in tokens.

        So prompts stay as large as they are, whether a fold just emptied the buffer or is about
        to. Of what both have between them, recall takes half at most.
        """
        free = self.limit - self.reply_reserve - persona - message - self.wishes
        free -= self.summary + self.entities
        grown = max(self.memories, self.buffer + self.memories - buffer)
        return max(0, min(grown, free // 2))


@dataclass(frozen=True)
class Sizes:
    """What each part would cost in tokens, every list oldest first (entities: best first)."""

    persona: int
    message: int
    earlier: Sequence[int]
    earlier_frame: int
    """The earlier block's own lines, paid once if it shows anything."""
    buffer: Sequence[int]
    entities: Sequence[int]
    memories: int
    """The recalled block as packed by recall; it goes in whole or not at all."""
    frame: int
    """The lines around what belongs to this message alone (date, delimiters)."""
    wishes: int = 0
    """The block of what the user asked for once and for all; it goes in whole or not at all."""


@dataclass(frozen=True)
class Allocation:
    """What goes in: counts from the end (newest) or the beginning (entities)."""

    earlier: int
    """How many of the newest summaries."""
    buffer: int
    """How many of the newest buffer pieces."""
    entities: int
    """How many of the best entities."""
    memories: bool
    wishes: bool = False


def allocate(sizes: Sizes, shares: Shares) -> Allocation:
    """Return what fits. Persona and message always do; of the rest the oldest gives way first.

    What the user asked for once and for all goes in before anything else that is remembered.
    Summaries, entities and memories keep their shares, and the oldest of the buffer is left out.
    Only where the buffer would fall below half of what is free does recalled memory make room
    for it, and then entities: what was just said matters most.

    Raises:
        ValueError: If persona, message and reply alone pass the limit.
    """
    free = shares.limit - shares.reply_reserve - sizes.persona - sizes.message - sizes.frame
    if free < 0:
        raise ValueError(
            f"The persona ({sizes.persona} tokens) and the message ({sizes.message} tokens) do "
            f"not fit into a prompt of {shares.limit} tokens: shorten the persona or raise the "
            "tier's context_budget."
        )
    wishes = 0 < sizes.wishes <= free
    free -= sizes.wishes if wishes else 0
    earlier = _newest(sizes.earlier, min(shares.summary, free) - sizes.earlier_frame)
    if earlier:
        free -= sizes.earlier_frame + sum(sizes.earlier[-earlier:])
    entities = _newest(tuple(reversed(sizes.entities)), min(shares.entities, free))
    entity_cost = sum(sizes.entities[:entities])
    memories = sizes.memories <= free - entity_cost
    recalled = entity_cost + (sizes.memories if memories else 0)
    buffer = _newest(sizes.buffer, free - recalled)
    for fewer in ((entities, False), (0, False)):
        if buffer == len(sizes.buffer) or _sum_of(sizes.buffer, buffer) >= free // 2:
            break
        room = free - sum(sizes.entities[: fewer[0]])
        if _newest(sizes.buffer, room) > buffer:
            (entities, memories), buffer = fewer, _newest(sizes.buffer, room)
    return Allocation(
        earlier=earlier, buffer=buffer, entities=entities, memories=memories, wishes=wishes
    )


def _sum_of(sizes: Sequence[int], count: int) -> int:
    """Return what the last `count` take."""
    return sum(sizes[len(sizes) - count :])


def _newest(sizes: Sequence[int], room: int) -> int:
    """Return how many from the end fit into `room`."""
    count = 0
    for size in reversed(sizes):
        room -= size
        if room < 0:
            break
        count += 1
    return count
