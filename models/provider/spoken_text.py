"""What a model says of its own accord: without thoughts, and without what a template leaves. Pure.

Models think aloud in markup of many kinds, write special tokens as text, and some go on with what
the other side may say. Tool calls written as text are in `written_calls`.
"""

import re

from domain.clean_text import clean

HOLD = 100
"""Characters after a bracket or a tag in which it shows whether a call or a delimiter began."""
_CODE = r"(?P<code>```.*?```|`(?=\S)[^`\n]+(?<=\S)`)"
"""What a reply quotes as code is part of it, whatever it holds; a fence that nothing closes and a
lone backtick quote nothing."""
_THINK = r"(?:\w{1,12}[:_])?(?:think|thinking|thought|thoughts|reasoning|reflection|scratch_?pad)"
_BEGIN = (
    rf"(?:<{_THINK}>|◁{_THINK}▷|<\|(?:(?:begin_of|start)_)?{_THINK}\|>|<\|inner_prefix\|>"
    r"|(?-i:\[THINK\])|<\|channel\|?>\s*(?:analysis|thought)(?!\w| to=)(?:[^<>\n]*<\|message\|>)?"
    r"|\A(?-i:(?:assistant)?analysis(?=[A-Z])))"
)
_END = (
    rf"(?:</{_THINK}>|◁/{_THINK}▷|<\|(?:/|end_of_|end_){_THINK}\|>|(?-i:\[/THINK\])"
    r"|<\|(?:end|return|inner_suffix)\|>|<channel\|>|(?=<\|(?:start|channel)\|)"
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
_HEADER = (
    r"\A\s*(?:(?:<\|(?:im_start|start_header_id|start_of_role)\|>|<start_of_turn>)"
    r"(?:assistant|model)\b(?! to=)(?:<\|(?:end_header_id|end_of_role)\|>)?"
    r"|<[|｜]assistant[|｜]>\s*\n)\s*"
)
"""What a template has in front of a reply."""
_SPECIAL = (
    rf"(?:{_HEADER}|\A(?-i:assistantfinal(?=[A-Z]))"
    r"|(?:<\|start\|>\w*)?<\|channel\|>\s*(?:final|commentary)(?! to=)[^<>\n]*"
    r"(?:<\|constrain\|>\w*)?"
    r"|<\|(?:message|end|return|(?:start|end)_response|im_end|im_start|eot_id|eom_id)\|>"
    r"|<\|start\|>assistant(?! to=)"
    r"|(?:<[|｜][\w▁]{1,40}[|｜]>|</s>|<end_of_turn>)\s*\Z)"
)
_TOKEN = re.compile(rf"{_CODE}|{_SPECIAL}", re.S | re.I)
"""What is left of a template around a reply; at its end, any special token."""
_ENDS = r"(?:<[|｜][\w▁]{1,40}[|｜]>|<end_of_turn>|</s>)\s*"
_BEGINS_TURN = r"(?:<\|(?:im_start|start_header_id|start|start_of_role)\|>|<start_of_turn>)"
_OTHERS_TURN = re.compile(
    rf"{_ENDS}(?:{_BEGINS_TURN}(?:user|human)\b|<[|｜]user[|｜]>|\[INST\])", re.I
)
"""Where a model that does not stop goes on with what the user may say: an end, and a beginning."""
_TURN = re.compile(rf"{_BEGINS_TURN}|<[|｜](?:user|assistant|system)[|｜]>|\[INST\]", re.I)
"""Where a turn begins."""
_HELD = re.compile(rf"{_ENDS}(?:{_BEGINS_TURN}\w{{0,9}})?\Z", re.I)
"""Where it shows next whose turn begins."""
_MARKUP = re.compile(rf"{_BEGIN}|{_END}|{_SPECIAL}", re.S | re.I)


def spoken(raw: str, *, final: bool) -> str:
    """Return a reply without what was thought aloud, and what is left of a template."""
    raw = raw if final else _decided(raw)
    text = _THOUGHT.sub(lambda part: _kept(part, final=final), raw)
    text = _own_turn(text[_thought_end(text) :])
    return _TOKEN.sub(lambda part: part["code"] or "", text)


def _own_turn(text: str) -> str:
    """Return a reply up to where it goes on as the user; one that shows a template stays whole."""
    other = _OTHERS_TURN.search(text)
    if other is None or text.count("```", 0, other.start()) % 2:
        return text
    return text if _TURN.search(text, 1, other.start()) else text[: other.start()]


def _decided(raw: str) -> str:
    """Return a reply up to markup of which the rest decides what it is.

    In a fence that may still be closed, it may be quoted.
    """
    markup = _HELD.search(raw, max(0, len(raw) - HOLD))
    if raw.count("```") % 2:
        markup = _MARKUP.search(raw, raw.rindex("```")) or markup
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
    spoken_of = part["in"] != part["in"].strip() if part["end"] else final
    return part[0] if spoken_of else ""


def _thought_end(text: str) -> int:
    """Return where a thought ends of which the beginning is not marked; 0 where there is none."""
    ends = [found for found in _THOUGHT_END.finditer(text) if found["code"] is None]
    return 0 if not ends or _BEGINS.search(text, 0, ends[-1].start()) else ends[-1].end()


def thoughts(raw: str) -> str:
    """Return what a model thought aloud."""
    raw = _decided(raw)
    rest = _THOUGHT.sub(lambda part: _kept(part, final=True), raw)
    parts = [part["in"] for part in _THOUGHT.finditer(raw) if not _kept(part, final=True)]
    end = _THOUGHT_END.sub(lambda part: part["code"] or "", rest[: _thought_end(rest)])
    return clean("\n".join(part.strip() for part in (end, *parts)).strip())
