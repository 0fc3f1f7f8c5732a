"""Reading a prompt without a language model: what is remembered in it, and what is asked.

A remembered block begins with a line `<memory ...>` and ends with `</memory ...>`, or is named
`wishes`; inside stand
items, `- speaker: text`, `- 8 May 2026: text` or `- text`, under headings, `8 May 2026:`. Whatever
does not fit is passed over.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from domain.recall.passages import UNNAMED
from domain.text.sentences import sentences
from models.forget_tool import FORGOTTEN

By = Literal["user", "assistant", "note"]

_BLOCK = re.compile(
    r"^[ \t]*<(?P<name>memory|wishes)\b[^>\n]*>[ \t]*\n?(?P<body>.*?)"
    r"(?:^[ \t]*</(?P=name)\b[^>\n]*>|\Z)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"</?(?:memory|wishes)\b[^>\n]*>?", re.IGNORECASE)
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAY = rf"\d{{1,2}} (?:{'|'.join(_MONTHS)}) \d{{4}}"
_DATES = re.compile(_DAY)
_DATED = re.compile(rf"^(?P<day>{_DAY}(?: to {_DAY})?): (?P<text>\S.*)$", re.DOTALL)
_SPEAKER = re.compile(r"^(?P<speaker>[^\W\d_][^:()\[\]\"“\n]{0,39}):\s+(?P<text>\S.*)$", re.DOTALL)
_PAST = re.compile(
    r"\((?:until|before|formerly)\b[^)]*\)|\bno longer (?:true|current)\b", re.IGNORECASE
)


_NOW = 99_999_999
"""The day of what was said in this conversation: after all others."""


@dataclass(frozen=True)
class Remembered:
    """One or two neighbouring sentences that the prompt holds."""

    text: str
    by: By
    name: str
    """The name of who said it; "" for who speaks now, for notes and for the assistant."""
    day: str | None
    """The day as its heading says it; None for what the heading does not date."""
    order: tuple[int, int, int]
    """Later means larger: days first, then the place in the prompt."""
    past: bool = False
    """True for what the prompt marks as no longer so."""
    pair: bool = False
    """True for two sentences."""


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
    humans = [index for index, m in enumerate(messages) if isinstance(m, HumanMessage)]
    last = humans[-1] if humans else -1
    texts = [str(message.text) for message in messages[: last + 1]]
    remembered: list[Remembered] = []
    for index in humans:
        for block in _BLOCK.finditer(texts[index]):
            remembered += _block(block["body"], len(remembered))
        texts[index] = _without_tags(_BLOCK.sub("\n", texts[index]))
    names = {item.name for item in remembered if item.by == "user"}
    name, said = _named(texts[last]) if humans else ("", "")
    labels = [_named(texts[index])[0] for index in humans[:-1]]
    whose: dict[str, str] = {}
    if name and (name in names or name in labels):
        names.add(name)
        texts[last] = said
        whose = {"": UNNAMED["user"], name: ""}
    elif len(names) == 1:  # Whoever is the only one who speaks needs no name before the message.
        whose = dict.fromkeys(names, "")
    for index, message in enumerate(messages[:last]):
        if isinstance(message, AIMessage):
            remembered += _units(texts[index], "assistant", "", None, (_NOW, index))
        elif index in humans:
            label, text = _named(texts[index])
            label, text = (label, text) if label in names else ("", texts[index])
            remembered += _units(text, "user", label, None, (_NOW, index))
    items = [
        replace(item, name=whose.get(item.name, item.name)) if item.by == "user" else item
        for item in remembered
    ]
    results = [str(message.text) for message in messages if isinstance(message, ToolMessage)]
    forgot = FORGOTTEN in results if results else None
    return Reading(texts[last] if humans else "", said, tuple(items), forgot)


def _named(text: str) -> tuple[str, str]:
    """Return the label before a text ("Ann: ..."), "" for none, and the text after it."""
    match = _SPEAKER.match(text.strip())
    return (match["speaker"], match["text"]) if match else ("", text)


def _block(body: str, offset: int) -> list[Remembered]:
    items: list[Remembered] = []
    heading = ""
    for line in _lines(body):
        if not line.startswith("- "):
            heading = line
            continue
        text = line.removeprefix("- ")
        by: By = "note"
        name = ""
        day = heading if _DATES.search(heading) else None
        if dated := _DATED.match(text):
            day, text = dated["day"], dated["text"]
        elif "entit" not in heading.casefold() and (spoken := _SPEAKER.match(text)):
            by, text = _by(spoken["speaker"]), spoken["text"]
            name = "" if spoken["speaker"] in UNNAMED.values() else spoken["speaker"]
        items += _units(text, by, name, day, (_day_number(day), offset + len(items)))
    return items


def _by(speaker: str) -> By:
    """Return who speaks: the model itself is "You", and anybody else talks with it."""
    return "assistant" if speaker.casefold() == "you" else "user"


def _lines(body: str) -> list[str]:
    """Return items ("- ..."), each with the lines that continue it, and the headings over them."""
    lines: list[str] = []
    for raw in body.splitlines():
        line = raw.strip()
        if line.startswith(("* ", "• ")):
            line = f"- {line[2:]}"
        if line.startswith("- ") or line.endswith(":"):
            lines.append(line.removesuffix(":") if not line.startswith("- ") else line)
        elif line and lines and lines[-1].startswith("- "):
            lines[-1] += f"\n{line}"
    return lines


def _units(
    text: str, by: By, name: str, day: str | None, place: tuple[int, int]
) -> list[Remembered]:
    """Return each sentence of a text, and each two in a row, which may need one another."""
    said = sentences(_without_tags(text))
    past = [_PAST.search(sentence) is not None for sentence in said]
    single = [
        Remembered(sentence, by, name, day, (*place, index), past[index])
        for index, sentence in enumerate(said)
    ]
    pairs = [
        Remembered(
            f"{first} {second}",
            by,
            name,
            day,
            (*place, index),
            past[index] or past[index + 1],
            pair=True,
        )
        for index, (first, second) in enumerate(pairwise(said))
    ]
    return single + pairs


def _without_tags(text: str) -> str:
    return _TAG.sub(" ", text).strip()


def _day_number(day: str | None) -> int:
    """Return the last date of a heading as a sortable number; 0 for none."""
    dates = _DATES.findall(day or "")
    if not dates:
        return 0
    number, month, year = dates[-1].split()
    return int(year) * 10_000 + (_MONTHS.index(month) + 1) * 100 + int(number)
