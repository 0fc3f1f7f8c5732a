"""Whom and what the user's messages name: relatives, pets, homes, employers, places of birth.

Finds mentions. Which of them are one entity is decided in `domain/facts/entities.py`.
"""

import re
from collections.abc import Iterator

from domain.facts.extraction import EntityKind, EntityMention
from models.offline.statements import Stated
from models.offline.words import JOB, NAME, NUMBER, PEOPLE, PERSON, PET, RELATION

_HOME = re.compile(rf"The user lives \w+(?: to)? (?:the )?({NAME})")
_CALLED = r"(?:'s name is|,? (?:is )?(?:named|called)|,| is)?"
_NAMED = tuple(
    (re.compile(rf"\b{form}", re.IGNORECASE), kind)
    for form, kind in (
        (rf"(?:my|our) (?P<what>{RELATION}){_CALLED} (?!{PEOPLE})(?P<name>{PERSON})", "person"),
        (rf"(?P<name>{PERSON}) is my (?P<what>{RELATION})\b", "person"),
        (rf"(?:my|our|an?) (?:\w+ )?(?P<what>{PET}){_CALLED} (?P<name>(?-i:[A-Z]\w+))", "other"),
        (rf"(?P<name>(?-i:[A-Z]\w+)) is my (?P<what>{PET})\b", "other"),
    )
)
_OF_THEM = (
    ("job", re.compile(rf",? (?:is|who is) (an? {JOB})\b", re.I)),
    ("home", re.compile(rf".{{0,40}}?\blives? in ({NAME})", re.I)),
    ("employer", re.compile(rf".{{0,40}}?\bworks (?:at|for) ({NAME})", re.I)),
    ("age", re.compile(rf",? is ({NUMBER})(?: years old)?$", re.I)),
)
_ABOUT: dict[str, tuple[EntityKind, str]] = {
    "home": ("place", "home"),
    "employer": ("organization", "employer"),
    "birthplace": ("place", "birthplace"),
    "origin": ("place", "origin"),
}


def homes_of(text: str) -> list[str]:
    """Return the homes that a fact's text names."""
    return _HOME.findall(text)


def relatives(sentence: str, ref: str) -> Iterator[EntityMention]:
    """Yield the people and pets of the user that a sentence names, with what it says of them."""
    for pattern, kind in _NAMED:
        for match in pattern.finditer(sentence):
            what, about = match["what"].lower(), {}
            about["relation"] = what
            rest = re.split(r"[.!?;]| and (?:my|i) ", sentence[match.end() :])[0]
            for label, form in _OF_THEM:
                if found := form.match(rest):
                    about[label] = found[1]
            name = match["name"].removesuffix("'s").rstrip(".")
            yield EntityMention(
                name=name,
                kind="person" if kind == "person" else "other",
                attributes=about if kind == "person" else {"kind": what, "relation": "pet"},
                source=ref,
            )


def places(one: Stated, ref: str, homes: list[str]) -> Iterator[EntityMention]:
    """Yield the place or organization of a statement's slot; a home left behind is a former one."""
    about = _ABOUT.get(one.slot or "")
    name = re.search(NAME, one.text[len("The user ") :].rstrip("."))
    if about is None or name is None or name[0][0].isdigit():
        return
    if one.slot == "home":
        for before in homes:
            if before != name[0]:
                yield EntityMention(
                    name=before, kind="place", attributes={"relation": "former home"}, source=ref
                )
        homes[:] = [name[0]]
    yield EntityMention(name=name[0], kind=about[0], attributes={"relation": about[1]}, source=ref)
