"""Reads a prompt without a language model: what was said before by whom, and what is said now.

A block begins with a line `<memory ...>` or `<wishes ...>` and ends with `</memory ...>`; in it
stand items, `- speaker: text`, `- 8 May 2026: text` or `- text`, under headings, `8 May 2026:`.
Whatever does not fit is passed over.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from domain.recall.passages import UNNAMED
from domain.text.dates.english import MONTHS
from domain.text.sentences import sentences
from models.forget_tool import FORGOTTEN

_BLOCK = re.compile(
    r"^[ \t]*<(?P<name>memory|wishes)\b[^>\n]*>[ \t]*\n?(?P<body>.*?)"
    r"(?:^[ \t]*</(?P=name)\b[^>\n]*>|\Z)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"</?(?:memory|wishes)\b[^>\n]*>?", re.IGNORECASE)
_DAY = rf"\d{{1,2}} (?:{'|'.join(MONTHS)}) \d{{4}}"
_DATED = re.compile(rf"^(?P<day>{_DAY}(?: to {_DAY})?): (?P<text>\S.*)$", re.DOTALL)
_SPEAKER = re.compile(r"^(?P<speaker>[^\W\d_][^:()\[\]\"“\n]{0,39}):\s+(?P<text>\S.*)$", re.DOTALL)
_PAST = ("(until ", "no longer true")
"""What marks a line as no longer so."""
_NOW = "9999"
"""The date of what was said in this conversation: after all others."""


@dataclass(frozen=True)
class Remembered:
    """One sentence that the prompt holds."""

    text: str
    note: bool
    """Whether it is a fact, an entity or part of a summary, rather than what a person said."""
    name: str
    """The name of who said it; "" for who speaks now and for notes."""
    day: str
    """The day as its heading says it, or ""."""
    date: str
    """The day as 2026-05-08, "" for none: later is larger."""

    @property
    def past(self) -> bool:
        """Whether the prompt marks it as no longer so."""
        return any(mark in self.text for mark in _PAST)


@dataclass(frozen=True)
class Reading:
    """A prompt as far as it can be understood."""

    message: str
    """What is said now."""
    said: str
    """The same without any label before it, which may be of another language."""
    remembered: tuple[Remembered, ...]
    """In the order of the prompt; without what the assistant said, which is no source."""
    replies: tuple[Remembered, ...] = ()
    """What the assistant said."""
    forgot: bool | None = None
    """Whether what the message wants forgotten was; None: nobody tried yet."""


def read(messages: Sequence[BaseMessage]) -> Reading:
    """Return what a prompt holds: the last human message, and everything remembered before it."""
    results = [str(message.text) for message in messages if isinstance(message, ToolMessage)]
    texts = [str(message.text) for message in messages if isinstance(message, HumanMessage)]
    told = [
        item for text in texts for block in _BLOCK.finditer(text) for item in _items(block["body"])
    ]
    for message in messages:
        if isinstance(message, AIMessage):
            told += _units(str(message.text), UNNAMED["assistant"], note=True)
    replies = [item for item in told if item.note and item.name]
    remembered = [item for item in told if not (item.note and item.name)]
    *before, now = [_TAG.sub(" ", _BLOCK.sub("\n", text)).strip() for text in texts] or [""]
    names = {item.name for item in remembered if not item.note}
    name, said = _named(now)
    if name and (name in names or name in [_named(text)[0] for text in before]):
        names.add(name)
        now = said
        whose = {"": UNNAMED["user"], name: ""}
    else:  # Whoever is the only one who speaks needs no name before the message.
        whose = dict.fromkeys(names, "") if len(names) == 1 else {}
    for text in before:
        label, rest = _named(text)
        remembered += _units(rest, label) if label in names else _units(text)
    return Reading(
        message=now,
        said=said,
        remembered=tuple(
            item if item.note else replace(item, name=whose.get(item.name, item.name))
            for item in remembered
        ),
        replies=tuple(replies),
        forgot=FORGOTTEN in results if results else None,
    )


def _named(text: str) -> tuple[str, str]:
    """Return the label before a text ("Ann: ..."), "" for none, and the text after it."""
    match = _SPEAKER.match(text)
    return (match["speaker"], match["text"]) if match else ("", text)


def _items(body: str) -> list[Remembered]:
    """Return what the items of a block say, each with the lines that go on with it."""
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
        day = heading if re.search(_DAY, heading) else ""
        if dated := _DATED.match(text):
            remembered += _units(dated["text"], day=dated["day"], note=True)
            continue
        speaker, said = ("", text) if "entit" in heading.casefold() else _named(text)
        name = "" if speaker == UNNAMED["user"] else speaker
        remembered += _units(said, name, day, note=speaker in ("", UNNAMED["assistant"]))
    return remembered


def _units(
    text: str, name: str = "", day: str | None = None, *, note: bool = False
) -> list[Remembered]:
    """Return each sentence of a text, said on a day; None: in this conversation."""
    date = _NOW if day is None else _sortable(day)
    return [
        Remembered(said, note, name, day or "", date)
        for said in sentences(_TAG.sub(" ", text).strip())
    ]


def _sortable(day: str) -> str:
    """Return the last date of a heading as 2026-05-08; "" for none."""
    dates = re.findall(_DAY, day)
    if not dates:
        return ""
    number, month, year = dates[-1].split()
    return f"{year}-{MONTHS.index(month) + 1:02}-{int(number):02}"
