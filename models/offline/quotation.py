"""How the offline model quotes what is remembered: who said it, when, and not too much of it."""

from collections.abc import Sequence

from models.offline.prompt import Remembered
from models.offline.texts import Texts
from models.tokens import TokenCounter

_QUOTE_TOKENS = 120
"""Tokens of one quotation; a longer one is shortened and ends with three dots."""


def quoted(items: Sequence[Remembered], tokens: TokenCounter, texts: Texts) -> str:
    """Return the items as quotations, each with who said it and when.

    Args:
        items: In the order in which they are quoted.
        tokens: Counts what is quoted.
        texts: The words around a quotation.
    """
    return " ".join(_quotation(item, tokens, texts) for item in items)


def _quotation(item: Remembered, tokens: TokenCounter, texts: Texts) -> str:
    quote = f'"{_shortened(item.text, tokens)}"'
    if item.name:
        return f"{item.name}{f' ({_day(item, texts)})' if item.day else ''}: {quote}"
    if item.by == "user" or not texts.english:
        return f"{texts.told.format(day=_day(item, texts)) if item.day else texts.here} {quote}"
    if item.by == "note":
        return f"From my notes{f' ({item.day})' if item.day else ''}: {quote}"
    return f"I said{f' on {item.day}' if item.day else ' earlier in this conversation'}: {quote}"


def _day(item: Remembered, texts: Texts) -> str:
    """Return the day of an item: as its English heading says it, else as 2026-05-08."""
    if texts.english:
        return item.day or ""
    number = item.order[0]
    return f"{number // 10_000}-{number // 100 % 100:02}-{number % 100:02}"


def _shortened(text: str, tokens: TokenCounter) -> str:
    if tokens.text(text) <= _QUOTE_TOKENS:
        return text
    short = text[: _QUOTE_TOKENS * 8]
    while tokens.text(short) > _QUOTE_TOKENS:
        short = short[: len(short) * 9 // 10]
    return f"{short.rpartition(' ')[0] or short} ..."
