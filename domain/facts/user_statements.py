"""What users state in their turns: whole sentences, of which no note was made yet."""

from collections.abc import Collection, Iterable, Mapping

from domain.facts.same_statement import Sayings
from domain.records import Fact, Turn
from domain.text.sentences import sentences
from domain.text.statements import is_question
from domain.text.terms import strong_terms
from domain.text.wishes import wants_forgotten

_BACK = 5
"""Turns in which what was said last is looked for, from the one before "I was joking"."""


def said_only_in(
    removed: Collection[str], turns: Iterable[Turn], facts: Iterable[Fact]
) -> list[str]:
    """Return what the user states in these turns and in no other: what repeats it goes too."""
    if not removed:
        return []
    turns = list(turns)
    elsewhere = Sayings(
        text for turn in turns if turn.id not in removed for text in own_texts(turn)
    )
    said = [text for turn in turns if turn.id in removed for text in statements_of(turn)]
    said += [fact.text for fact in facts]
    return [text for text in said if not any(map(_states, elsewhere.saying(text)))]


def last_said(turns: Mapping[str, Turn], id: str) -> Turn | None:
    """Return the last turn, going back from one, in which the user states or asks something."""
    turn = turns.get(id)
    for _ in range(_BACK):
        if turn is None or any(map(_says, _sentences(turn))):
            return turn
        turn = turns.get(turn.parent or "")
    return None


def statements_of(turn: Turn) -> list[str]:
    """Return the sentences in which the user states something in a turn."""
    return list(filter(_states, _sentences(turn)))


def own_texts(turn: Turn) -> list[str]:
    """Return the messages of a turn that the assistant did not write."""
    return [said.text for said in turn.messages if said.role == "user"]


def _sentences(turn: Turn) -> list[str]:
    return [each for text in own_texts(turn) for each in sentences(text)]


def _says(sentence: str) -> bool:
    """Return whether a sentence is about something, and no wish to forget it."""
    return bool(strong_terms(sentence)) and wants_forgotten(sentence) is None


def _states(sentence: str) -> bool:
    """Return whether a sentence states something."""
    return _says(sentence) and not is_question(sentence)
