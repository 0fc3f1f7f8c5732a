"""What a client of a LangGraph server may bring, checked before anything runs. Reads no store."""

from typing import Any

from langchain_core.messages import convert_to_messages
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nodes.messages.refusal import MOST_MESSAGES, too_many
from nodes.state import ChatContext, ChatInput

_ENDS = ("__end__", ["__end__"])
"""The one place a client may send a thread to: the end, as some do to be done with a breakpoint."""
_YEAR = 366 * 86_400
"""Seconds that a run may wait at most."""
_INTERNAL = "__pregel_"
"""What the names begin with by which the graph's runtime hands itself objects."""


class Place(BaseModel):
    """A place in a conversation, as a client names it."""

    thread_id: str | None = None
    checkpoint_id: str | None = None
    checkpoint_ns: str | None = None
    checkpoint_map: dict[str, str] | None = None


class Configurable(Place):
    """The same beside what else a client or the server says of a run."""

    model_config = ConfigDict(extra="allow")


class RunConfig(BaseModel):
    """What of a run's config a client may set; how a run is carried out is not theirs to say."""

    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    configurable: Configurable = Configurable()


class Before(BaseModel):
    """A place that a history is listed up to."""

    configurable: Place = Place()


class Request(BaseModel):
    """What a LangGraph server takes from a request without a look at its type or size."""

    checkpoint: Place | None = None
    checkpoint_id: str | None = None
    before: Before | None = None
    namespace_prefix: list[str] = Field(default_factory=list)
    after_seconds: float | None = Field(default=None, le=_YEAR)


def check_run(run: dict[str, Any]) -> None:
    """Refuse what no step could read, or what would go around the steps before it.

    Args:
        run: The arguments of a run, as the server took them from the request. What a client
            cannot set, or leaves empty, is taken out of its config and context; the update of a
            command becomes its input.

    Raises:
        ValueError: In one sentence, if its config, context, input or command is not as it must be.
    """
    config = run.get("config") or {}
    _check_types("config", RunConfig, config)
    marks, context = config.get("configurable", {}), run.get("context") or {}
    for part, foreign in (
        (config, config.keys() - RunConfig.model_fields.keys()),
        (marks, [n for n, value in marks.items() if value is None or n.startswith(_INTERNAL)]),
        (context, [name for name, value in context.items() if value is None]),
    ):
        for name in foreign:
            part.pop(name, None)
    _check_types("context", ChatContext, context)
    command = run.get("command") or {}
    update = _mapping(command.get("update"))
    if command.get("goto") and command["goto"] not in _ENDS:
        raise ValueError('A turn begins at its beginning: leave out "goto" of the command.')
    for what, values in (("input", run.get("input")), ("update", update)):
        if values is not None:
            _check_values(what, values)
    if command and not command.get("goto"):
        # Nothing here asks to be resumed with a value: a turn that was stopped just goes on.
        run |= {"command": None, "input": update or run.get("input")}


def _mapping(update: Any) -> Any:
    """Return the update of a command by name, also where it came as pairs of name and value."""
    pairs = isinstance(update, list) and all(
        isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in update
    )
    named = dict(update) if pairs else {}
    return named if pairs and len(named) == len(update) else update


def cut(body: Any) -> None:
    """Leave in a request what a client may say of a thread's state, and of a place in it.

    Of the state they may set `messages`; the rest is the graph's.

    Args:
        body: The body of the request, or those of a batch.

    Raises:
        ValueError: In one sentence, if the messages or the place cannot be read.
    """
    for one in body if isinstance(body, list) else [body]:
        if isinstance(one, dict):
            _cut(one)


def _cut(body: dict[str, Any]) -> None:
    before = body.get("before")
    if isinstance(before, str):
        before = {"checkpoint_id": before}
    if isinstance(before, dict) and "configurable" not in before:  # Clients send the bare place.
        before = {"configurable": before}
    _check_types("request", Request, {**body, "before": before})
    if before:
        body["before"] = {"configurable": _place(before["configurable"])}
    if body.get("checkpoint"):
        body["checkpoint"] = _place(body["checkpoint"])
    steps = body.get("supersteps")
    for step in steps if isinstance(steps, list) else ():
        updates = step.get("updates") if isinstance(step, dict) else None
        for update in updates if isinstance(updates, list) else ():
            if isinstance(update, dict) and update.get("command"):
                raise ValueError('A step of a thread may hold "values", and no command.')
            _cut_values(update)
    _cut_values(body)


def _place(place: dict[str, Any]) -> dict[str, Any]:
    return {n: v for n, v in place.items() if n in Place.model_fields and v is not None}


def _cut_values(update: Any) -> None:
    if isinstance(update, dict) and (values := update.get("values")) is not None:
        if isinstance(values, dict):
            values = {name: values[name] for name in ("messages",) if name in values}
        _check_values("values", values)
        update["values"] = values


def _check_types(what: str, kind: type[BaseModel], values: object) -> None:
    try:
        kind.model_validate(values)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, wrong["loc"]))[:100]
        raise ValueError(f'"{name}" of the {what}: {wrong["msg"]}.') from error


def _check_values(what: str, values: object) -> None:
    if not isinstance(values, dict):
        raise ValueError(f'The {what} must be an object like {{"messages": [...]}}.')
    foreign = values.keys() - ChatInput.model_fields.keys()
    if foreign and what == "update":
        raise ValueError(f'The update of a command may hold "messages", not "{min(foreign)[:40]}".')
    messages = values.get("messages", [])
    _check_types(what, ChatInput, {**values, "messages": []})
    messages = messages if isinstance(messages, list) else [messages]
    if len(messages) > MOST_MESSAGES:
        raise ValueError(too_many(len(messages)))
    try:
        convert_to_messages(messages)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ValueError(
            'A message must be like {"role": "user", "content": "Hello"}; '
            f"this one cannot be read: {reason}"
        ) from error
