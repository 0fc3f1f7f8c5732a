"""The forms a language model fills in; where they are found in its answer is `read_form`.

Their schemas obey the strict rules of OpenAI: no defaults, no free keys. Nothing calls a model.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from domain.facts.extraction import EntityKind, FactKind
from models.errors import MalformedReply
from models.memory.protocol import Score


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
    target: str | None = Field(description="Ids of what is known, such as f1; null for add.")
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
