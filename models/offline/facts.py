"""Facts without a language model: what the user states in the first person, in the user's words.

Keeps whole sentences as they were said. What one supersedes is left to a language model and to
edits; what repeats another is decided in `domain/facts/facts.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from domain.facts.extraction import Extraction, FactChange, Source
from domain.facts.lasting_wishes import Wish, lasting_wish
from domain.facts.own_words import own_sentences
from domain.records import Fact
from domain.text.statements import first_person, is_order, is_question, only_imagined
from domain.text.terms import numbers, strong_terms
from domain.text.wishes import wants_forgotten
from domain.text.words import words

_LONGEST = 400
"""Characters of a sentence that is still a statement of somebody's."""


def extract_offline(
    messages: Sequence[Source], stored: Sequence[Fact], now: datetime
) -> Extraction:
    """Return the statements of the user's messages, and what they ask for, or to forget, for good.

    Questions, other orders, suppositions, code, quotations and pasted text are passed over.

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
            elif (lasting := lasting_wish(sentence)) is not None:
                changes.append(_asked_for(lasting, message))
            elif _is_statement(sentence):
                changes.append(_change("add", sentence, message))
    return Extraction(facts=changes)


def _is_statement(sentence: str) -> bool:
    """Return whether a sentence says something of its speaker that is worth keeping."""
    if is_question(sentence) or is_order(sentence) or only_imagined(sentence):
        return False
    if len(sentence) > _LONGEST or first_person(sentence) is False:
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


def _asked_for(wish: Wish, message: Source) -> FactChange:
    stated = _change("add", wish.text, message)
    return stated.model_copy(update={"kind": wish.kind, "slot": wish.slot})
