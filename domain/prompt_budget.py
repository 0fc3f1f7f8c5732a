"""What fits into a prompt: packing to a hard token budget, and the report of how it was spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict


def too_large(tokens: int, most: int) -> str:
    """Return what to say of a message that takes more than its share of a prompt."""
    return (
        f"Your message has {tokens} tokens and one message may have {most} here: "
        "please send it in smaller parts."
    )


class Budget(TypedDict):
    """How a prompt spent its tokens. `total` is the sum of the seven shares."""

    persona: int
    summary: int
    buffer: int
    """The last turns verbatim, with the message itself."""
    entities: int
    memories: int
    """Recalled items, with what `search_memory` brought."""
    reply_reserve: int
    total: int
    limit: int
    cached_prefix: float
    """Share (0 to 1) of the prompt's tokens that begin byte for byte like the thread's last one."""


@dataclass(frozen=True)
class Shares:
    """Upper bounds in tokens; what one part leaves free, the buffer may use."""

    limit: int
    reply_reserve: int
    summary: int
    entities: int
    memories: int


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


def allocate(sizes: Sizes, shares: Shares) -> Allocation:
    """Return what fits. Persona and message always do; the rest gives way, oldest first.

    The buffer is packed before recalled memory: what was just said matters most. Summaries
    come before both only within their own share, so that the head of the prompt is stable.

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
    earlier = _newest(sizes.earlier, min(shares.summary, free) - sizes.earlier_frame)
    if earlier:
        free -= sizes.earlier_frame + sum(sizes.earlier[-earlier:])
    entities = _newest(tuple(reversed(sizes.entities)), min(shares.entities, free))
    entity_cost = sum(sizes.entities[:entities])
    memories = sizes.memories <= min(shares.memories, free - entity_cost)
    recalled = entity_cost + (sizes.memories if memories else 0)
    buffer = _newest(sizes.buffer, free - recalled)
    if buffer < len(sizes.buffer) and recalled:
        # The conversation at hand goes before what was recalled for it.
        buffer, entities, memories = _newest(sizes.buffer, free), 0, False
    return Allocation(earlier=earlier, buffer=buffer, entities=entities, memories=memories)


def _newest(sizes: Sequence[int], room: int) -> int:
    """Return how many from the end fit into `room`."""
    count = 0
    for size in reversed(sizes):
        room -= size
        if room < 0:
            break
        count += 1
    return count
