"""Whether a text says what a statement says, and what a statement names: by their words."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from domain.records import Entity, Fact, Turn
from domain.text.languages import LANGUAGES, language_of
from domain.text.meant import things
from domain.text.sentences import sentences
from domain.text.stemming import stem
from domain.text.terms import strong_terms, weak_terms
from domain.text.vocabulary import ENGLISH, vocabulary
from domain.text.words import words

ENOUGH = 0.75
"""Share of a statement's content words that a sentence must hold to say the same: of up to three
words all of them. Fewer would take in what only speaks of the same thing."""
USER = "user"
"""The subject of facts about whoever has no name."""
_ROOT = 5
"""Letters that two stems share at least, so that they may be of one word."""
_LONG_ENDINGS = {"ko": 2, "tr": 5, "fi": 5}
"""Letters that two words share at least where words go on in their endings."""


def tell(text: str, statements: Iterable[str]) -> bool:
    """Return whether a text says one of these statements."""
    return any(says(text, statement) for statement in statements)


def says(text: str, statement: str) -> bool:
    """Return whether a sentence of `text` says what `statement` says, whoever says it."""
    return any(_covers(sentence, statement) for sentence in sentences(text))


def _covers(sentence: str, statement: str) -> bool:
    """Return whether a sentence holds enough of a statement's words, whatever their endings.

    A statement of a word or two may not tell its language: it is read in that of the sentence too.
    """
    codes = dict.fromkeys(language_of(text) or ENGLISH for text in (sentence, statement))
    for code in codes:
        wanted, said = content_of(statement, code), _spoken(sentence, code)
        met = sum(1 for word in wanted if word in said or any(_meet(word, s, code) for s in said))
        if wanted and met >= ENOUGH * len(wanted):
            return True
    return False


def content_of(text: str, code: str) -> frozenset[str]:
    """Return the stems by which a statement is known; without weak ones where two are left."""
    spoken = _spoken(text, code)
    if not LANGUAGES[code].spaced:
        return spoken
    spoken -= _beside(code)
    strong = spoken - weak_terms(code)
    return strong if len(strong) > 1 else spoken


@lru_cache(maxsize=8_192)  # each sentence is held against many statements, and the other way round
def _spoken(text: str, code: str) -> frozenset[str]:
    """Return the stems of a text that are no stop words."""
    if not LANGUAGES[code].spaced:
        return strong_terms(text)
    idle = vocabulary(code).stop | {USER}
    return frozenset(stem(word, code) for word in words(text) if word not in idle)


@lru_cache(maxsize=len(LANGUAGES))
def _beside(code: str) -> frozenset[str]:
    """Return the stems of words beside a wish ("what I said") that say little of what is meant."""
    return frozenset(stem(word, code) for word in LANGUAGES[code].words("beside"))


def _meet(word: str, other: str, code: str) -> bool:
    """Return whether two stems are of one word, as "pregnant" and "pregnancy" are."""
    shorter, longer = sorted((word, other), key=len)
    if letters := _LONG_ENDINGS.get(code):
        begin = shorter[:letters]
        return longer.startswith(begin) and len(begin) >= min(letters, _ROOT - 1)
    if longer.startswith(shorter):
        return len(longer) < 2 * len(shorter) and len(shorter) >= _ROOT
    return word[: _ROOT + 2] == other[: _ROOT + 2] and len(longer) - len(shorter) <= 1


def names_of(statement: str, entities: Sequence[Entity]) -> list[str]:
    """Return the names of whoever a statement only names, and by what they are to the user."""
    return [
        name
        for entity in entities
        if any(
            says(each.value.replace("-", " "), thing)
            for thing in things(statement)
            for each in entity.attributes
            if each.name == "relation"
        )
        for name in (entity.name, *entity.aliases)
    ]


def named(statements: Iterable[str], facts: Sequence[Fact], turns: Sequence[Turn]) -> list[str]:
    """Return what statements name: where nobody says all of one, each of the things in it."""
    own = [said.text for turn in turns for said in turn.messages if said.role == "user"]
    known = [*(fact.text for fact in facts), *own]
    all_named: list[str] = []
    for statement in statements:
        parts = things(statement)
        whole = any(all(says(text, part) for part in parts) for text in known)
        all_named += [statement] if whole and len(parts) > 1 else parts
    return all_named
