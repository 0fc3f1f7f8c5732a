"""The forms a language model fills in, and finding them in its answer.

Their schemas obey the strict rules of OpenAI: no defaults, no free keys. Nothing calls a model.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from langchain_core.messages import BaseMessage
from pydantic import BaseModel, Field, ValidationError

from domain.facts.extraction import EntityKind, FactKind
from models.errors import MalformedReply
from models.memory.protocol import Score
from models.provider.replies import was_cut
from models.provider.reply_text import cleaned, shown
from models.weak_json import repaired

_BEHIND_ITEM = re.compile(r"\}\W*\w*\W*\Z")
"""The end of an answer that was cut between two items, or in the name of a field."""
_STARTS = 20
"""Brackets in an answer at which its form is looked for."""


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


@cache
def schema(form: type[BaseModel]) -> dict[str, Any]:
    """Return a form as a JSON schema with the name that the model sees."""
    return form.model_json_schema() | {"title": form.__name__}


def without_thoughts(text: str) -> str:
    """Return an answer's text without the thinking that some models put before it."""
    return shown(text, final=True).strip()


def read_object(reply: BaseMessage, form: type[BaseModel]) -> dict[str, Any]:
    """Return the filled-in form in a reply: the arguments of its call, or the JSON in its text.

    Prose around it, code fences, trailing commas and a bare list are read through.

    Raises:
        MalformedReply: If there is none.
    """
    calls = getattr(reply, "tool_calls", None)
    if calls:
        arguments: dict[str, Any] = calls[0]["args"]
        return arguments
    text = without_thoughts(reply.text)
    for start in [match.start() for match in re.finditer(r"[{\[]", text)][:_STARTS]:
        value = _as_form(cleaned(_loads(text[start:], was_cut(reply))), form)
        if value is not None:
            return value
    raise MalformedReply("The model's answer is not in the form that was asked for.")


def _loads(text: str, cut: bool) -> Any:
    """Return JSON, also such as is nearly some; None for what breaks off before it says a thing.

    The last item of an answer that was cut within it is half of one, and is left empty.
    """
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except RecursionError:
        return None  # a model that repeats itself: nested deeper than Python reads
    except ValueError:
        value = last = repaired(text)
        cut = cut and not _BEHIND_ITEM.search(text)
        while cut and isinstance(last, dict) and last:
            last = list(last.values())[-1]
        if cut and isinstance(last, list) and last:
            last[-1] = {}
        said = list(value.values()) if isinstance(value, dict) else value
        return value if isinstance(said, list) and any(said) else None


def _as_form(value: Any, form: type[BaseModel]) -> dict[str, Any] | None:
    """Return JSON as the form's fields; None if it is something else."""
    if isinstance(value, dict):
        if value.keys() & form.model_fields.keys():
            return value
        inner = next((v for v in value.values() if isinstance(v, dict)), {})
        if inner.keys() & form.model_fields.keys():
            return inner
        value = [value]
    items = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    facts = [item for item in items if "text" in item]
    entities = [item for item in items if "name" in item and "text" not in item]
    if form is ExtractionForm and (facts or entities):
        return {"facts": facts, "entities": entities}
    return None


def read_score(answer: Mapping[str, Any]) -> Score:
    """Return a filled-in score, brought between 0 and 1, with at most ten missing details.

    Raises:
        MalformedReply: If there is no number in it.
    """
    given = answer.get("missing")
    details = given if isinstance(given, list) else []
    try:
        form = ScoreForm.model_validate(
            {"value": answer.get("value"), "missing": [d for d in details if isinstance(d, str)]}
        )
    except ValidationError as error:
        raise MalformedReply("The model's score of a summary is not a number.") from error
    missing = [" ".join(detail.split())[:200] for detail in form.missing]
    missing = [detail for detail in missing if detail]
    return Score(value=min(1.0, max(0.0, form.value)), missing=tuple(missing[:10]))
