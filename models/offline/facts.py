"""Facts without a language model: what the user states in the first person, in the user's words.

Keeps whole sentences as they were said. What one supersedes is left to a language model and to
edits; what repeats another is decided in `domain/facts/facts.py`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from domain.facts.extraction import Extraction, FactChange, Source
from domain.facts.lasting_wishes import Wish, lasting_wish
from domain.facts.own_words import own_sentences
from domain.text.meant import said_behind
from domain.text.statements import first_person, is_order, is_question, only_imagined
from domain.text.terms import numbers, strong_terms
from domain.text.wishes import may_mean_a_question, may_want_forgotten, wants_forgotten
from domain.text.words import words

_LONGEST = 400
"""Characters of a sentence that is still a statement of somebody's."""


def extract_offline(messages: Sequence[Source]) -> Extraction:
    """Return the statements of the user's messages, and what they ask for, or to forget, for good.

    Questions, other orders, suppositions, code, quotations and pasted text are passed over.

    What takes back what an earlier message said is a change without a text.
    """
    changes: list[FactChange] = []
    for message in messages:
        stated: list[FactChange] = []
        said = told = ""
        for sentence in dict.fromkeys(own_sentences(message.text)):
            if (wish := wants_forgotten(sentence)) is not None:
                may_ask = not wish and may_mean_a_question(sentence)
                if may_ask and is_question(said):
                    continue  # "Any recipes? Forget it." takes nothing back
                meant = wish or (said if may_ask else told)
                changes.append(_change("forget", meant, message))
                stated = [each for each in stated if each.text != meant]
                sentence = said_behind(sentence, wish)
                if wants_forgotten(sentence) is not None:
                    continue
            lasting = lasting_wish(sentence)
            if lasting is not None:
                stated.append(_asked_for(lasting, message))
            elif _is_statement(sentence):
                stated.append(_change("add", sentence, message))
            if strong_terms(sentence):
                said = lasting.text if lasting else sentence
                if lasting or not (is_question(said) or is_order(said)):
                    told = said
        changes += stated
    return Extraction(facts=changes)


def _is_statement(sentence: str) -> bool:
    """Return whether a sentence says something of its speaker that is worth keeping."""
    if is_question(sentence) or is_order(sentence) or only_imagined(sentence):
        return False
    if len(sentence) > _LONGEST or first_person(sentence) is False:
        return False
    return bool(strong_terms(sentence)) or numbers(words(sentence)) > 0


def wishes_to_forget(text: str) -> list[str]:
    """Return what a message wants forgotten: statements; "" for what was said last before it."""
    if not may_want_forgotten(text):
        return []
    message = Source(ref="", text=text, at=datetime.now(UTC))
    changes = extract_offline([message]).facts
    return [change.text for change in changes if change.op == "forget"]


def _change(op: Literal["add", "forget"], text: str, message: Source) -> FactChange:
    return FactChange(op=op, text=text, subject=message.speaker, source=message.ref)


def _asked_for(wish: Wish, message: Source) -> FactChange:
    stated = _change("add", wish.text, message)
    return stated.model_copy(update={"kind": wish.kind, "slot": wish.slot})
