"""The text of a reply, freed of what is no part of it. Pure.

Models think aloud, repeat the delimiters of remembered blocks, and write tool calls as text. What
is shown while a reply streams and what is stored come out of the same function.
"""

import re

from domain.clean_text import clean
from models.weak_json import repaired

TOOL_NAME = "(?:search|forget)[_-]?memory"

WRITTEN_CALL = "written_call"
"""Marks a reply in which a tool was called by text: the query, or "" where it cannot be read."""
REASONING = "reasoning_content"
"""Where what a model thought aloud stands beside its reply, for channels that show it."""

INSTEAD = "instead"
"""Marks a reply of which more was shown than belongs to it: what to store."""

_THINK = r"(?:\w+:)?(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad)"
_BEGIN = (
    rf"(?:<{_THINK}>|◁{_THINK}▷|<\|(?:(?:begin_of|start)_)?{_THINK}\|>|(?-i:\[THINK\])"
    r"|<\|channel\|?>\s*(?:analysis|thought)(?!\w| to=)(?:[^<>\n]*<\|message\|>)?"
    r"|\A(?-i:analysis(?=[A-Z])))"
)
_END = (
    rf"(?:</{_THINK}>|◁/{_THINK}▷|<\|(?:/|end_of_|end_){_THINK}\|>|(?-i:\[/THINK\])"
    r"|<\|(?:end|return)\|>|<channel\|>|(?=<\|(?:start|channel)\|)|(?-i:assistantfinal))\s*"
)
_THOUGHT = re.compile(rf"{_BEGIN}(?P<in>.*?)(?:{_END}|\Z)", re.S | re.I)
"""Thinking in the markup of DeepSeek, Qwen, Kimi, Mistral, Command, Gemma and gpt-oss, whose
tokens a server may also have left out."""
_THOUGHT_END = re.compile(
    rf"\A(?P<in>.*)(?:</{_THINK}>|◁/{_THINK}▷|<\|(?:/|end_of_|end_){_THINK}\|>|\[/THINK\])\s*",
    re.S | re.I,
)
"""Some templates open the thinking in the prompt, so only its end is written."""
_TOKEN = re.compile(
    r"(?:<\|start\|>\w*)?<\|channel\|>\s*(?:final|commentary)(?! to=)[^<>\n]*"
    r"|<\|(?:message|end|return|(?:start|end)_response|im_end|im_start|eot_id|eom_id)\|>"
    r"|<\|start\|>assistant(?! to=)"
    r"|(?:<[|｜][\w▁]{1,40}[|｜]>|</s>|<end_of_turn>)\s*\Z",
    re.I,
)
"""What is left of a template around a reply; at its end, any special token."""
_BLOCK = re.compile(
    r"<(?P<name>memory|wishes)\b[^<>\n]*>.*?"
    r"(?:</(?P=name)\b[^<>\n]*(?:>|\Z)[ \t]*\n?|(?P<open>\Z))",
    re.S | re.I,
)
_MARK = re.compile(
    r"</?(?:(?:memory|wishes)\b|\w{1,20} id=[\"'][0-9a-f]{16}[\"'])[^<>\n]*(?:>|\Z)[ \t]*\n?"
    r"|</?data-[0-9a-f]{8}\b>?",
    re.I,
)
"""Delimiters of ours, also under another name: their marks are known by their form."""
_NAMED = r"search_memory\b[^.!?\n`]{0,40}?"
_QUOTED = r"(?<!\w)[\"'“](?=\w)"
_CALL = re.compile(
    r"(?:```\w*\s*)?(?:"
    r"</?[|｜]?(?:\w{1,20}[:_|｜])?(?:tool|function|python)[_▁ -]?(?:calls?|tag)[^<>\n]{0,40}"
    r"|\[TOOL_CALLS\]"
    r"|(?:<\|channel\|>)?(?:commentary|analysis) to=|<\|start\|>assistant to="
    rf"|</?[^<>\n]{{0,60}}>?\s*{TOOL_NAME}"
    rf"|(?<=[\[{{(,\s])[\"']\w+[\"']\s*:\s*[\"'](?:\w+\.)?{TOOL_NAME}[\"']"
    rf"|(?:(?<=:)|(?<=:\s)){TOOL_NAME}$"
    rf"|(?<![\w`]){TOOL_NAME}\W{{0,3}}[({{<\[:=]"
    rf"|\A\W*(?:call|use|run|tool:?)\s+({_NAMED}(?:\bquery\b\W*|{_QUOTED})[^\"'”\n]*"
    r"[\"'”.!\s]*\Z)"
    rf"|\A\W*{TOOL_NAME}\b"
    r"|\A\W*\{\s*[\"']query[\"']\s*:"
    r")",
    re.I | re.M,
)
"""How models write a call of the tool as text: Hermes, Llama 3, Mistral, DeepSeek,
gpt-oss, XML, Python, ReAct, JSON with any name for what is called, and a reply that only
says in words to search, and what for."""
_BEFORE_NAME = re.compile(r"(?:```\w*\s*\w*)?[\[{(][\[{(\s\w\"':,]*\Z")
"""The opening of JSON whose first words lead to the name of what is called."""
_HOLD = 100
"""Characters after a bracket or a tag in which it shows whether a call or a delimiter began."""
_OPENING = re.compile(
    r"[<{\[`◁]|\b(?i:s(?=[search_mory-]*\Z)|f(?=[forget_my-]*\Z))|\Aa[analysi]*\Z|assistant\w{0,5}\Z"
    rf"|{_NAMED}\Z"
)
_QUERY = re.compile(
    r"query['\"]?(?:\s\w+=['\"]\w+['\"])?\s*(?:</\w+>\s*<\w+>|[:=]|>)\s*['\"]?([^'\"<>\n]+)"
    rf"|{TOOL_NAME}(?=[\s(])[\w\s(:=]{{0,40}}?{_QUOTED}([^'\"”\n]+)",
    re.I,
)


def shown(raw: str, *, final: bool) -> str:
    """Return what is to be seen of a reply so far.

    Args:
        raw: All that the model wrote.
        final: Whether that is all; before, what may turn out to be no part is held back.
    """
    text = _spoken(raw)
    call = _CALL.search(text)
    if call:
        start = call.start(call.lastindex or 0)
        before = text[max(0, start - _HOLD) : start]
        opening = _BEFORE_NAME.search(before)
        text = text[: start - (len(before) - opening.start() if opening else 0)]
    elif not final:
        text = text[: _safe(text)]
    without = _BLOCK.sub(lambda block: "" if block["open"] is None or not final else block[0], text)
    if not final:
        return _MARK.sub("", without)
    # A model that repeats a block and says nothing else at least said that.
    return clean(_MARK.sub("", without if without.strip() else text))


def thoughts(raw: str) -> str:
    """Return what a model thought aloud."""
    first = _THOUGHT_END.match(_THOUGHT.sub("", raw))
    parts = [*([first] if first else ()), *_THOUGHT.finditer(raw)]
    return clean("\n".join(part["in"].strip() for part in parts))


def is_call(raw: str) -> bool:
    """Return whether a reply is in essence a tool call written as text."""
    return _CALL.search(_spoken(raw)) is not None


def _spoken(raw: str) -> str:
    """Return a reply without what was thought aloud, and what is left of a template."""
    return _TOKEN.sub("", _THOUGHT_END.sub("", _THOUGHT.sub("", raw)))


def read_call(raw: str) -> str | None:
    """Return what a tool call written as text searches for; None if it cannot be read."""
    text = _spoken(raw)
    start = text.find("{")
    if start >= 0:
        query = _query_in(repaired(text[start:]))
        if query:
            return clean(query)
    written = _QUERY.search(text)
    return clean(written[1] or written[2]).strip() or None if written else None


def _safe(raw: str) -> int:
    """Return how much of a reply can be judged already."""
    tail = max(0, len(raw) - _HOLD)
    opening = _OPENING.search(raw, tail)
    end = opening.start() if opening else len(raw)
    # A high half of a character waits for its other half.
    return end - 1 if end and "\ud800" <= raw[end - 1] <= "\udbff" else end


def _query_in(value: object) -> str | None:
    """Return the first "query" in nested JSON, also where arguments are JSON in a string."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = repaired(value)
    if isinstance(value, dict):
        query = value.get("query")
        if isinstance(query, str) and query.strip():
            return query.strip()
        value = list(value.values())
    if isinstance(value, list):
        return next((query for item in value if (query := _query_in(item))), None)
    return None
