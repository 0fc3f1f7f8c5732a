"""JSON as weak models write it: unquoted, cut off, with prose around it."""

import json
from typing import Any

import json_repair


def first_json(text: str) -> Any:
    """Return the JSON that a text begins with, whatever follows it; else what `repaired` does."""
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except ValueError:
        return repaired(text)
    except RecursionError:
        return None


def repaired(text: str) -> Any:
    """Return what a text that is nearly JSON says; None where it is nested too deep to be read.

    A model that repeats itself writes thousands of brackets.
    """
    try:
        return json_repair.loads(text)
    except RecursionError:
        return None
