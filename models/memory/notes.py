"""What a filled-in form notes: only what rests on real ids and on what was said is kept.

Nothing here calls a model; the forms stand in `schemas.py`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from domain.facts.attributes import Trait
from domain.facts.extraction import (
    EntityKind,
    EntityMention,
    Extraction,
    FactChange,
    FactKind,
    Source,
)
from domain.facts.lasting_wishes import LASTING, lasting_wish
from domain.facts.own_words import own_sentences
from domain.facts.same_statement import says
from domain.facts.statement import is_past
from domain.facts.support import supported
from domain.records import Fact
from domain.text.languages import ENGLISH, language_of
from domain.text.sentences import sentences
from domain.text.statements import denies, is_question, only_imagined
from domain.text.terms import content_words, stems
from domain.text.wishes import wants_forgotten
from domain.text.wording import numbers
from domain.text.words import grams, mentions, words
from models.errors import MalformedReply
from models.memory.fields import first_named, longest_text, named, or_none
from models.memory.prompts import day
from models.memory.read_form import objects

_USER = frozenset(("", "user", "the user", "users", "i", "me", "myself", "speaker", "you"))
"""How models call the user."""
_BY_USER = re.compile(r"^The user\b")
"""How a statement begins that a model noted of whoever speaks."""


def read_extraction(
    answer: Mapping[str, Any],
    messages: Sequence[Source],
    stored: Sequence[Fact],
    known_traits: Sequence[Trait] = (),
) -> Extraction:
    """Return what an answer holds that was said, with ids in place of numbers.

    A fact or entity that neither its message, the context of that message nor the fact it changes
    supports is left out and counted.

    Raises:
        MalformedReply: If it is another form.
    """
    if not answer.keys() & {"facts", "entities"}:
        raise MalformedReply("The model's answer holds neither facts nor entities.")
    items = objects(answer.get("facts"), "text")
    noted = [_changes(item, messages, stored, known_traits) for item in items]
    speakers = {message.ref: message.speaker for message in messages}
    ended = [
        end
        for item, changes in zip(items, noted, strict=True)
        for change in changes
        for end in _ended(item, change, known_traits, speakers[change.source])
    ]
    entities = [_entity(item, messages) for item in objects(answer.get("entities"), "name")]
    return Extraction(
        facts=[change for changes in noted for change in changes],
        # What a message says of an entity outlasts what it ends.
        entities=[*ended, *(entity for entity in entities if entity is not None)],
        dropped=noted.count([]) + entities.count(None),
    )


def _changes(
    item: dict[str, Any],
    messages: Sequence[Source],
    stored: Sequence[Fact],
    known_traits: Sequence[Trait],
) -> list[FactChange]:
    """Return what an item notes; none where nothing supports it."""
    text = " ".join(str(item.get("text", longest_text(item)) or "").split())
    source = first_named(item.get("source"), messages)
    if source is None:
        source = next((m for m in messages if supported(text, [_stated(m)])), None)
    if source is None:
        return []
    if item.get("op") == "forget":
        return _forgotten(item.get("target"), text, source, messages, stored)
    says = _says_something(text) and _stated(source)
    change = _stated_fact(item, text, source, stored, known_traits) if says else None
    return [change] if change else []


def _ended(
    item: dict[str, Any], change: FactChange, known_traits: Sequence[Trait], speaker: str
) -> Iterator[EntityMention]:
    """Yield what of known entities an item that states something ends with that.

    A plan ends nothing, nor does what was so before, what somebody else did ("my sister quit"),
    or a statement that says again what it would end.
    """
    if change.op == "forget" or change.kind == "plan" or is_past(change.text):
        return
    for trait in _traits(item, known_traits):
        names = " ".join((trait.entity.name, *trait.entity.aliases))
        if change.subject != speaker and not mentions(names, change.subject):
            continue
        if says(change.text, trait.value) and not denies(change.text):
            continue
        yield EntityMention(
            name=trait.entity.name,
            kind=trait.entity.kind,
            attributes={trait.name: ""},
            source=change.source,
            known=trait.entity.id,
        )


def _traits(item: dict[str, Any], known_traits: Sequence[Trait]) -> list[Trait]:
    """Return what an item says to end of known entities."""
    return named(item.get("target"), known_traits, "e") if item.get("op") == "supersede" else []


def _forgotten(
    target: Any, text: str, source: Source, messages: Sequence[Source], stored: Sequence[Fact]
) -> list[FactChange]:
    """Return what a message wants forgotten: in words, and each known fact that is named with it.

    Words that nothing supports are left out, and the facts beside them obeyed only where the
    message asks by its form: else a careless answer could take away anything.
    """
    known = named(target, stored)
    said = [*(message.text for message in messages), *(fact.text for fact in stored)]
    if text and supported(text, [*said, source.speaker, day(source.at), *source.before]):
        wishes: list[tuple[str, str | None]] = [(text, fact.id) for fact in known]
        wishes = wishes or [(text, None)]
    else:
        asks = any(wants_forgotten(said) is not None for said in sentences(source.text))
        wishes = [(fact.text, fact.id) for fact in known if asks]
    return [
        FactChange(op="forget", target=id, text=text, subject=source.speaker, source=source.ref)
        for text, id in wishes
    ]


def _stated_fact(
    item: dict[str, Any],
    text: str,
    source: Source,
    stored: Sequence[Fact],
    known_traits: Sequence[Trait],
) -> FactChange | None:
    """Return what a message states, as an item notes it; None where nothing supports that."""
    slot, traits = or_none(item.get("slot")), _traits(item, known_traits)
    ends = [f"{trait.entity.name} {trait.value}" for trait in traits]
    if ends and supported(text, ends):
        return None  # It says nothing but what was known.
    changed = named(item.get("target"), stored)
    if item.get("op") == "supersede":
        changed = [
            f
            for f in changed
            if _alike(text, slot, f) or any(says(f.text, t.value) for t in traits)
        ]
    # A statement that names a fact nobody knows is still one.
    op = item.get("op") if changed else "add"
    speaker = source.speaker  # "user" is whoever has no name
    subject = _subject(item, speaker)
    if speaker != "user":
        text = _BY_USER.sub(lambda _: speaker, text)
    own = [_stated(source), speaker, day(source.at), *(fact.text for fact in changed), *ends]
    behind = [*own, *source.before]
    if not supported(text, behind) or (subject != speaker and not supported(subject, behind)):
        return None
    kind = _kind(item, text, source, own, of_speaker=subject == speaker)
    if kind is None:
        return None
    if kind in LASTING and (wish := lasting_wish(text)) and wish.slot:
        slot = wish.slot
    try:
        return FactChange.model_validate(
            {
                "op": op,
                "target": changed[0].id if op != "add" else None,
                "also": [fact.id for fact in changed[1:]] if op == "supersede" else [],
                "text": text,
                "kind": kind,
                "subject": subject,
                "slot": slot,
                "source": source.ref,
                "when": or_none(item.get("when")),
            }
        )
    except ValidationError:
        return None


def _subject(item: dict[str, Any], speaker: str) -> str:
    """Return whom a statement is about, by the one name that its speaker has."""
    subject = or_none(item.get("subject")) or speaker
    return speaker if subject.casefold() in {*_USER, speaker.casefold()} else subject


def _kind(
    item: dict[str, Any], text: str, source: Source, own: Sequence[str], *, of_speaker: bool
) -> str | None:
    """Return the kind of a statement; None for a wish that an earlier message holds.

    It was read with that one. What somebody else wrote, or the agent, is nobody's wish.
    """
    kind = item.get("kind")
    if kind not in get_args(FactKind):
        return "other"
    if kind in LASTING:
        earlier = [line for line in source.before if line.startswith("User: ")]
        if supported(text, earlier) and not supported(text, own):
            return None
        if not of_speaker or not supported(text, list(own_sentences(source.text))):
            return "other"
    return str(kind)


def _entity(item: dict[str, Any], messages: Sequence[Source]) -> EntityMention | None:
    name = " ".join(str(item.get("name") or "").split())
    source = first_named(item.get("source"), messages)
    if source is None:
        source = next((m for m in messages if supported(name, [m.text])), None)
    if source is None or name.casefold() in {*_USER, source.speaker.casefold()}:
        return None
    if not _stated(source) or not any(map(str.isalnum, name)):
        return None  # What stands before a question may name it, and states nothing with it.
    behind = [_stated(source), *source.before]
    if not supported(name, behind):
        return None
    attributes = {
        str(each["name"]): str(each["value"])
        for each in objects(item.get("attributes"), "name")
        if each.get("name") and each.get("value") and supported(str(each["value"]), behind)
    }
    kind = item.get("kind") if item.get("kind") in get_args(EntityKind) else "other"
    return EntityMention(name=name, kind=kind, attributes=attributes, source=source.ref)


def _says_something(text: str) -> bool:
    """Return whether a note has several words, and a name, a number or a word of substance.

    Else anything supports it; one word alone says nothing of anybody, save in scripts that write
    many as one.
    """
    said = words(text)
    if len(said) < 2 and not any(map(grams, said)):
        return False
    own = {"user"} if language_of(text) in (None, ENGLISH) else set()
    named = any(word[0].isupper() for word in text.split()[1:])
    return bool(named or numbers(text) or set(content_words(text)) - own)


def _stated(message: Source) -> str:
    """Return what a message states: nothing is read from its questions and conditions."""
    said = sentences(message.text)
    return "\n".join(each for each in said if not is_question(each) and not only_imagined(each))


def _alike(text: str, slot: str | None, target: Fact) -> bool:
    """Return whether a statement and the fact it replaces are about the same thing."""
    if slot and target.slot and slot.casefold() == target.slot.casefold():
        return True
    ours, theirs = (set(stems(content_words(each))) for each in (text, target.text))
    return bool((ours & theirs) - set(stems(["user"])))
