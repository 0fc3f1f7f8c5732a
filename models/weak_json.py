"""JSON as weak models write it: unquoted, cut off, with prose around it."""

from typing import Any

import json_repair


def repaired(text: str) -> Any:
    """Return what a text that is nearly JSON says; None where it is nested too deep to be read.

    A model that repeats itself writes thousands of brackets.
    """
    try:
        return json_repair.loads(text)
    except RecursionError:
        return None
