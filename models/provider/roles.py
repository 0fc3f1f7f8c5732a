"""The order of a prompt's roles, as the strictest chat templates want it. Pure."""

from collections.abc import Sequence
from itertools import groupby

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

BETWEEN = "\n\n"
"""What stands between two messages that became one."""


def alternating(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a prompt in which neighbours of one role are one message."""
    return [joined(list(run)) for _, run in groupby(messages, lambda message: message.type)]


def joined(messages: Sequence[BaseMessage]) -> BaseMessage:
    """Return one message that says what all of these say; parts that are no text stay."""
    first, *rest = messages
    if not rest:
        return first
    if all(isinstance(message.content, str) for message in messages):
        return type(first)(content=BETWEEN.join(str(m.content) for m in messages))
    blocks: list[str | dict[str, object]] = []
    for message in messages:
        content = message.content
        blocks += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return type(first)(content=blocks)


def without_system(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a prompt whose system message stands in front of the first user message."""
    if not messages or not isinstance(messages[0], SystemMessage):
        return list(messages)
    system, *rest = messages
    return alternating([HumanMessage(content=system.content), *rest])


def without_tool_role(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a prompt in which what tools answered stands in front of the message to answer."""
    told = [HumanMessage(m.text) for m in messages if isinstance(m, ToolMessage)]
    rest = [
        message
        for message in messages
        if not isinstance(message, ToolMessage)
        and not (isinstance(message, AIMessage) and message.tool_calls)
    ]
    return alternating([*rest[:-1], *told, *rest[-1:]])
