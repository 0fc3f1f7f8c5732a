"""What users state in their turns: whole sentences, of which no note was made yet."""

from collections.abc import Callable, Collection, Iterable, Mapping

from domain.facts.lasting_wishes import lasting_wish
from domain.facts.same_statement import Sayings
from domain.records import Fact, Turn
from domain.text.sentences import sentences
from domain.text.statements import is_order, is_question
from domain.text.terms import strong_terms
from domain.text.wishes import may_mean_a_question, wants_forgotten

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


def taken_back(
    turns: Mapping[str, Turn], before: Iterable[str], asking: Collection[Turn]
) -> list[Turn]:
    """Return the turns of what was said last, going back from each of some turns.

    Args:
        turns: All turns, by id.
        before: Ids of the turns to begin with.
        asking: The turns that take it back. "Forget it" may take back a question, "I was joking"
            does not; as long as none is there yet, it may be either.
    """
    either = {turn.parent for turn in asking if _may_drop_a_question(turn)}
    last = (_last(turns, id, _says if not asking or id in either else _tells) for id in before)
    return [turn for turn in last if turn]


def statements_of(turn: Turn) -> list[str]:
    """Return the sentences in which the user states something in a turn."""
    return list(filter(_states, _sentences(turn)))


def own_texts(turn: Turn) -> list[str]:
    """Return the messages of a turn that the assistant did not write."""
    return [said.text for said in turn.messages if said.role == "user"]


def _sentences(turn: Turn) -> list[str]:
    return [each for text in own_texts(turn) for each in sentences(text)]


def _last(turns: Mapping[str, Turn], id: str, says: Callable[[str], bool]) -> Turn | None:
    """Return the last turn, going back from one, of which a sentence says something."""
    turn = turns.get(id)
    for _ in range(_BACK):
        if turn is None or any(map(says, _sentences(turn))):
            return turn
        turn = turns.get(turn.parent or "")
    return None


def _may_drop_a_question(turn: Turn) -> bool:
    back = [sentence for sentence in _sentences(turn) if wants_forgotten(sentence) == ""]
    return back != [] and all(map(may_mean_a_question, back))


def _says(sentence: str) -> bool:
    """Return whether a sentence is about something, and no wish to forget it."""
    return bool(strong_terms(sentence)) and wants_forgotten(sentence) is None


def _states(sentence: str) -> bool:
    """Return whether a sentence states something."""
    return _says(sentence) and not is_question(sentence)


def _tells(sentence: str) -> bool:
    """Return whether a sentence states something, or orders it for good."""
    return _states(sentence) and (not is_order(sentence) or lasting_wish(sentence) is not None)
