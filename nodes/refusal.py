"""Which turns are refused, each in one sentence for the user; nothing of them is kept."""

from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from domain.prompt_budget import too_large
from nodes.message_stamps import turn_id, waiting_for
from nodes.state import Origin, Parts
from stores.checkpoint_pruning import at_checkpoint

FOREIGN = "This thread belongs to another conversation: start a thread of your own."
"""What a turn on another owner's thread is told; it does not name the other."""

LOOK_BACK = 4
"""Newest checkpoints of a thread among which one is from before a run that has just begun."""


class TurnRefused(ValueError):
    """A turn that cannot be taken. Its message is one sentence for the user; nothing is kept."""


def refusal(parts: Parts, origin: Origin, messages: Sequence[AnyMessage]) -> str | None:
    """Return why a turn with these messages cannot be taken; None where it can."""
    if origin.foreign:
        return FOREIGN
    limit = parts.models.learned.limit(origin.tier.context_budget)
    most = int(limit * parts.settings.message_share)
    new = new_messages(messages)
    for message in new:
        problem = _unfit(message)
        if problem is not None:
            return problem
        size = parts.models.tokens.text(message.text)
        if size > most:
            return too_large(size, most)
    waiting = [m for m in messages if waiting_for(m) == origin.owner.key]
    if not any(isinstance(m, HumanMessage) for m in [*new, *waiting]):
        return 'There is no message to answer: send one from the user in "messages".'
    return None


def new_messages(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return the messages that no run has taken yet."""
    return [m for m in messages if turn_id(m) is None and waiting_for(m) is None]


async def just_said(
    parts: Parts, origin: Origin, messages: Sequence[AnyMessage]
) -> list[AnyMessage]:
    """Return which of the new messages came with this run: the thread held the others before."""
    new = new_messages(messages)
    config = at_checkpoint(origin.thread, "", "")
    async for found in parts.stores.checkpointer.alist(config, limit=LOOK_BACK):
        before = {(m.id, m.text) for m in found.checkpoint["channel_values"].get("messages", ())}
        said = [message for message in new if (message.id, message.text) not in before]
        if said:
            return said
    return new


def _unfit(message: AnyMessage) -> str | None:
    """Return what is wrong with a message that a client sent; None if nothing is."""
    if not isinstance(message, HumanMessage | AIMessage):
        return (
            f'A message of the kind "{message.type}" is not taken: send what the user says, and '
            'put instructions into the "persona" of the context.'
        )
    blocks = message.content if isinstance(message.content, list) else []
    if any(isinstance(block, dict) and block.get("type") != "text" for block in blocks):
        return "Only text is understood here: leave out images, sound and files."
    if not message.text.strip():
        return "The message is empty: write something."
    return None
