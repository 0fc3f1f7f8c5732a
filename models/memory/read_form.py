"""Finding a filled-in form in what a language model answered, however it wrote it. Pure.

What its fields say is read and judged in `notes`.
"""

import json
import re
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
_STARTS = 20
"""Brackets in an answer at which its form is looked for."""
_DEEPEST = 3
"""Levels at which a form is looked for: a name of a function, its arguments, and a heading."""


def without_thoughts(text: str) -> str:
    """Return an answer's text without the thinking that some models put before it."""
    return shown(text, final=True, offered=False).strip()


def read_object(reply: BaseMessage, form: type[BaseModel]) -> dict[str, Any]:
    """Return the filled-in form in a reply: the arguments of its call, or the JSON in its text.

    Prose around it, code fences, trailing commas and a bare list are read through.

    Raises:
        MalformedReply: If there is none.
    """
    calls = getattr(reply, "tool_calls", None)
    if calls and (filled := _as_form(calls[0]["args"], form)) is not None:
        return filled
    # Of a form that is written as a call nothing is shown.
    text = without_thoughts(reply.text) or reply.text
    empty: dict[str, Any] | None = None
    for start in [match.start() for match in re.finditer(r"[{\[]", text)][:_STARTS]:
        value = _as_form(cleaned(_loads(text[start:], was_cut(reply))), form)
        if value is not None and any(value.values()):
            return value  # Not an empty one that it corrects.
        empty = empty or value
    if empty is not None:
        return empty
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
        cut, text = cut or len(text) > LONGEST, text[:LONGEST]
        cut = cut and not _BEHIND_ITEM.search(text)
        while cut and isinstance(last, dict) and last:
            last = list(last.values())[-1]
        if cut and isinstance(last, list) and last:
            last[-1] = {}
        said = list(value.values()) if isinstance(value, dict) else value
        return value if isinstance(said, list) and any(said) else None


def _as_form(value: Any, form: type[BaseModel], depth: int = 0) -> dict[str, Any] | None:
    """Return JSON as the form's fields, wherever in it they stand; None if it is something else."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        value = first_json(value)  # JSON within JSON, as arguments of a call are written.
    within: list[Any] = []
    if isinstance(value, dict):
        fields = {name.casefold(): each for name, each in value.items()}
        if fields.keys() & form.model_fields.keys():
            return fields
        within = [] if "text" in fields else list(value.values())
        value = [value]
    items = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    facts = [item for item in items if "text" in item]
    if depth < _DEEPEST:
        within = within or [item for item in items if "text" not in item]
        inner = (_as_form(each, form, depth + 1) for each in within)
        if (found := next(filter(None, inner), None)) is not None:
            return found
    # Further in, what only has a name may be the attribute of something.
    entities = [item for item in items if "name" in item and "text" not in item and not depth]
    if form is ExtractionForm and (facts or entities):
        return {"facts": facts, "entities": entities}
    return None
