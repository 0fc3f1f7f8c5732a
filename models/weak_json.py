"""JSON as weak models write it: unquoted, cut off, with prose around it."""

import json
from itertools import accumulate
from typing import Any

import json_repair

LONGEST = 10_000
"""Characters that are repaired at most: a form of facts takes some 6,000. The library's time may
grow with the square of what is broken: 0.6 s for 8,000 characters, 4 s for 20,000."""
_DEEPEST = 50
"""Brackets that may be open at once; a form has six. A model that repeats itself opens thousands,
and the library takes 4 s for 6,000 characters of them."""


def first_json(text: str) -> Any:
    """Return the JSON that a text begins with, whatever follows it; else what `repaired` does."""
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except ValueError:
        return repaired(text)
    except RecursionError:
        return None


def repaired(text: str) -> Any:
    """Return what a text that is nearly JSON says; None where that cannot be read.

    Of a long one only the first `LONGEST` characters are read.
    """
    text = text[:LONGEST]
    steps = ((char in "{[") - (char in "}]") for char in text)
    if max(accumulate(steps), default=0) > _DEEPEST:
        return None
    try:
        return json_repair.loads(text)
    except (RecursionError, ValueError):  # The second is what the library makes of the first.
        return None
