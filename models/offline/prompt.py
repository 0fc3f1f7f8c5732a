"""Reads a prompt without a language model: what is remembered in it, and what is said now.

A block begins with a line `<memory ...>` or `<wishes ...>` and ends with `</memory ...>`; in it
stand items, `- speaker: text`, `- 8 May 2026: text` or `- text`, under headings, `8 May 2026:`.
Whatever does not fit is passed over.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from domain.recall.passages import UNNAMED
from domain.text.dates.english import MONTHS
from domain.text.sentences import sentences
from models.forget_tool import FORGOTTEN

By = Literal["user", "assistant", "note"]

_BLOCK = re.compile(
    r"^[ \t]*<(?P<name>memory|wishes)\b[^>\n]*>[ \t]*\n?(?P<body>.*?)"
    r"(?:^[ \t]*</(?P=name)\b[^>\n]*>|\Z)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"</?(?:memory|wishes)\b[^>\n]*>?", re.IGNORECASE)
_DAY = rf"\d{{1,2}} (?:{'|'.join(MONTHS)}) \d{{4}}"
_DATED = re.compile(rf"^(?P<day>{_DAY}(?: to {_DAY})?): (?P<text>\S.*)$", re.DOTALL)
_SPEAKER = re.compile(r"^(?P<speaker>[^\W\d_][^:()\[\]\"“\n]{0,39}):\s+(?P<text>\S.*)$", re.DOTALL)
_PAST = re.compile(
    r"\((?:until|before|formerly)\b[^)]*\)|\bno longer (?:true|current)\b", re.IGNORECASE
)
_NOW = "9999"
"""The day of what was said in this conversation: after all others."""


@dataclass(frozen=True)
class Remembered:
    """One sentence that the prompt holds."""

    text: str
    by: By
    name: str
    """The name of who said it; "" for who speaks now, for notes and for the assistant."""
    day: str
    """The day as its heading says it, or ""."""
    order: tuple[str, int, int]
    """Later means larger: the day as 2026-05-08, then the place in the prompt."""
    past: bool
    """True for what the prompt marks as no longer so."""


@dataclass(frozen=True)
class Reading:
    """A prompt as far as it can be understood."""

    message: str
    """What is said now."""
    said: str
    """The same without any label before it, which may be of another language."""
    remembered: tuple[Remembered, ...]
    forgot: bool | None = None
    """Whether what the message wants forgotten was; None: nobody tried yet."""


def read(messages: Sequence[BaseMessage]) -> Reading:
    """Return what a prompt holds: the last human message, and everything remembered before it."""
    results = [str(message.text) for message in messages if isinstance(message, ToolMessage)]
    forgot = FORGOTTEN in results if results else None
    remembered: list[Remembered] = []
    texts: dict[int, str] = {}
    for index, message in enumerate(messages):
        if isinstance(message, HumanMessage):
            for block in _BLOCK.finditer(str(message.text)):
                remembered += _block(block["body"], len(remembered))
            texts[index] = _TAG.sub(" ", _BLOCK.sub("\n", str(message.text))).strip()
    if not texts:
        return Reading("", "", tuple(remembered), forgot)
    last, now = texts.popitem()
    names = {item.name for item in remembered if item.by == "user"}
    name, said = _named(now)
    whose: dict[str, str] = {}
    if name and (name in names or name in [_named(text)[0] for text in texts.values()]):
        names.add(name)
        now = said
        whose = {"": UNNAMED["user"], name: ""}
    elif len(names) == 1:  # Whoever is the only one who speaks needs no name before the message.
        whose = dict.fromkeys(names, "")
    for index, message in enumerate(messages[:last]):
        if isinstance(message, AIMessage):
            remembered += _units(str(message.text), "assistant", (_NOW, index))
        elif index in texts:
            label, text = _named(texts[index])
            label, text = (label, text) if label in names else ("", texts[index])
            remembered += _units(text, "user", (_NOW, index), label)
    items = [
        replace(item, name=whose.get(item.name, item.name)) if item.by == "user" else item
        for item in remembered
    ]
    return Reading(now, said, tuple(items), forgot)


def _named(text: str) -> tuple[str, str]:
    """Return the label before a text ("Ann: ..."), "" for none, and the text after it."""
    match = _SPEAKER.match(text)
    return (match["speaker"], match["text"]) if match else ("", text)


def _block(body: str, offset: int) -> list[Remembered]:
    """Return the items of a block, each with the lines that go on with it."""
    items: list[tuple[str, str]] = []
    heading = ""
    for line in map(str.strip, body.splitlines()):
        if line.startswith("- "):
            items.append((heading, line.removeprefix("- ")))
        elif line.endswith(":"):
            heading = line.removesuffix(":")
        elif line and items:
            items[-1] = (items[-1][0], f"{items[-1][1]}\n{line}")
    remembered: list[Remembered] = []
    for heading, text in items:
        by: By = "note"
        day, name = heading if re.search(_DAY, heading) else "", ""
        if dated := _DATED.match(text):
            day, text = dated["day"], dated["text"]
        elif "entit" not in heading.casefold():
            speaker, text = _named(text)
            if speaker:
                by = "assistant" if speaker == UNNAMED["assistant"] else "user"
            name = "" if speaker in UNNAMED.values() else speaker
        remembered += _units(text, by, (_sortable(day), offset + len(remembered)), name, day)
    return remembered


def _units(
    text: str, by: By, place: tuple[str, int], name: str = "", day: str = ""
) -> list[Remembered]:
    """Return each sentence of a text."""
    return [
        Remembered(said, by, name, day, (*place, index), _PAST.search(said) is not None)
        for index, said in enumerate(sentences(_TAG.sub(" ", text).strip()))
    ]


def _sortable(day: str) -> str:
    """Return the last date of a heading as 2026-05-08; "" for none."""
    dates = re.findall(_DAY, day)
    if not dates:
        return ""
    number, month, year = dates[-1].split()
    return f"{year}-{MONTHS.index(month) + 1:02}-{int(number):02}"
