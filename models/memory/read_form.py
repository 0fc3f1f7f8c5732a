"""Finding a filled-in form in what a language model answered, however it wrote it. Pure.

What its fields say is read and judged in `notes`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from domain.clean_text import cleaned
from models.errors import MalformedReply
from models.memory.schemas import ExtractionForm
from models.provider.replies import was_cut
from models.provider.reply_text import shown
from models.weak_json import LONGEST, first_json, repaired

_BEHIND_ITEM = re.compile(r"\}\W*\w*\W*\Z")
"""The end of an answer that was cut between two items, or in the name of a field."""
_BRACKET = re.compile(r"[{\[]")
_STARTS = 20
"""Brackets in an answer at which JSON is looked for."""
_REPAIRS = 3
"""Those at which what is no JSON is repaired: that takes a second for 10,000 characters."""
_DEEPEST = 6
"""Levels at which a form is looked for: a list of calls, its items, function and arguments, a
heading."""

_Form = dict[str, Any]


def without_thoughts(text: str) -> str:
    """Return an answer's text without the thinking that some models put before it."""
    return shown(text, final=True, offered=False).strip()


def read_object(reply: BaseMessage, form: type[BaseModel]) -> _Form:
    """Return the filled-in form in a reply: the arguments of its calls, or the JSON in its text.

    Prose around it, code fences, trailing commas and bare items are read through; what stands in
    several forms is joined.

    Raises:
        MalformedReply: If there is none.
    """
    calls = cleaned([call["args"] for call in getattr(reply, "tool_calls", [])])
    # Of a form that is written as a call nothing is shown.
    text = without_thoughts(reply.text) or reply.text
    filled = list(_forms(calls, form)) or _written(text, form, was_cut(reply))
    if not filled:
        raise MalformedReply("The model's answer is not in the form that was asked for.")
    if form is not ExtractionForm or len(filled) == 1:
        # Not an empty one that another corrects.
        return next((each for each in filled if any(each.values())), filled[0])
    return {
        "facts": [item for each in filled for item in objects(each.get("facts"), "text")],
        "entities": [item for each in filled for item in objects(each.get("entities"), "name")],
    }


def objects(value: Any, plain: str) -> list[_Form]:
    """Return the objects of a list, or under any keys; a text alone is what they call `plain`."""
    items = list(value.values()) if isinstance(value, dict) and plain not in value else value
    items = [items] if isinstance(items, dict | str) else items
    if not isinstance(items, list):
        return []
    named = ({plain: item} if isinstance(item, str) else item for item in items)
    return [
        {name.casefold(): each for name, each in item.items()}
        for item in named
        if isinstance(item, dict)
    ]


def _written(text: str, form: type[BaseModel], cut: bool) -> list[_Form]:
    """Return the forms that a text holds as JSON, or as what is nearly some."""
    filled: list[_Form] = []
    end = repairs = 0
    for _ in range(_STARTS):
        bracket = _BRACKET.search(text, end)
        if bracket is None:
            break
        start, end = bracket.start(), bracket.end()
        try:
            value, end = json.JSONDecoder().raw_decode(text, start)
        except RecursionError:
            continue  # A model that repeats itself: nested deeper than Python reads.
        except ValueError:
            if repairs == _REPAIRS:
                continue
            repairs += 1
            value = _mended(text[start:], cut)
            mended = list(_forms(cleaned(value), form))
            filled += mended
            if any(any(each.values()) for each in mended):
                break  # All that follows was read with it.
        else:
            filled += _forms(cleaned(value), form)
    return filled


def _mended(text: str, cut: bool) -> Any:
    """Return what is nearly JSON; None for what breaks off before it says a thing.

    The last item of an answer that was cut within it is half of one, and is left empty.
    """
    value = last = repaired(text)
    cut, text = cut or len(text) > LONGEST, text[:LONGEST]
    cut = cut and not _BEHIND_ITEM.search(text)
    while cut and isinstance(last, dict) and last:
        last = list(last.values())[-1]
    if cut and isinstance(last, list) and last:
        last[-1] = {}
    said = list(value.values()) if isinstance(value, dict) else value
    return value if isinstance(said, list) and any(said) else None


def _forms(value: Any, form: type[BaseModel], depth: int = 0) -> Iterator[_Form]:
    """Yield the forms in JSON, wherever in it they stand; each bare fact or entity is one too."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        value = first_json(value)  # JSON within JSON, as arguments of a call are written.
    if depth > _DEEPEST or not isinstance(value, dict | list):
        return
    if isinstance(value, list):
        for each in value:
            yield from _forms(each, form, depth + 1)
        return
    fields = {name.casefold(): each for name, each in value.items()}
    given = [fields[name] for name in form.model_fields if name in fields]
    if given:
        if not any(map(_is_schema, given)):
            yield fields
        return
    bare = form is ExtractionForm
    if bare and isinstance(fields.get("text"), str):
        yield {"facts": [fields], "entities": []}
        return
    named = bare and isinstance(fields.get("name"), str)
    if not (named and fields.keys() & {"kind", "attributes"}):
        inner = [found for each in value.values() for found in _forms(each, form, depth + 1)]
        yield from inner
        # Further in, what only has a name may be anything.
        named = named and depth <= 1 and not inner
    if named:
        yield {"facts": [], "entities": [fields]}


def _is_schema(value: Any) -> bool:
    """Return whether a field is described rather than filled in: some models repeat the schema."""
    return isinstance(value, dict) and isinstance(value.get("type"), str) and "text" not in value
