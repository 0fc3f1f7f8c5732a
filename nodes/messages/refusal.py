"""Which turns are refused, each in one sentence for the user; nothing of them is kept."""

import asyncio
import json
from collections.abc import Sequence
from typing import NoReturn

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.config import get_config

from domain.clean_text import LONGEST_NAME, clean
from domain.prompt_budget import too_large
from models.parts import has_parts, is_part
from nodes.messages.checked_state import signatures_of
from nodes.messages.stamps import turn_id, waiting_for
from nodes.run_marks import BY_NAME
from nodes.state import Origin, Parts
from stores.checkpoint_pruning import at_checkpoint

FOREIGN = "This thread belongs to another conversation: start a thread of your own."
"""What a turn on another owner's thread is told; it does not name the other."""

RESET = (
    "This memory was reset while more than one message waited here: send again what is still to "
    "be answered."
)
"""What a turn is told that brings what was said before a reset, as nothing tells what is new of it:
a fork from where a message waited that began in the same moment."""
MOST_MESSAGES = 1_000
"""Messages that a turn brings at most: to look at more would hold everybody else up."""
LOOK_BACK = 4
"""Newest checkpoints of a thread among which one is from before a run that has just begun."""


class TurnRefused(ValueError):
    """A turn that cannot be taken. Its message is one sentence for the user; nothing is kept."""


def refuse(sentence: str) -> NoReturn:
    """Raise a refusal; for whom only sees its name, that says it.

    Raises:
        TurnRefused: Always.
    """
    if get_config()["configurable"].get(BY_NAME):
        raise type(sentence, (TurnRefused,), {})(sentence)
    raise TurnRefused(sentence)


async def refusal(
    parts: Parts, origin: Origin, messages: Sequence[AnyMessage], persona: str | None = None
) -> str | None:
    """Return why a turn with these messages, and this persona, cannot be taken; None if it can."""
    if origin.foreign:
        return FOREIGN
    if persona and (problem := _too_long("persona", persona, parts)):
        return problem
    new = new_messages(messages)
    if origin.reset and len(new) > 1:
        return RESET
    if len(new) > MOST_MESSAGES:
        return too_many(len(new))
    for message in new:
        problem = await _problem(parts, origin, message)
        if problem is not None:
            return problem
    waiting = [m for m in messages if waiting_for(m) == origin.owner.key]
    if not any(isinstance(m, HumanMessage) for m in [*new, *waiting]):
        return 'There is no message to answer: send one from the user in "messages".'
    return None


def new_messages(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return the messages that no run has taken yet."""
    return [m for m in messages if turn_id(m) is None and waiting_for(m) is None]


async def refused(
    parts: Parts, origin: Origin, messages: Sequence[AnyMessage], state: Sequence[AnyMessage]
) -> list[AnyMessage | RemoveMessage]:
    """Return the update that takes what came with a refused turn out of its thread.

    What came in the place of a message gives way to that again. Also what the thread held before,
    written into its state, and can never be taken goes out; no message of a turn does.

    Args:
        parts: Of the running graph.
        origin: Where the run begins.
        messages: What the turn would have said, with what the stores hold of an edited one.
        state: The messages of the thread's state, with those that came.
    """
    held = {message.id for message in state}
    config = at_checkpoint(origin.thread, "", "")
    new = said = [message for message in new_messages(messages) if message.id in held]
    before: dict[str | None, AnyMessage] = {}
    async for checkpoint in parts.stores.checkpointer.alist(config, limit=LOOK_BACK):
        values = checkpoint.checkpoint["channel_values"]
        before = {message.id: message for message in values.get("messages", ())}
        said = [m for m in new if m.id not in before or before[m.id].content != m.content]
        if said:
            break
    if not origin.foreign and len(new) > MOST_MESSAGES:
        said = new
    elif not origin.foreign:
        old = [m for m in new if m not in said]
        said = [*said, *[m for m in old if await _problem(parts, origin, m) is not None]] or new
    signatures = signatures_of(parts, origin.owner, origin.view.generation)

    def instead(message: AnyMessage) -> AnyMessage | RemoveMessage:
        old = before.get(message.id)
        stays = old and (signatures.valid(old) or old.content != message.content)
        return old if old and stays else RemoveMessage(id=message.id or "")

    return list(map(instead, said))


async def _problem(parts: Parts, origin: Origin, message: AnyMessage) -> str | None:
    """Return why a message cannot be taken; bytes are counted before tokens."""
    problem = _unfit(message)
    if problem is not None:
        return problem
    problem = _too_long("message", _all_of(message), parts)
    if problem is not None:
        return problem
    learned = parts.models.of(origin.owner.character_id).learned
    limit = learned.limit(origin.tier.context_budget)
    most = int(limit * parts.settings.message_share)
    if len(message.text.encode("utf-8", "replace")) <= most:
        return None  # A token has a byte at least.
    tokens = await asyncio.to_thread(parts.models.tokens.text, message.text)
    return too_large(tokens, most) if tokens > most else None


def too_many(count: int) -> str:
    """Return the refusal of a turn that brings more messages than one may."""
    return (
        f"There are {count:,} messages and a turn may bring {MOST_MESSAGES:,}: send what is new, "
        "earlier ones are remembered."
    )


def _too_long(what: str, text: str, parts: Parts) -> str | None:
    size, most = len(text.encode("utf-8", "replace")), parts.settings.message_bytes
    if size <= most:
        return None
    return f"The {what} has {size:,} bytes and may have {most:,}: send it in smaller parts."


def _all_of(message: AnyMessage) -> str:
    """Return all that a message holds, with its parts that are no text."""
    return json.dumps(message.content) if has_parts(message) else message.text


def _unfit(message: AnyMessage) -> str | None:
    """Return what is wrong with a message that a client sent; None if nothing is."""
    if not isinstance(message, HumanMessage | AIMessage):
        return (
            f'A message of the kind "{message.type}" is not taken: send what the user says, and '
            'put instructions into the "persona" of the context.'
        )
    blocks = message.content if isinstance(message.content, list) else []
    blocks = [block for block in blocks if not is_part(block)]
    if any(isinstance(block, dict) and block.get("type") != "text" for block in blocks):
        return "A message may hold text, images, sound and files: leave out what is none of these."
    if any(isinstance(block, dict) and not isinstance(block.get("text"), str) for block in blocks):
        return "The message has a part without text: write something."
    if message.name and len(message.name) > LONGEST_NAME:
        return f"The name of a message may have {LONGEST_NAME} letters: use a shorter one."
    if not clean(message.text).strip() and not has_parts(message):
        return "The message is empty: write something."
    return None
