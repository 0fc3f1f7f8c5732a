"""What a wish to forget reaches: the facts that state it, and the turns that say it again.

Pure decisions over records. Where they are stored, and who wished it, is decided elsewhere.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from domain.records import Episode, Fact, Turn, turn_of
from domain.text.sentences import sentences
from domain.text.stemming import stem
from domain.text.terms import terms, weak_terms

ENOUGH = 0.75
"""Share of a statement's content words that a sentence must hold to say the same: of up to three
words all of them. Fewer would take in what only speaks of the same thing."""


@dataclass(frozen=True)
class Reach:
    """What is to be forgotten together."""

    facts: tuple[Fact, ...]
    """Facts that state it; none of them is a tombstone."""
    statements: tuple[str, ...]
    """All that is to be forgotten, in words: what was wished, and what the facts say."""
    withheld: frozenset[str]
    """Turns in which somebody says it, and episodes whose summary does: for no prompt."""


def reach(
    facts: Iterable[Fact],
    turns: Iterable[Turn],
    episodes: Iterable[Episode],
    *,
    ids: Collection[str] = (),
    statements: Iterable[str] = (),
    removed: Collection[str] = (),
) -> Reach:
    """Return what a wish to forget reaches.

    Args:
        facts: All facts of an owner.
        turns: All turns that the owner's journal and episodes hold.
        episodes: All episodes.
        ids: Facts to forget.
        statements: What else is to be forgotten, in words.
        removed: Turns that were taken out of their thread: what only they state goes with them.
    """
    standing = [fact for fact in facts if not fact.deleted]
    wished = [*statements, *(fact.text for fact in standing if fact.id in ids)]
    stated = [
        fact
        for fact in standing
        if fact.id in ids or any(says(fact.text, w) or says(w, fact.text) for w in wished)
    ]
    wished += [fact.text for fact in stated]
    alone = [fact for fact in standing if {turn_of(ref) for ref in fact.sources} <= set(removed)]
    hidden = {turn_of(ref) for fact in stated for ref in fact.sources} | set(removed)
    hidden |= {turn.id for turn in turns if any(tell(m.text, wished) for m in turn.messages)}
    hidden |= {episode.id for episode in episodes if tell(episode.summary, wished)}
    gone = {fact.id: fact for fact in (*stated, *alone)}
    return Reach(tuple(gone.values()), tuple(dict.fromkeys(wished)), frozenset(hidden))


def tell(text: str, statements: Iterable[str]) -> bool:
    """Return whether a text says one of these statements."""
    return any(says(text, statement) for statement in statements)


def says(text: str, statement: str) -> bool:
    """Return whether a sentence of `text` says what `statement` says, whoever says it."""
    wanted = _content(statement)
    if not wanted:
        return False
    return any(
        len(wanted & set(terms(sentence))) >= ENOUGH * len(wanted) for sentence in sentences(text)
    )


def _content(statement: str) -> frozenset[str]:
    """Return the terms by which a statement is known; without weak ones where two are left."""
    spoken = frozenset(terms(statement)) - {stem("user")}
    strong = spoken - weak_terms()
    return strong if len(strong) > 1 else spoken
