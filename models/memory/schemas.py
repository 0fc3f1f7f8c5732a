"""The forms a language model fills in, and reading them: only what rests on real ids is kept.

Their schemas obey the strict rules of OpenAI: no defaults, no free keys. Nothing calls a model.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args

from langchain_core.messages import BaseMessage
from pydantic import BaseModel, Field, ValidationError

from domain.facts.extraction import (
    EntityKind,
    EntityMention,
    Extraction,
    FactChange,
    FactKind,
    Source,
)
from domain.records import Fact
from models.errors import MalformedReply
from models.memory.protocol import Score

_THOUGHTS = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)
"""Some local models think aloud before they answer."""


class _Attribute(BaseModel):
    name: str
    value: str


class _Entity(BaseModel):
    name: str
    kind: EntityKind
    attributes: list[_Attribute]
    source: str = Field(description="Id of the message that names it, such as m1.")


class _Fact(BaseModel):
    op: Literal["add", "supersede", "confirm", "forget"]
    target: str | None = Field(description="Id of the known fact, such as f1; null for add.")
    text: str
    kind: FactKind
    subject: str = Field(description='Whom it is about: "user" or a name.')
    slot: str | None
    source: str = Field(description="Id of the message that states it, such as m1.")
    when: str | None


class ExtractionForm(BaseModel):
    """What the messages state."""

    facts: list[_Fact]
    entities: list[_Entity]


class ScoreForm(BaseModel):
    """How good a summary is."""

    value: float = Field(description="0 to 1")
    missing: list[str]


def schema(form: type[BaseModel]) -> dict[str, Any]:
    """Return a form as a JSON schema with the name that the model sees."""
    return form.model_json_schema() | {"title": form.__name__}


def without_thoughts(text: str) -> str:
    """Return a reply's text without the thinking that some models put before it."""
    return _THOUGHTS.sub("", text).strip()


def read_object(reply: BaseMessage) -> dict[str, Any]:
    """Return the object in a reply: the arguments of its call, or the JSON in its text.

    Raises:
        MalformedReply: If there is neither.
    """
    calls = getattr(reply, "tool_calls", None)
    if calls:
        arguments: dict[str, Any] = calls[0]["args"]
        return arguments
    text = without_thoughts(reply.text)
    try:
        found, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
    except ValueError as error:
        raise MalformedReply("The model's answer is not in the form that was asked for.") from error
    value: dict[str, Any] = found
    return value


def read_score(answer: dict[str, Any]) -> Score:
    """Return a filled-in score, brought between 0 and 1, with at most ten missing details.

    Raises:
        MalformedReply: If there is no number in it.
    """
    try:
        given = ScoreForm.model_validate({"missing": []} | answer)
    except ValidationError as error:
        raise MalformedReply("The model's score of a summary is not a number.") from error
    missing = tuple(" ".join(detail.split())[:200] for detail in given.missing if detail.strip())
    return Score(value=min(1.0, max(0.0, given.value)), missing=missing[:10])


def read_extraction(
    answer: dict[str, Any], messages: Sequence[Source], known: Sequence[Fact]
) -> Extraction:
    """Return what an answer holds that rests on a real message, with ids in place of numbers.

    Raises:
        MalformedReply: If it is another form.
    """
    if not answer.keys() & {"facts", "entities"}:
        raise MalformedReply("The model's answer holds neither facts nor entities.")
    sources = {f"m{number}": source.ref for number, source in enumerate(messages, 1)}
    targets = {f"f{number}": fact.id for number, fact in enumerate(known, 1)}
    facts = [
        fact
        for item in answer.get("facts") or ()
        if isinstance(item, dict) and (fact := _fact(item, sources, targets))
    ]
    entities = [
        entity
        for item in answer.get("entities") or ()
        if isinstance(item, dict) and (entity := _entity(item, sources))
    ]
    return Extraction(facts=facts, entities=entities)


def _fact(
    item: dict[str, Any], sources: dict[str, str], targets: dict[str, str]
) -> FactChange | None:
    target = targets.get(str(item.get("target")))
    known = item | {
        # A statement that names a fact nobody knows is still a statement.
        "op": item.get("op") if target or item.get("op") == "forget" else "add",
        "target": target if item.get("op") != "add" else None,
        "source": sources.get(str(item.get("source"))),
        "kind": item.get("kind") if item.get("kind") in get_args(FactKind) else "other",
        "subject": str(item.get("subject") or "user"),
        "slot": item.get("slot") or None,
        "when": item.get("when") or None,
        "text": " ".join(str(item.get("text") or "").split()),
    }
    try:
        fact = FactChange.model_validate(known)
    except ValidationError:
        return None
    return fact if fact.text else None


def _entity(item: dict[str, Any], sources: dict[str, str]) -> EntityMention | None:
    attributes = item.get("attributes") or ()
    known = item | {
        "source": sources.get(str(item.get("source"))),
        "kind": item.get("kind") if item.get("kind") in get_args(EntityKind) else "other",
        "attributes": {
            str(each.get("name")): str(each.get("value"))
            for each in attributes
            if isinstance(each, dict) and each.get("name") and each.get("value")
        },
    }
    try:
        entity = EntityMention.model_validate(known)
    except ValidationError:
        return None
    return entity if entity.name.strip() else None
