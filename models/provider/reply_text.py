"""The text of a reply, freed of what is no part of it. Pure.

Models think aloud, repeat the delimiters of remembered blocks, and write tool calls as text. What
is shown while a reply streams and what is stored come out of the same function.
"""

import re

from domain.clean_text import clean
from models.provider.spoken_text import HOLD, spoken
from models.provider.written_calls import NAMED, TOOL_NAME, before_call, find_call, query_of

WRITTEN_CALL = "written_call"
"""Marks a reply in which a tool was called by text: the query, or "" where it cannot be read."""
REASONING = "reasoning_content"
"""Where what a model thought aloud stands beside its reply, for channels that show it."""

INSTEAD = "instead"
"""Marks a reply of which more was shown than belongs to it: what to store."""

_BLOCK = re.compile(
    r"<(?P<name>memory|wishes)\b id=[^<>\n]*>.*?"
    r"(?:</(?P=name)\b[^<>\n]*(?:>|\Z)[ \t]*\n?|(?P<open>\Z))",
    re.S | re.I,
)
_MARK = re.compile(
    r"</?(?:(?:memory|wishes) id=|\w{1,20} id=[\"'][0-9a-f]{16}[\"'])[^<>\n]*(?:>|\Z)[ \t]*\n?"
    r"|</?data-[0-9a-f]{8}\b>?",
    re.I,
)
"""Delimiters of ours, also under another name: their marks are known by their form."""
_OPENING = re.compile(
    r"[<{\[`◁]|\b(?i:s(?=[search_mory-]*\Z)|f(?=[forget_my-]*\Z))|assistant\w{0,5}\Z"
    rf"|{NAMED}\Z"
)
_NOT_PLAIN = re.compile(
    rf"[<◁]|\[/?(?:THINK|TOOL|INST)|{TOOL_NAME}|analysis|assistant|commentary|\A\W*\{{", re.I
)
"""What every text has that holds a thought, a token, a delimiter of ours or a call."""
_WORD = 20
"""Characters that the longest of these words has at most."""
_FIRST_WORDS = ("analysis", "assistantanalysis", "assistantfinal")
"""What a template may have left at the beginning of a reply."""


def shown(raw: str, *, final: bool, offered: bool = True, calls: bool = True) -> str:
    """Return what is to be seen of a reply so far.

    Args:
        raw: All that the model wrote.
        final: Whether that is all; before, what may turn out to be no part is held back.
        offered: Whether the model was offered tools.
        calls: Whether a call written as text is no part of it.
    """
    text = spoken(raw, final=final)
    call = find_call(text, final=final, offered=offered) if calls else None
    if call:
        text = before_call(text, call)
    elif not final:
        text = text[: _safe(text)]
    without = _BLOCK.sub(lambda block: "" if block["open"] is None or not final else block[0], text)
    if not final:
        return _MARK.sub("", without).rstrip()  # More may be dropped with it.
    # A model that repeats a block and says nothing else at least said that.
    return clean(_MARK.sub("", without if without.strip() else text))


def is_plain(raw: str, came: int) -> bool:
    """Return whether nothing in the end of a reply, `came` characters, may be no part of it."""
    return _NOT_PLAIN.search(raw, max(0, len(raw) - came - _WORD)) is None


def shown_plain(raw: str) -> str:
    """Return `shown(raw, final=False)` of a reply that was plain so far."""
    return raw[: _safe(raw)].rstrip()


def is_call(raw: str, *, offered: bool = True) -> bool:
    """Return whether a reply is in essence a tool call written as text."""
    return find_call(spoken(raw, final=True), final=True, offered=offered) is not None


def read_call(raw: str) -> str | None:
    """Return what a tool call written as text searches for; None if it cannot be read."""
    return query_of(spoken(raw, final=True))


def _safe(raw: str) -> int:
    """Return how much of a reply can be judged already."""
    if any(word.startswith(raw) for word in _FIRST_WORDS):
        return 0
    tail = max(0, len(raw) - HOLD)
    opening = _OPENING.search(raw, tail)
    end = opening.start() if opening else len(raw)
    # A high half of a character waits for its other half.
    return end - 1 if end and "\ud800" <= raw[end - 1] <= "\udbff" else end
