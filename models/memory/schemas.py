"""The forms a language model fills in, and reading them: only what rests on real ids is kept.

Their schemas obey the strict rules of OpenAI: no defaults, no free keys. Nothing calls a model.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeVar, get_args

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
from domain.facts.lasting_wishes import LASTING, lasting_wish
from domain.facts.own_words import own_sentences
from domain.facts.support import supported
from domain.records import Fact
from domain.text.sentences import sentences
from domain.text.statements import is_question, only_imagined
from domain.text.terms import content_words, stems
from models.errors import MalformedReply
from models.memory.prompts import day
from models.memory.protocol import Score
from models.provider.replies import was_cut
from models.provider.reply_text import cleaned, shown
from models.weak_json import repaired

_NUMBER = re.compile(r"\d+")
_NOTHING = frozenset(("", "none", "null", "n/a", "na", "nil", "unknown", "-"))
"""How models write that there is nothing, where JSON has null."""
_USER = frozenset(("", "user", "the user", "users", "i", "me", "myself", "speaker", "you"))
"""How models call the user."""
_BY_USER = re.compile(r"^The user\b")
"""How a statement begins that a model noted of whoever speaks."""
_BEHIND_ITEM = re.compile(r"\}\W*\w*\W*\Z")
"""The end of an answer that was cut between two items, or in the name of a field."""
_STARTS = 20
"""Brackets in an answer at which its form is looked for."""


T = TypeVar("T")


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


def read_extraction(
    answer: Mapping[str, Any], messages: Sequence[Source], stored: Sequence[Fact]
) -> Extraction:
    """Return what an answer holds that was said, with ids in place of numbers.

    A fact or entity that neither its message, the context of that message nor the fact it changes
    supports is left out and counted.

    Raises:
        MalformedReply: If it is another form.
    """
    if not answer.keys() & {"facts", "entities"}:
        raise MalformedReply("The model's answer holds neither facts nor entities.")
    facts = [_fact(item, messages, stored) for item in _objects(answer.get("facts"))]
    entities = [_entity(item, messages) for item in _objects(answer.get("entities"))]
    return Extraction(
        facts=[fact for fact in facts if fact is not None],
        entities=[entity for entity in entities if entity is not None],
        dropped=facts.count(None) + entities.count(None),
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _fact(
    item: dict[str, Any], messages: Sequence[Source], stored: Sequence[Fact]
) -> FactChange | None:
    text = " ".join(str(item.get("text") or "").split())
    source = _numbered(item.get("source"), messages)
    target = _numbered(item.get("target"), stored)
    if source is None:
        source = next((m for m in messages if supported(text, [_stated(m)])), None)
    if source is None or not text:
        return None
    op, slot = item.get("op"), _or_none(item.get("slot"))
    if op != "forget" and (
        target is None or (op == "supersede" and not _alike(text, slot, target))
    ):
        op, target = "add", None  # A statement that names a fact nobody knows is still one.
    speaker = source.speaker  # "user" is whoever has no name
    subject = _or_none(item.get("subject")) or speaker
    if subject.casefold() in _USER or subject.casefold() == speaker.casefold():
        subject = speaker
    if speaker != "user":
        text = _BY_USER.sub(lambda _: speaker, text)
    own = [_stated(source), speaker, day(source.at), *([target.text] if target else [])]
    behind = [*own, *source.before]
    if op == "forget":  # What was said earlier, and is known.
        behind += [*(message.text for message in messages), *(fact.text for fact in stored)]
    earlier = [line for line in source.before if line.startswith("User: ")]
    if not supported(text, behind) or (subject != speaker and not supported(subject, behind)):
        return None
    kind = item.get("kind") if item.get("kind") in get_args(FactKind) else "other"
    asked_before = supported(text, earlier) and not supported(text, own)
    if op != "forget" and kind in LASTING and asked_before:
        return None  # A wish of an earlier message, where it was read already.
    if kind in LASTING and not (
        subject == speaker and supported(text, list(own_sentences(source.text)))
    ):
        kind = "other"  # What somebody else wrote, or the agent, is nobody's wish.
    if kind in LASTING and (wish := lasting_wish(text)) and wish.slot:
        slot = wish.slot
    try:
        return FactChange.model_validate(
            {
                "op": op,
                "target": target.id if target and op != "add" else None,
                "text": text,
                "kind": kind,
                "subject": subject,
                "slot": slot,
                "source": source.ref,
                "when": _or_none(item.get("when")),
            }
        )
    except ValidationError:
        return None


def _entity(item: dict[str, Any], messages: Sequence[Source]) -> EntityMention | None:
    name = " ".join(str(item.get("name") or "").split())
    source = _numbered(item.get("source"), messages)
    if source is None:
        source = next((m for m in messages if supported(name, [m.text])), None)
    if source is None or name.casefold() in {*_USER, source.speaker.casefold()}:
        return None
    behind = [_stated(source), *source.before]
    if not supported(name, behind):
        return None
    attributes = {
        str(each["name"]): str(each["value"])
        for each in _objects(item.get("attributes"))
        if each.get("name") and each.get("value") and supported(str(each["value"]), behind)
    }
    kind = item.get("kind") if item.get("kind") in get_args(EntityKind) else "other"
    return EntityMention(name=name, kind=kind, attributes=attributes, source=source.ref)


def _stated(message: Source) -> str:
    """Return what a message states: nothing is read from its questions and conditions."""
    said = sentences(message.text)
    return "\n".join(each for each in said if not is_question(each) and not only_imagined(each))


def _numbered(given: Any, items: Sequence[T]) -> T | None:
    """Return the item that "m2", "[2]" or 2 names; None for one that is not there."""
    number = _NUMBER.search(str(given))
    at = int(number[0][:6]) if number else 0
    return items[at - 1] if 1 <= at <= len(items) else None


def _or_none(value: Any) -> str | None:
    text = str(value or "").strip()
    return None if text.casefold() in _NOTHING else text


def _alike(text: str, slot: str | None, target: Fact) -> bool:
    """Return whether a statement and the fact it replaces are about the same thing."""
    if slot and target.slot and slot.casefold() == target.slot.casefold():
        return True
    ours, theirs = (set(stems(content_words(each))) for each in (text, target.text))
    return bool((ours & theirs) - set(stems(["user"])))
