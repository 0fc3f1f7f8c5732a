"""What Open WebUI puts before a message: instructions, and what it found in files and on the web.

None of it is said by the user, so none of it is remembered. What it asks for itself begins the same
way and is told apart here too.
"""

import re
from dataclasses import dataclass

from service.conversation import Content

_TASK = re.compile(r"(?<!\s)\s*#{1,3} Task:\n")
"""How all prompts of Open WebUI begin."""
_OPENS, _CLOSES = "<context>", ("</context>", "</user_query>")
"""What is around the sources that it found; older versions repeat the question after them."""
_HISTORY = "<chat_history>"
"""What a prompt holds that it asks for itself: titles, tags, questions, searches."""


@dataclass(frozen=True)
class Sourced:
    """A message with what was put before it."""

    sources: str
    """Instructions and sources, as the model is to read them."""
    said: str
    """What the user said."""


def is_task(text: str) -> bool:
    """Return whether a front end asks, rather than its user."""
    return bool(_TASK.match(text)) and sourced(text) is None


def sourced(text: str) -> Sourced | None:
    """Return a text in its two parts; None where nothing is put before what the user says.

    What is found may itself hold the closing tag: only what follows the last one is the user's.
    """
    head, opened, _ = text.partition(_OPENS)
    if not (opened and _TASK.match(head)) or _HISTORY in head:
        return None
    ends = [at + len(tag) for tag in _CLOSES if (at := text.rfind(tag)) > len(head)]
    end = max(ends, default=len(text))
    said = text[end:].strip()
    return Sourced(text[:end].strip(), said) if said else None


def taken_out(content: Content) -> tuple[str | None, Content]:
    """Return what is put before a message, None for nothing, and the message without it."""
    if isinstance(content, str):
        found = sourced(content)
        return (found.sources, found.said) if found else (None, content)
    for at, part in enumerate(content):
        text = part.get("text") if isinstance(part, dict) else part
        found = sourced(text) if isinstance(text, str) else None
        if found is not None:
            rest: list[str | dict[str, object]] = list(content)
            rest[at] = {"type": "text", "text": found.said}
            return found.sources, rest
    return None, content
