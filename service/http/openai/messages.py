"""What an OpenAI client sends and is answered: the request checked by types, and the replies."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, field_validator

from domain.clean_text import cleaned
from domain.histories import exchanges
from models.parts import text_of
from service.conversation import Content

UNSUPPORTED = ("response_format", "logprobs", "audio", "prediction")
"""Parameters that would change what a reply is, and that a memory cannot honour."""
NO_CACHE = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""Headers of a stream: proxies pass it on as it comes."""
TOOL_CHOICES = ("tool_choice", "function_call")
"""Parameters that may ask for the call of a tool; offered tools alone leave the model free."""


class StreamOptions(BaseModel):
    """How a stream ends."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = None


LONGEST_NAME = 64
"""Characters of a speaker's name at most, as OpenAI has it."""


class Message(BaseModel):
    """One message of a client's history."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    name: Any = Field(default=None, description="Who of several says it, read of the newest.")
    tool_calls: list[Any] | None = None

    @property
    def only_calls(self) -> bool:
        """Whether it calls tools and says nothing."""
        return bool(self.tool_calls) and not self.text.strip()

    @property
    def text(self) -> str:
        """Its text, with notes where its images and other parts stand, as it is remembered."""
        return text_of(self.content or "")


class CompletionRequest(BaseModel):
    """A request for a reply. Parameters that steer sampling are accepted and not used."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=512, description="The character's id.")
    messages: list[Message] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    user: str | None = Field(
        default=None, max_length=1024, description="Who is talking, where no token says so."
    )
    timezone: str | None = Field(
        default=None, max_length=128, description="Where they are, as Europe/Berlin."
    )

    @field_validator("messages", mode="before")
    @classmethod
    def _whole_characters(cls, messages: Any) -> Any:
        """Clean what is said: clients cut texts inside an emoji, and send them with every turn."""
        return cleaned(messages)

    def check(self) -> None:
        """Refuse what cannot be honoured.

        Raises:
            HTTPException: 400, naming the parameter.
        """
        if self.n not in (None, 1):
            raise HTTPException(400, '"n" must be 1: a conversation has one reply.')
        extra = self.model_extra or {}
        for name in UNSUPPORTED:
            value = extra.get(name)
            plain = name == "response_format" and value == {"type": "text"}
            if value and not plain:
                raise HTTPException(400, f'"{name}" is not supported here: leave it out.')
        for name in TOOL_CHOICES:
            if extra.get(name) not in (None, "auto", "none"):
                raise HTTPException(400, f'"{name}" must be "auto" or "none": no tool is called.')


@dataclass(frozen=True)
class Asked:
    """A client's messages, taken apart."""

    persona: str | None
    """Its system messages; None where there is none."""
    history: tuple[tuple[str, str], ...]
    """What was said before, as pairs of what the user said and the reply."""
    newest: Content
    """What the user says now."""
    name: str | None
    """Who says it; None where no one person does."""


def taken_apart(messages: Sequence[Message]) -> Asked:
    """Return what a client's messages say; what another model's tools said is left out.

    Raises:
        HTTPException: 400 if the last one is not the user's, or its name cannot be used.
    """
    system = [m.text for m in messages if m.role in ("system", "developer") and m.text.strip()]
    talk = [m for m in messages if m.role in ("user", "assistant") and not m.only_calls]
    if not talk or talk[-1].role != "user":
        raise HTTPException(400, "The last message must be the user's: there is nothing to answer.")
    newest = [talk.pop()]
    while talk and talk[-1].role == "user":
        newest.insert(0, talk.pop())
    names = [message.name or None for message in newest]
    for name in filter(None, names):
        if not isinstance(name, str) or len(name) > LONGEST_NAME:
            raise HTTPException(400, f'"name" must be text of at most {LONGEST_NAME} characters.')
    name = names[0] if len(set(names)) == 1 else None
    return Asked(
        "\n\n".join(system) or None,
        tuple(exchanges((m.role, m.text) for m in talk)),
        _content(newest),
        name,
    )


def _content(messages: Sequence[Message]) -> Content:
    """Return the content of messages as that of one."""
    if len(messages) == 1 and isinstance(messages[0].content, list):
        return list(messages[0].content)
    if all(not isinstance(message.content, list) for message in messages):
        return "\n\n".join(message.text for message in messages)
    parts: list[str | dict[Any, Any]] = []
    for message in messages:
        if isinstance(message.content, list):
            parts += message.content
        else:
            parts.append({"type": "text", "text": message.text})
    return parts


class Usage(BaseModel):
    """What a reply cost, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


def completion(id: str, model: str, at: int, reply: str, usage: Usage) -> dict[str, Any]:
    """Return a whole reply."""
    message = {"role": "assistant", "content": reply, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        "id": id,
        "object": "chat.completion",
        "created": at,
        "model": model,
        "choices": [choice],
        "usage": usage.model_dump(),
    }


def chunk(
    id: str,
    model: str,
    at: int,
    delta: dict[str, Any] | None,
    finish: str | None = None,
    usage: Usage | None = None,
) -> dict[str, Any]:
    """Return a part of a streamed reply; with `usage` and without `delta`, its end."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": id,
        "object": "chat.completion.chunk",
        "created": at,
        "model": model,
        "choices": choices,
        "usage": usage.model_dump() if usage else None,
    }


def new_id() -> str:
    """Return the id of a new reply."""
    return f"chatcmpl-{uuid4().hex}"


def event_of(value: dict[str, Any]) -> str:
    """Return a server-sent event that holds a value."""
    return f"data: {json.dumps(value)}\n\n"
