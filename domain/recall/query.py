"""A message, read as a question to memory: what it is about, whom, when, and whether it asks.

Pure. What answers it is decided in `domain/recall/ranking.py`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.text.questions import asks, asks_about_oneself, asks_for, asks_what_you_said
from domain.text.terms import (
    content_words,
    names_inside,
    strong_terms,
    terms,
    terms_in_any_language,
    time_terms,
)
from domain.text.words import mentions

USER = "\0user"
"""The user, written as no speaker's name can be."""
ASSISTANT = "\0assistant"
"""The assistant, likewise."""


@dataclass(frozen=True)
class Question:
    """A message, read as a question to memory."""

    text: str
    terms: tuple[str, ...]
    """Stems of its content words."""
    about: tuple[str, ...]
    """The same without the names of the speakers, unless nothing else is left."""
    strong: frozenset[str]
    """Those that relate it to something: no greetings, no "remember", no words of its period."""
    asks: bool
    """Whether it asks, rather than states."""
    of_user: bool
    """Whether it asks about who says it."""
    of_the_past: bool
    """Whether it asks what was said or is known, or for an overview of it all."""
    many: bool
    """Whether many messages answer it: everything, or several things in their order."""
    speakers: frozenset[str]
    """The speakers that it names; where it names none, `USER`, `ASSISTANT` or both."""
    period: tuple[datetime, datetime] | None
    """The span of time that it names, end exclusive."""
    in_first_person: str
    """Its text, as the one speaker that it names would say it."""
    bare: str
    """Its content words without the speakers."""


def read_question(
    text: str,
    speakers: Sequence[str],
    period: tuple[datetime, datetime] | None,
    speaker: str | None = None,
    holds: Callable[[str], bool] = lambda term: False,
) -> Question:
    """Return a message read as a question.

    Args:
        text: The message.
        speakers: All who speak in the conversation.
        period: What time the message names.
        speaker: Who says it; None is the user, who has no name.
        holds: Whether any message that is remembered holds a term. The dog Ada, in a message of
            one word, is a name, though "ada" means "there is" in Indonesian.
    """
    named = frozenset(name for name in speakers if mentions(text, name))
    names = {term for name in speakers for term in terms(name)}
    small_names = names_inside(text, question=True)
    said = [*terms(text), *small_names]
    words = tuple(said or filter(holds, terms_in_any_language(text)))
    about = tuple(term for term in words if term not in names) or words
    first_person = text
    for name in sorted(named):
        first_person = re.sub(rf"\b{re.escape(name)}['’]s\b", "my", first_person)
        first_person = re.sub(rf"\b{re.escape(name)}\b", "I", first_person)
    strong = strong_terms(text) | small_names
    if not said:
        strong |= set(words)
    everything = asks_for(text, "all")
    bare = [word for word in content_words(text) if not names & set(terms(word))]
    meant = {speaker if speaker and speaker in speakers else USER}
    if asks_what_you_said(text):
        meant = {ASSISTANT}
    elif everything:
        meant.add(ASSISTANT)
    return Question(
        text=text,
        terms=words,
        about=about,
        strong=strong - names - (time_terms(text) if period else set()),
        asks=asks(text),
        of_user=asks_about_oneself(text),
        of_the_past=everything or asks_for(text, "past"),
        many=everything or asks_for(text, "order"),
        speakers=named or frozenset(meant),
        period=period,
        in_first_person=first_person,
        bare=" ".join(bare) or text,
    )
