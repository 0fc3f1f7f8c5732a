"""A message, read as a question to memory: what it is about, whom, when, and whether it asks.

Pure. What answers it is decided in `domain/recall/ranking.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.text.terms import (
    asks,
    asks_of_the_past,
    content_words,
    keywords,
    terms,
    time_terms,
    weak_terms,
    words,
)

_FIRST_PERSON = frozenset({"i", "me", "my", "mine", "myself"})
_SECOND_PERSON = frozenset({"you", "your", "yours", "yourself"})


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
    keywords: frozenset[str]
    """Terms of its names, numbers and dates."""
    asks: bool
    """Whether it asks, rather than states."""
    of_the_past: bool
    """Whether it asks what was said or is known."""
    speakers: frozenset[str]
    """The speakers that it names."""
    period: tuple[datetime, datetime] | None
    """The span of time that it names, end exclusive."""
    in_first_person: str
    """Its text, as the one speaker that it names would say it."""
    bare: str
    """Its content words without the speakers."""


def read_question(
    text: str, speakers: Sequence[str], period: tuple[datetime, datetime] | None
) -> Question:
    """Return a message read as a question.

    Args:
        text: The message.
        speakers: Names of all who speak in the conversation.
        period: The span of time that the message names.
    """
    spoken = set(words(text))
    named = frozenset(one for one in speakers if spoken & set(words(one)))
    names = {term for one in speakers for term in terms(one)}
    everything = tuple(terms(text))
    about = tuple(term for term in everything if term not in names) or everything
    first_person = text
    for one in sorted(named):
        first_person = re.sub(rf"\b{re.escape(one)}['’]s\b", "my", first_person)
        first_person = re.sub(rf"\b{re.escape(one)}\b", "I", first_person)
    bare = [word for word in content_words(text) if not names & set(terms(word))]
    return Question(
        text=text,
        terms=everything,
        about=about,
        strong=frozenset(about) - weak_terms() - names - (time_terms(text) if period else set()),
        keywords=frozenset(keywords(text)) - names - weak_terms(),
        asks=asks(text),
        of_the_past=asks_of_the_past(text),
        speakers=named or _meant(spoken),
        period=period,
        in_first_person=first_person,
        bare=" ".join(bare) or text,
    )


def _meant(spoken: set[str]) -> frozenset[str]:
    """Return the role that "I" or "you" mean, written as no speaker's name can be."""
    if spoken & _FIRST_PERSON:
        return frozenset({"\0user"})
    return frozenset({"\0assistant"}) if spoken & _SECOND_PERSON else frozenset()
