"""How messages come into a thread: each by its id, and such as have none stay apart."""

from typing import Any

from langchain_core.messages import RemoveMessage, convert_to_messages
from langgraph.graph.message import Messages, add_messages


def merged(left: Messages, right: Messages) -> Messages:
    """Return a thread's messages with those that come, as LangGraph's `add_messages` does.

    An empty id names no message: LangGraph takes all that have it for one, and keeps the last.
    """
    came: list[Any] = convert_to_messages(right if isinstance(right, list) else [right])
    for at, message in enumerate(came):
        if message.id == "" and not isinstance(message, RemoveMessage):
            came[at] = message.model_copy(update={"id": None})
    return add_messages(left, came)
