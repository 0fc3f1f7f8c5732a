"""Facts without a language model: what the user states in the first person, in the user's words.

Keeps whole sentences as they were said. What one supersedes is left to a language model and to
edits; what repeats another is decided in `domain/facts/facts.py`.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from domain.facts.extraction import Extraction, FactChange, Source
from domain.records import Fact
from domain.text.sentences import sentences
from domain.text.statements import first_person, is_order, is_question, only_imagined
from domain.text.terms import numbers, strong_terms
from domain.text.wishes import wants_forgotten
from domain.text.words import words

_FENCES = ("```", "~~~")
_QUOTING = (">", "|", "#", "<", "{", "}", "$", "//")
"""How a line begins that is quoted, part of a table, or of a program."""
_OPENING, _CLOSING = '"“”„«»「」『』', '"“”„«»「」『』'
_LABEL = re.compile(r"[^\W\d_][\w .'-]{0,24}: ")
"""A line of somebody's in a dialogue."""
_PASTED = 4
"""Lines in a row from which on a paragraph is taken for pasted, and paragraphs of such a letter."""
_LONGEST = 400
"""Characters of a sentence that is still a statement of somebody's."""
_TITLE = 3
"""Words of a quotation that is a name or a title, and no statement of someone else."""


def extract_offline(
    messages: Sequence[Source], stored: Sequence[Fact], now: datetime
) -> Extraction:
    """Return the statements of the user's messages, and what they ask to forget.

    Questions, orders, suppositions, code, quotations and pasted text are passed over.

    Args:
        messages: The user's messages, oldest first.
        stored: Facts known already: what is taken back may be the newest of them.
        now: Upper bound of when a message was said, against wrong clocks.
    """
    changes: list[FactChange] = []
    for message in messages:
        for sentence in dict.fromkeys(own_sentences(message.text)):
            wish = wants_forgotten(sentence)
            if wish is not None:
                changes = _forgetting(wish, message, changes, stored)
            elif _is_statement(sentence):
                changes.append(_change("add", sentence, message))
    return Extraction(facts=changes)


def own_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a message that are neither code nor quoted nor pasted."""
    paragraphs = [lines for lines in _paragraphs(text) if len(lines) < _PASTED]
    if sum(map(len, paragraphs)) > 2 * _PASTED:
        return  # a letter, a poem or a log of many short paragraphs
    for lines in paragraphs:
        if sum(1 for line in lines if _LABEL.match(line)) > 1:
            continue
        for sentence in sentences("\n".join(lines)):
            if len(sentence) <= _LONGEST and not _quotes(sentence):
                yield sentence


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Yield the lines of each paragraph, without fenced and quoted ones."""
    lines: list[str] = []
    fenced = False
    for line in (*text.splitlines(), ""):
        bare = line.strip()
        if bare.startswith(_FENCES):
            fenced = not fenced
        elif fenced or bare.startswith(_QUOTING):
            continue
        elif bare:
            lines.append(bare)
        elif lines:
            yield lines
            lines = []


def _quotes(sentence: str) -> bool:
    """Return whether a sentence holds more of a quotation than a name or a title."""
    pieces = re.split(f"[{_OPENING}]", sentence)
    return any(len(piece.split()) > _TITLE or _mostly(piece, sentence) for piece in pieces[1::2])


def _mostly(piece: str, sentence: str) -> bool:
    return len(piece) > len(sentence) // 2


def _is_statement(sentence: str) -> bool:
    """Return whether a sentence says something of its speaker that is worth keeping."""
    if is_question(sentence) or is_order(sentence) or only_imagined(sentence):
        return False
    if first_person(sentence) is False:
        return False
    return bool(strong_terms(sentence)) or numbers(words(sentence)) > 0


def _forgetting(
    wish: str, message: Source, changes: list[FactChange], stored: Sequence[Fact]
) -> list[FactChange]:
    """Return the changes with those that a wish to forget asks for."""
    if wish:
        return [*changes, _change("forget", wish, message)]
    stated = [change for change in changes if change.op == "add"]
    if stated:
        back = [change for change in stated if change.source == stated[-1].source][-1:]
        others = [change for change in changes if change not in back]
        return [*others, *(_change("forget", change.text, message) for change in back)]
    last = max(stored, key=lambda fact: (fact.observed_at, fact.id), default=None)
    return changes if last is None else [*changes, _change("forget", last.text, message, last.id)]


def _change(
    op: Literal["add", "forget"], text: str, message: Source, target: str | None = None
) -> FactChange:
    return FactChange(op=op, target=target, text=text, subject=message.speaker, source=message.ref)
