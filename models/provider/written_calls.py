"""Tool calls that a model writes as text, in the forms of many models: found, and read. Pure."""

import re

from domain.clean_text import clean
from models.provider.spoken_text import HOLD
from models.weak_json import first_json

TOOL_NAME = "(?:search|forget)[_-]?memory"

NAMED = r"search_memory\b[^.!?\n`]{0,40}?"
_QUOTED = r"(?<!\w)[\"'“](?=\w)"
_FILLED = rf"(?=\s*(?:(?:\w{{1,12}}[:.]?)?(?:[\[{{<]|{TOOL_NAME})|\w{{1,40}}[.(]|\Z))"
"""What stands behind the opening of a call, where it is not only spoken of."""
_CALL = re.compile(
    r"(?:```\w*\s*)?(?:"
    rf"</?[|｜]?(?:\w{{1,20}}[:_|｜])?(?:tool|function|python)[_▁ -]?(?:calls?|tag)"
    rf"[^<>\n]{{0,40}}>?{_FILLED}"
    rf"|\[TOOL_CALLS\]{_FILLED}"
    r"|<\|channel\|>(?:commentary|analysis) to=|<\|start\|>assistant to="
    rf"|(?:commentary|analysis) to=(?=functions?\.|{TOOL_NAME})"
    rf"|</?[^<>\n]{{0,60}}>?\s*{TOOL_NAME}(?:[^<>\n]{{0,200}}/>)?"
    rf"|(?<=[\[{{(,\s])[\"'“]\w+[\"'”]\s*:\s*[\"'“](?:\w+\.)?{TOOL_NAME}[\"'”]"
    rf"|(?:(?<=:)|(?<=:\s)){TOOL_NAME}$"
    rf"|(?<![\w`])(?<!def ){TOOL_NAME}(?:[\[(]|\s*[{{<]|\W{{0,2}}[:=]\s*[\[({{<\"'])"
    rf"|\A\W*(?:call|use|run|tool:?)\s+({NAMED}(?:\bquery\b\W*|{_QUOTED})[^\"'”\n]*"
    r"[\"'”.!\s]*\Z)"
    rf"|\A\W*{TOOL_NAME}\b"
    r"|(?P<query>\A\W*\{\s*[\"']query[\"']\s*:(?:\s*[\"']|\s*\Z))"
    r")",
    re.I | re.M,
)
"""How models write a call of the tool as text: Hermes, Llama 3, Mistral, DeepSeek,
gpt-oss, XML, Python, ReAct, JSON with any name for what is called, and a reply that only
says in words to search, and what for."""
_OURS = re.compile(TOOL_NAME, re.I)
_NEAR = 200
"""Characters behind the opening of a call in which it names one of our tools."""
_LEAD_IN = 200
"""Characters that stand before a call at most: what says more is a reply, and speaks of one."""
_BRACKET = re.compile(r"<[^<>\n]{0,80}>|[\[{(\]})]")
_LEADS = re.compile(r"(?:<[^<>\n]{1,60}>(?:\w{1,20}\b)?\s*)+\Z")
"""What templates write in front of a call: tags, with a word at most."""
_ARGUMENTS = re.compile(
    r"^[ \t]*(?:(?:action[_ ])?input|query|what)[\"']?[ \t]*:[^\n]*$", re.I | re.M
)
"""Arguments that stand on lines behind the name of a tool."""
_MARKUP = re.compile(r"(?:```\w*\s*)?(?:<|\[TOOL|[\"'“])")
_ARGUMENT = re.compile(r"[{\"'“=<>](?:query|what)\b", re.I)
"""How an argument is named in JSON and in tags."""
_RESULT = re.compile(
    r"^[^\w\n]*observation:|<\|observation\|>"
    r"|<[|/]?(?:tool|function)[_ ]?(?:response|result|output)",
    re.I | re.M,
)
"""Where a model goes on with what a tool may have found: that, and all behind it, is made up."""
_BEFORE_NAME = re.compile(r"(?:```\w*\s*\w*)?[\[{(][\[{(\s\w\"':,]*\Z")
"""The opening of JSON whose first words lead to the name of what is called."""
_MARKED = re.compile(r"(?<=:)\s*<([^<>\s]{1,12})>(.{0,500}?)<\1>", re.S)
"""A text between two tokens where JSON has quotes."""
LONGEST_CALL = 1_500
"""Characters in which a call names its query: repairing so many takes a few milliseconds."""
_QUERY = re.compile(
    r"(?:query|action input)['\"]?(?:\s\w+=['\"]\w+['\"])?\s*(?:</\w+>\s*<\w+>|[:=]|>)"
    r"\s*['\"]?([^'\"<>\n]+)"
    rf"|{TOOL_NAME}(?=[\s(\[\"':])[\w\s(\[:=\"']{{0,40}}?{_QUOTED}([^'\"”\n]+)",
    re.I,
)


def find_call(text: str, *, final: bool, offered: bool) -> re.Match[str] | None:
    """Return where a call begins in a reply that is in essence one; else it speaks of calls.

    One in markup, for one of our tools and with its arguments, is one whatever stands behind it.

    One that names none of our tools, or nothing yet, is one only where tools were offered.
    """
    for match in _CALL.finditer(text):
        if len(text[: match.start()].strip()) > _LEAD_IN:
            return None
        ours = _OURS.search(text, match.start(), match.end() + _NEAR)
        if ours and _is_filled(text, match):
            return match
        if (ours or offered) and (not final or _is_last(text, match)):
            return match
    return None


def _is_filled(text: str, call: re.Match[str]) -> bool:
    """Return whether a call in markup has its arguments: whatever stands behind it, it is one."""
    before = text[: call.start()].rpartition("\n")[2].replace("```", "")
    return (
        _MARKUP.match(call[0]) is not None
        and before.count("`") % 2 == 0  # Not quoted as code.
        and _ARGUMENT.search(text, call.start(), call.end() + _NEAR) is not None
    )


def _is_last(text: str, call: re.Match[str]) -> bool:
    """Return whether nothing stands behind a call; one that breaks off reaches to the end."""
    result = _RESULT.search(text, call.end())
    text = text[: result.start()] if result else text
    if call[0].endswith("("):
        end = _partner(text, call.end() - 1)
    else:
        last = [call, *_BRACKET.finditer(text, call.end() - 1)][-1]
        end = last.end() if last is call or _closes(last[0]) else len(text)
    return re.search(r"\w", _OURS.sub("", _ARGUMENTS.sub("", text[end:]))) is None


def _closes(bracket: str) -> bool:
    """Return whether a bracket or a tag ends something: behind another the rest may be missing."""
    return bracket in ("]", "}", ")") or bracket[:2] == "</" or bracket[-2:-1] in ("|", "｜")


def _partner(text: str, start: int) -> int:
    """Return where what a bracket opens ends."""
    depth = 0
    for bracket in re.finditer(r"[()]", text[start:]):
        depth += 1 if bracket[0] == "(" else -1
        if not depth:
            return start + bracket.end()
    return len(text)


def before_call(text: str, call: re.Match[str]) -> str:
    """Return what stands in front of a call, without the markup that leads to it."""
    start = call.start(call.lastindex or 0)
    opening = _BEFORE_NAME.search(text, max(0, start - HOLD), start)
    return _LEADS.sub("", text[: opening.start() if opening else start])


def query_of(text: str) -> str | None:
    """Return what a call in a text searches for; None if it cannot be read."""
    text = _MARKED.sub(r'"\2"', text)
    start = text.find("{")
    if start >= 0:
        query = _query_in(first_json(text[start : start + LONGEST_CALL]))
        if query:
            return clean(query)
    written = _QUERY.search(text)
    return clean(written[1] or written[2]).strip() or None if written else None


def _query_in(value: object) -> str | None:
    """Return the first "query" in nested JSON, also where arguments are JSON in a string."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = first_json(value)
    if isinstance(value, dict):
        query = value.get("query")
        if isinstance(query, str) and query.strip():
            return query.strip()
        value = list(value.values())
    if isinstance(value, list):
        return next((query for item in value if (query := _query_in(item))), None)
    return None
