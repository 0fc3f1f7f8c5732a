"""What one clause states: a sentence in third person, what kind of fact it is, and about whom.

Wording and labels only. Where a statement comes from is decided by the forms and own words.
"""

import re
from dataclasses import dataclass

from domain.facts.extraction import FactKind
from models.offline.words import EVENTS, NAME, PEOPLE, PET, RELATION

_TRAILING = re.compile(
    r"(?:[ ,]+(?:too|as well|though|actually|by the way|btw|lol|haha|right now|unfortunately"
    r"|of course|you know|please|thanks|at the moment|these days|nowadays|by now)|\W)+$",
    re.IGNORECASE,
)
_PRONOUNS = tuple(
    (re.compile(rf"\b{mine}\b", re.IGNORECASE), theirs)
    for mine, theirs in (
        ("i am", "they are"), ("i was", "they were"), ("i", "they"), ("we", "they"),
        ("my", "their"), ("our", "their"), ("me", "them"), ("us", "them"), ("mine", "theirs"),
        ("myself", "themself"),
    )
)  # fmt: skip
_KIND_WORDS: tuple[tuple[str, FactKind], ...] = (
    (r"allerg|medication|insulin|diabet|asthma|surger|diagnosed|pregnan|vaccin|therap|injur"
     r"|sprain|broke (?:their|my) |migraine|insomnia|anxiety|depress|c(?:o)?eliac|intoleran"
     r"|blood"
     r"|glasses|smok|hospital", "health"),
    (r"likes?\b|loves?\b|hates?\b|enjoys?|prefers?|dislikes?|adores?|vegetarian|vegan|avoids?"
     r"|afraid of|scared of|terrified|fears?\b|eats?\b|drinks?\b|fond"
     r"|interested", "preference"),
    (r"works?\b|worked|working|job|stud(?:y|ies|ied)|teach|promoted|hired|fired|laid off"
     r"|company"
     r"|graduat|degree|student|career|boss", "work"),
    (rf"(?:user|their \w+) (?:{EVENTS})\b|died|passed away|was|had", "event"),
    (rf"is (?:not )?{PEOPLE}|speaks?\b|an? (?:intro|extro)vert|years old|tall$", "identity"),
    (rf"(?:user's|their) {RELATION}\b|kids|children|sisters|brothers|{PET}s?\b|married"
     rf"|engaged"
     r"|divorced|single", "relation"),
    (r"lives?\b|lived|living|moved|grew up|house|apartment", "place"),
)  # fmt: skip
_KINDS = [(re.compile(rf"\b(?:{words})", re.IGNORECASE), kind) for words, kind in _KIND_WORDS]


@dataclass(frozen=True)
class Stated:
    """What one clause says."""

    text: str
    """In third person, a whole sentence."""
    kind: FactKind
    slot: str | None = None
    when: str | None = None
    """The words that say from when it is true, as the message has them."""
    subject: str = "user"
    ends: str | None = None
    """The slot whose known value it ends."""


def tidy(text: str) -> str:
    """Return a text without idle words and marks at its end, and with single spaces."""
    return " ".join(_TRAILING.sub("", text).split())


def as_sentence(text: str) -> str:
    """Return a statement as one sentence, what is the speaker's made theirs."""
    for mine, theirs in _PRONOUNS:
        text = mine.sub(theirs, text)
    return tidy(text) + "."


def kind_of(text: str, ahead: bool) -> FactKind:
    """Return what kind of fact a statement is: by its subject, then by its words."""
    if ahead:
        return "plan"
    if subject_of(text) != "user" and not _KINDS[0][0].search(text):
        return "relation"
    return next((kind for words, kind in _KINDS if words.search(text)), "other")


def subject_of(text: str) -> str:
    """Return whom a statement about the user's people is about: the name, else the relation."""
    match = re.match(rf"The user's (?P<who>{RELATION}|{PET})\b(?: (?P<name>{NAME}))?", text)
    return "user" if not match else match["name"] or f"user's {match['who']}"
