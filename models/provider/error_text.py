"""What the text of a server's error says: why, how long a prompt may be, how long to wait. Pure.

Every server has its own words and its own form; what they have in common is read here.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from models.parts import text_of

_PAGE = re.compile(r"<(?:!doctype|html|head|body)\b", re.I)
_TAG = re.compile(r"<(?:script|style)\b[^<]*</(?:script|style)>|<[^<>]*>", re.I)
_TELLING = ("message", "error", "detail", "msg", "raw", "metadata", "errors")
"""The fields in which servers put their reason, the plainest first."""

_SUBJECT = (
    r"\b(?:inputs?|prompts?|messages|context(?! deadline| canceled)"
    r"|(?:prompt[ _]|input |max_num_)?tokens?|conversation)\b"
)
_OVER = (
    r"(?:exceed(?:s|ed|ing)?\b|too (?:long|large|big|many)|(?:long|great|larg)er than|overflow"
    r"|must (?:have|be) (?:less|fewer|no more) than|over the limit|only supports\D{0,20}\d[\d,]{2}"
    r"|`? (?:must|should) be <=)"
)
_SIZE = (
    r"\b(?:n_ctx|max_(?:seq|model)_len|(?:context|sequence)(?:[ _](?:window|length|size|limit))?)"
)
"""What servers call how much a model reads."""
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|max_tokens must be at least 1, got -"
    rf"|{_SUBJECT}(?:[^.]|\.\d){{0,80}}?{_OVER}"
    rf"|{_OVER} (?:\w+ ){{0,6}}?(?:context(?! deadline)|model token limit|n_ctx|max_\w+_len\b)"
    r"|reached context length|maximum (?:context|prompt) length|range of input length"
    r"|too many (?:input )?tokens|exceeds? (?:\w+ ){0,5}?limit of \d+ tokens"
    r"|request (?:body )?too large for",
    re.I,
)
"""How servers say that a prompt is too long for the model, or for what a plan lets through."""
_SIZED = re.compile(
    rf"{_SIZE}\D{{0,20}}?\d[\d,]{{2}}|[超过]长(?![时期])|超[过出].{{0,8}}长度", re.I
)
"""How some say so without such a word; in the words of a server that failed it says nothing."""
_REPLY = re.compile(
    r"output tokens|completion tokens|rate limit"
    r"|(?<!\+ )(?<!\+ `)max_(?:completion_)?tokens\W* (?:must(?! be at least 1, got -)|is too)",
    re.I,
)
"""What is too long then is the bound of the reply, which is no summand; unless the context is named
beside it."""
_BORNE = re.compile(r"(?<![a-z])(?:code|id|status|http)\b\W{0,4}\w*\d\w*", re.I)
"""Numbers of the error itself: its code, its status, the id of the request."""
_BRACKETED = re.compile(r"\(\d+\)")
"""A code as well, where it is the one number and nothing counts tokens."""
_NUMBER = r"(?<!\d)(?<!\w-)(?P<number>\d[\d,]{2,11})(?!\d|-\d|\.\d{0,9}[1-9])"
_WINDOWS = (
    re.compile(rf"(?:>|<=|n_ctx\W)\s*{_NUMBER}"),
    re.compile(rf"(?:{_SIZE}|max_num_tokens)(?:(?!\bby\b)\D){{0,20}}?{_NUMBER}", re.I),
    re.compile(
        rf"(?:context|maximum|limit|length|size|allowed|than|exceed|too long|too large|up to)"
        rf"(?:(?!\d{{3}}|\bby\b).){{0,40}}?(?<![\d.]){_NUMBER}",
        re.I,
    ),
)
"""The least number behind these words is what a model reads; the plainest words first."""
_PROMPT = re.compile(
    rf"{_NUMBER}(?: `?inputs?`? tokens"
    r"|(?: tokens)? (?:in|from|of) (?:the |your )?(?:input |text )*(?:messages|prompt|input))",
    re.I,
)
"""The prompt alone, where a reply is counted apart."""
_SENT = re.compile(
    r"(?:request|prompt|inputs?|requested|resulted in|messages|received|given|got|supplied|keep"
    rf"|contains|too long|length)\D{{0,24}}?{_NUMBER}",
    re.I,
)
_LEAST_WINDOW = 256
"""A smaller number in such an error counts something else."""

_WAIT = re.compile(
    r"(?:again|retry)\s+(?:in|after)\s+(?P<wait>(?:\d+(?:\.\d+)?\s*(?:ms|[dhms]|[a-z]+s?)\b\s*)+"
    r"|(?:\d+(?:\.\d+)?[dhms]s?)+)",
    re.I,
)
_PIECE = re.compile(r"(?<!\d)(\d{1,9}(?:\.\d{1,9})?)\s{0,3}(ms|milli|[dhms])", re.I)
_SECONDS = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_RUN = 20
"""Characters in a row that an error and a message share only where one quotes the other."""
_READ = 2_000
"""Characters of an error that are read, half of them at its end."""


def unquoted(text: str, messages: Sequence[BaseMessage]) -> str:
    """Return what an error says itself, without what it quotes of the messages that were sent."""
    if len(text) > _READ:
        text = f"{text[: _READ // 2]} ... {text[-_READ // 2 :]}"
    sent = "\n".join(form for message in messages for form in _forms(text_of(message.content)))
    own, quoted_until = "", 0
    for at, letter in enumerate(text):
        run = text[at : at + _RUN]
        if len(run) == _RUN and run in sent:
            quoted_until = at + _RUN
        if at >= quoted_until:
            own += letter
        elif not own.endswith("…"):
            own += "…"
    return own


def _forms(text: str) -> set[str]:
    """Return a text as it is, and as JSON and Python write it."""
    return {text, repr(text), json.dumps(text), json.dumps(text, ensure_ascii=False)}


def said(body: Any) -> str:
    """Return the reasons in the body of an error, in whatever form it has; else all its text."""
    return " ".join(dict.fromkeys(_reasons(body))) or " ".join(dict.fromkeys(_texts(body)))


def _reasons(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield plain(body)
    elif isinstance(body, list):
        for item in body:
            yield from _reasons(item)
    elif isinstance(body, dict):
        for field in _TELLING:
            yield from _reasons(body.get(field))


def all_said(body: Any) -> str:
    """Return all the text of an error, save the field in which some servers quote the request."""
    return " ".join(_texts(body))


def _texts(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, list | dict):
        own = [body[name] for name in body if name != "input"] if isinstance(body, dict) else body
        for item in own:
            yield from _texts(item)


def plain(text: str) -> str:
    """Return what a page of HTML says, such as a proxy's; any other text as it is."""
    return " ".join(_TAG.sub(" ", text).split()) if _PAGE.search(text) else text


def is_too_long(text: str, *, refused: bool = True) -> bool:
    """Return whether a text says that a prompt is too long, in refusing it or in failing."""
    about_context = re.search(r"context.length|context (?:limit|window)", text, re.I)
    too_long = _TOO_LONG.search(text) or (refused and _SIZED.search(text))
    return bool(too_long and (about_context or not _REPLY.search(text)))


def tokens_named(text: str) -> tuple[int | None, int | None]:
    """Return the tokens that the model reads and those of the prompt it was sent, where said."""
    text = _BORNE.sub("", text)
    if "token" not in text.casefold() and len(re.findall(r"\d{3,}", text)) == 1:
        text = _BRACKETED.sub("", text)
    named = ([n for n in _numbers(words, text) if n >= _LEAST_WINDOW] for words in _WINDOWS)
    window = min(next(filter(None, named), ()), default=None)
    if alone := _numbers(_PROMPT, text):
        return window, alone[0]
    longer = [number for number in _numbers(_SENT, text) if window and number > window]
    return window, longer[0] if longer else None


def _numbers(pattern: re.Pattern[str], text: str) -> list[int]:
    return [int(match["number"].replace(",", "")) for match in pattern.finditer(text)]


def wait_named(text: str) -> float | None:
    """Return the seconds to wait that a text names, such as "try again in 1m20s"."""
    match = _WAIT.search(text)
    if match is None:
        return None
    pieces = _PIECE.findall(match["wait"])
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in pieces) or None


def seconds(text: str, unit: float = 1.0) -> float | None:
    """Return a number of seconds in a header; None for what is none."""
    try:
        value = float(text) / unit
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None
