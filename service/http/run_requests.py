"""What a run on a LangGraph server may bring, checked before it starts. Reads no store."""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import convert_to_messages
from pydantic import BaseModel, ValidationError

from nodes.state import ChatContext, ChatInput

_ENDS = ("__end__", ["__end__"])
"""The one place a client may send a thread to: the end, as some do to be done with a breakpoint."""


def check_run(run: Mapping[str, Any]) -> None:
    """Refuse what no step could read, or what would go around the steps before it.

    Args:
        run: The arguments of a run, as the server took them from the request.

    Raises:
        ValueError: In one sentence, if its context, input or command is not as it must be.
    """
    _check_types("context", ChatContext, run.get("context") or {})
    command = run.get("command") or {}
    if command.get("goto") and command["goto"] not in _ENDS:
        raise ValueError('A turn begins at its beginning: leave out "goto" of the command.')
    for what, values in (("input", run.get("input")), ("update", command.get("update"))):
        if values is not None:
            _check_values(what, values)


def _check_types(what: str, kind: type[BaseModel], values: object) -> None:
    try:
        kind.model_validate(values)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f'"{wrong["loc"][0]}" of the {what}: {wrong["msg"]}.') from error


def _check_values(what: str, values: object) -> None:
    if not isinstance(values, dict):
        raise ValueError(f'The {what} must be an object like {{"messages": [...]}}.')
    foreign = values.keys() - ChatInput.model_fields.keys()
    if foreign and what == "update":
        raise ValueError(f'The update of a command may hold "messages", not "{min(foreign)[:40]}".')
    messages = values.get("messages", [])
    _check_types(what, ChatInput, {**values, "messages": []})
    try:
        convert_to_messages(messages if isinstance(messages, list) else [messages])
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ValueError(
            'A message must be like {"role": "user", "content": "Hello"}; '
            f"this one cannot be read: {reason}"
        ) from error
