"""The text of a reply, freed of what is no part of it. Pure.

Models think aloud, repeat the delimiters of remembered blocks, and write tool calls as text. What
is shown while a reply streams and what is stored come out of the same function.
"""

import re

from domain.clean_text import clean
from models.weak_json import first_json

TOOL_NAME = "(?:search|forget)[_-]?memory"

WRITTEN_CALL = "written_call"
"""Marks a reply in which a tool was called by text: the query, or "" where it cannot be read."""
REASONING = "reasoning_content"
"""Where what a model thought aloud stands beside its reply, for channels that show it."""

INSTEAD = "instead"
"""Marks a reply of which more was shown than belongs to it: what to store."""

_CODE = r"(?P<code>```.*?```|`(?=\S)[^`\n]+(?<=\S)`)"
"""What a reply quotes as code is part of it, whatever it holds; a fence that nothing closes and a
lone backtick quote nothing."""
_THINK = r"(?:\w+:)?(?:think|thinking|thought|thoughts|reasoning|reflection|scratch_?pad)"
_BEGIN = (
    rf"(?:<{_THINK}>|◁{_THINK}▷|<\|(?:(?:begin_of|start)_)?{_THINK}\|>|(?-i:\[THINK\])"
    r"|<\|channel\|?>\s*(?:analysis|thought)(?!\w| to=)(?:[^<>\n]*<\|message\|>)?"
    r"|\A(?-i:analysis(?=[A-Z])))"
)
_END = (
    rf"(?:</{_THINK}>|◁/{_THINK}▷|<\|(?:/|end_of_|end_){_THINK}\|>|(?-i:\[/THINK\])"
    r"|<\|(?:end|return)\|>|<channel\|>|(?=<\|(?:start|channel)\|)"
    r"|(?-i:assistant(?:final|(?=commentary))))\s*"
)
_THOUGHT = re.compile(rf"{_CODE}|{_BEGIN}(?P<in>.*?)(?:(?P<end>{_END})|\Z)", re.S | re.I)
"""Thinking in the markup of DeepSeek, Qwen, Kimi, Mistral, Command, Gemma and gpt-oss, whose
tokens a server may also have left out."""
_BEGINS = re.compile(_BEGIN, re.S | re.I)
_CLOSE = rf"(?:</{_THINK}>|◁/{_THINK}▷|<\|(?:/|end_of_|end_){_THINK}\|>|(?-i:\[/THINK\]))"
_THOUGHT_END = re.compile(
    rf"{_CODE}|^[ \t]*{_CLOSE}\s*"
    rf"|(?<=[\w.!?…。！？,;:)]){_CLOSE}(?![.,;:)\]'\"`]|(?-i: [a-z]))\s*",
    re.S | re.I | re.M,
)
"""Some templates open the thinking in the prompt, so only its end is written: at the beginning of a
line, or right behind a word. Within a sentence it is only spoken of."""
_SPECIAL = (
    r"(?:(?:<\|start\|>\w*)?<\|channel\|>\s*(?:final|commentary)(?! to=)[^<>\n]*"
    r"|<\|(?:message|end|return|(?:start|end)_response|im_end|im_start|eot_id|eom_id)\|>"
    r"|<\|start\|>assistant(?! to=)"
    r"|(?:<[|｜][\w▁]{1,40}[|｜]>|</s>|<end_of_turn>)\s*\Z)"
)
_TOKEN = re.compile(rf"{_CODE}|{_SPECIAL}", re.S | re.I)
"""What is left of a template around a reply; at its end, any special token."""
_MARKUP = re.compile(rf"{_BEGIN}|{_END}|{_SPECIAL}", re.S | re.I)
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
_NAMED = r"search_memory\b[^.!?\n`]{0,40}?"
_QUOTED = r"(?<!\w)[\"'“](?=\w)"
_FILLED = rf"(?=\s*(?:(?:\w{{1,12}}:?)?(?:[\[{{<]|{TOOL_NAME})|\Z))"
"""What stands behind the opening of a call, where it is not only spoken of."""
_CALL = re.compile(
    r"(?:```\w*\s*)?(?:"
    rf"</?[|｜]?(?:\w{{1,20}}[:_|｜])?(?:tool|function|python)[_▁ -]?(?:calls?|tag)"
    rf"[^<>\n]{{0,40}}>?{_FILLED}"
    rf"|\[TOOL_CALLS\]{_FILLED}"
    r"|<\|channel\|>(?:commentary|analysis) to=|<\|start\|>assistant to="
    rf"|(?:commentary|analysis) to=(?=functions?\.|{TOOL_NAME})"
    rf"|</?[^<>\n]{{0,60}}>?\s*{TOOL_NAME}"
    rf"|(?<=[\[{{(,\s])[\"'“]\w+[\"'”]\s*:\s*[\"'“](?:\w+\.)?{TOOL_NAME}[\"'”]"
    rf"|(?:(?<=:)|(?<=:\s)){TOOL_NAME}$"
    rf"|(?<![\w`])(?<!def ){TOOL_NAME}(?:[\[(]|\s*[{{<]|\W{{0,2}}[:=]\s*[\[({{<\"'])"
    rf"|\A\W*(?:call|use|run|tool:?)\s+({_NAMED}(?:\bquery\b\W*|{_QUOTED})[^\"'”\n]*"
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
_LEADS = re.compile(r"(?:<[|｜][\w▁]{1,40}[|｜]>(?:assistant\b)?\s*)+\Z")
"""What templates write in front of a call."""
_BEFORE_NAME = re.compile(r"(?:```\w*\s*\w*)?[\[{(][\[{(\s\w\"':,]*\Z")
"""The opening of JSON whose first words lead to the name of what is called."""
_HOLD = 100
"""Characters after a bracket or a tag in which it shows whether a call or a delimiter began."""
_OPENING = re.compile(
    r"[<{\[`◁]|\b(?i:s(?=[search_mory-]*\Z)|f(?=[forget_my-]*\Z))|\Aa[analysi]*\Z|assistant\w{0,5}\Z"
    rf"|{_NAMED}\Z"
)
_MARKED = re.compile(r"(?<=:)\s*<([^<>\s]{1,12})>(.{0,500}?)<\1>", re.S)
"""A text between two tokens where JSON has quotes."""
_NOT_PLAIN = re.compile(
    rf"[<◁]|\[/?(?:THINK|TOOL)|{TOOL_NAME}|analysis|assistant|commentary|\A\W*\{{", re.I
)
"""What every text has that holds a thought, a token, a delimiter of ours or a call."""
_WORD = 20
"""Characters that the longest of these words has at most."""
LONGEST_CALL = 1_500
"""Characters in which a call names its query: repairing so many takes a few milliseconds."""
_QUERY = re.compile(
    r"query['\"]?(?:\s\w+=['\"]\w+['\"])?\s*(?:</\w+>\s*<\w+>|[:=]|>)\s*['\"]?([^'\"<>\n]+)"
    rf"|{TOOL_NAME}(?=[\s(])[\w\s(:=]{{0,40}}?{_QUOTED}([^'\"”\n]+)",
    re.I,
)


def shown(raw: str, *, final: bool, offered: bool = True, calls: bool = True) -> str:
    """Return what is to be seen of a reply so far.

    Args:
        raw: All that the model wrote.
        final: Whether that is all; before, what may turn out to be no part is held back.
        offered: Whether the model was offered tools.
        calls: Whether a call written as text is no part of it.
    """
    text = _spoken(raw, final=final)
    call = _call(text, final=final, offered=offered) if calls else None
    if call:
        start = call.start(call.lastindex or 0)
        before = text[max(0, start - _HOLD) : start]
        opening = _BEFORE_NAME.search(before)
        text = _LEADS.sub("", text[: start - (len(before) - opening.start() if opening else 0)])
    elif not final:
        text = text[: _safe(text)]
    without = _BLOCK.sub(lambda block: "" if block["open"] is None or not final else block[0], text)
    if not final:
        return _MARK.sub("", without)
    # A model that repeats a block and says nothing else at least said that.
    return clean(_MARK.sub("", without if without.strip() else text))


def is_plain(raw: str, came: int) -> bool:
    """Return whether nothing in the end of a reply, `came` characters, may be no part of it."""
    return _NOT_PLAIN.search(raw, max(0, len(raw) - came - _WORD)) is None


def shown_plain(raw: str) -> str:
    """Return `shown(raw, final=False)` of a reply that was plain so far."""
    return raw[: _safe(raw)]


def thoughts(raw: str) -> str:
    """Return what a model thought aloud."""
    raw = _decided(raw)
    rest = _THOUGHT.sub(lambda part: _kept(part, final=True), raw)
    parts = [part["in"] for part in _THOUGHT.finditer(raw) if not _kept(part, final=True)]
    end = _THOUGHT_END.sub(lambda part: part["code"] or "", rest[: _thought_end(rest)])
    return clean("\n".join(part.strip() for part in (end, *parts)).strip())


def is_call(raw: str, *, offered: bool = True) -> bool:
    """Return whether a reply is in essence a tool call written as text."""
    return _call(_spoken(raw, final=True), final=True, offered=offered) is not None


def _call(text: str, *, final: bool, offered: bool) -> re.Match[str] | None:
    """Return where a call begins in a reply that is in essence one; else it speaks of calls.

    One that names none of our tools, or nothing yet, is one only where tools were offered.
    """
    for match in _CALL.finditer(text):
        if len(text[: match.start()].strip()) > _LEAD_IN:
            return None
        ours = _OURS.search(text, match.start(), match.end() + _NEAR)
        if (ours or offered) and (not final or _is_last(text, match)):
            return match
    return None


def _is_last(text: str, call: re.Match[str]) -> bool:
    """Return whether nothing stands behind a call; one that breaks off reaches to the end."""
    if call[0].endswith("("):
        end = _partner(text, call.end() - 1)
    else:
        last = [call, *_BRACKET.finditer(text, call.end() - 1)][-1]
        end = last.end() if last is call or _closes(last[0]) else len(text)
    return re.search(r"\w", _OURS.sub("", text[end:])) is None


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


def _spoken(raw: str, *, final: bool) -> str:
    """Return a reply without what was thought aloud, and what is left of a template."""
    raw = raw if final else _decided(raw)
    text = _THOUGHT.sub(lambda part: _kept(part, final=final), raw)
    return _TOKEN.sub(lambda part: part["code"] or "", text[_thought_end(text) :])


def _decided(raw: str) -> str:
    """Return a reply up to markup in a fence that may still be closed: then it is quoted."""
    if raw.count("```") % 2 == 0:
        return raw
    markup = _MARKUP.search(raw, raw.rindex("```"))
    return raw[: markup.start()] if markup else raw


def _kept(part: re.Match[str], *, final: bool) -> str:
    """Return what stays of a part of a reply that may be a thought.

    In the middle of a line, a tag that nothing closes, or one with a space within, is spoken of.
    """
    if part["code"]:
        return part["code"]
    tag = part[0].startswith("<") and part[0][1] != "|"
    if not tag or not part.string[: part.start()].rpartition("\n")[2].strip():
        return ""
    spoken = part["in"] != part["in"].strip() if part["end"] else final
    return part[0] if spoken else ""


def _thought_end(text: str) -> int:
    """Return where a thought ends of which the beginning is not marked; 0 where there is none."""
    ends = [found for found in _THOUGHT_END.finditer(text) if found["code"] is None]
    return 0 if not ends or _BEGINS.search(text, 0, ends[-1].start()) else ends[-1].end()


def read_call(raw: str) -> str | None:
    """Return what a tool call written as text searches for; None if it cannot be read."""
    text = _MARKED.sub(r'"\2"', _spoken(raw, final=True))
    start = text.find("{")
    if start >= 0:
        query = _query_in(first_json(text[start : start + LONGEST_CALL]))
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
        value = first_json(value)
    if isinstance(value, dict):
        query = value.get("query")
        if isinstance(query, str) and query.strip():
            return query.strip()
        value = list(value.values())
    if isinstance(value, list):
        return next((query for item in value if (query := _query_in(item))), None)
    return None
