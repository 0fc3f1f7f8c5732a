"""People, places, organizations and products: which mentions are one, and what is known of each.

Pure decisions over records. Attributes are never overwritten: the current value is the latest.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime

from domain.facts.attributes import current_attributes
from domain.facts.conflicts import NEWS
from domain.facts.extraction import EntityMention, Source, begun
from domain.facts.facts import Standing
from domain.facts.same_statement import says
from domain.owner import digest
from domain.records import Attribute, Entity
from domain.text.statements import denies
from domain.text.wording import fold, spelled
from domain.text.words import MARKS

_TITLES = frozenset(
    ("the", "dr", "doctor", "mr", "mrs", "ms", "miss", "mx", "sir", "prof", "professor")
)
_LETTER = r"[^\W\u3040-\u9fff\uac00-\ud7af]"
"""A character of a word, of scripts that put spaces between words."""
_BETWEEN = re.compile(rf"[^\w{MARKS}&+#'-]+")
_ENDING = re.compile(r"(?:'s|['-])+$")
_OWNED = re.compile(r"'s?$")


def name_key(name: str) -> str:
    """Return what is compared of a name: no case, accents, titles, possessive, punctuation.

    "Müller", "Mueller" and "Muller" are one name.
    """
    split = _BETWEEN.sub(" ", spelled(name)).split()
    words = [bare for word in split if (bare := _ENDING.sub("", word.lstrip("'-")))]
    while len(words) > 1 and words[0] in _TITLES:
        words.pop(0)
    return " ".join(words)


def entity_id(kind: str, name: str) -> str:
    """Return the id of an entity: the same kind and name, however written, give the same id."""
    return digest(f"{kind}\0{name_key(name)}")


def merge(
    mentions: Sequence[EntityMention],
    sources: Mapping[str, Source],
    stored: Sequence[Entity],
    now: datetime,
) -> tuple[Entity, ...]:
    """Return the new and the changed entities that mentions lead to, ready to be written.

    A mention meets the entity of its name or alias; a person also the one whose name holds all of
    its words, or the other way round ("Anna", "Anna Schmidt"), unless several fit or they stand
    in different relations. Kinds must agree, where "other" agrees with any. Applied again to its
    own result, the same mentions write nothing.

    Args:
        mentions: What a model found; those without a source in `sources` or a name are dropped.
        sources: The messages that were read, by reference.
        stored: Every entity of the owner.
        now: Upper bound of when something was said, against wrong clocks.
    """
    earliest = begun(sources.values(), now)
    entities = {entity.id: _told_before(entity, earliest, now) for entity in stored}
    written: dict[str, Entity] = {}
    placed = [
        mention for mention in mentions if mention.source in sources and name_key(mention.name)
    ]
    for mention in sorted(placed, key=lambda mention: sources[mention.source].at):
        at = sources[mention.source].at
        if mention.known is not None and mention.known not in entities:
            continue  # Somebody deleted it meanwhile.
        before = (
            entities.get(mention.known or "")
            or _mentioned_already(mention, at, entities)
            or _entity_of(mention, entities)
            or _new(mention)
        )
        after = _with_mention(before, mention, at)
        if after != before:
            entities[after.id] = written[after.id] = after
    return tuple(written.values())


def _told_before(entity: Entity, bound: datetime, now: datetime) -> Entity:
    """Return an entity with nothing told after `now`, as by a clock that was wrong."""
    attributes = tuple(
        each if each.valid_from <= now else each.model_copy(update={"valid_from": bound})
        for each in entity.attributes
    )
    return entity.model_copy(update={"attributes": attributes})


def with_ends(entity: Entity, standings: Iterable[Standing]) -> Entity:
    """Return an entity whose values end where the facts that state them do.

    A value ends when a fact of its message that names the entity and the value no longer holds,
    unless what holds instead says the value again. An attribute without a value is that end.
    `standings` are the facts that count, current and ended.
    """
    by_id = {standing.fact.id: standing for standing in standings}
    ends = []
    for standing in by_id.values():
        after = by_id.get(standing.superseded_by or "")
        if after is None or standing.until is None or not _names(standing.fact.text, entity):
            continue
        for attribute in entity.attributes:
            stated = attribute.source in standing.fact.sources and says(
                standing.fact.text, attribute.value
            )
            still = says(after.fact.text, attribute.value) and not denies(after.fact.text)
            if stated and not still:
                until = max(standing.until, attribute.valid_from)  # "Last week", told today.
                end = {"value": "", "source": after.fact.sources[0], "valid_from": until}
                ends.append(attribute.model_copy(update=end))
    return entity.model_copy(update={"attributes": (*entity.attributes, *ends)}) if ends else entity


def _names(text: str, entity: Entity) -> bool:
    """Return whether a text holds a word of an entity's names."""
    words = set(name_key(text).split())
    return any(words & set(key.split()) for key in _keys(entity))


def describe(
    entity: Entity, live_turns: Container[str] | None = None, as_of: datetime | None = None
) -> str:
    """Return an entity in one line: `Anna (person; also Dr. Anna Schmidt): relation: sister`."""
    about: list[str] = [] if entity.kind == "other" else [entity.kind]
    if entity.aliases:
        about.append("also " + ", ".join(entity.aliases))
    attributes = current_attributes(entity, live_turns, as_of)
    line = f"{entity.name} ({'; '.join(about)})" if about else entity.name
    if attributes:
        line += ": " + "; ".join(f"{name}: {value}" for name, value in attributes.items())
    return " ".join(line.split())


def relevant(entities: Iterable[Entity], message: str) -> list[Entity]:
    """Return the entities, those that a message names first, in the order it names them.

    A name, an alias, a person's first name and a relation ("my sister") all name an entity.
    """
    text = spelled(message)
    placed = [(_named_at(entity, text), entity) for entity in entities]
    named = sorted((pair for pair in placed if pair[0] >= 0), key=lambda pair: pair[0])
    return [entity for _, entity in named] + [entity for at, entity in placed if at < 0]


def _new(mention: EntityMention) -> Entity:
    return Entity(id=_id_of(mention), name=_shown(mention.name), kind=mention.kind)


def _id_of(mention: EntityMention) -> str:
    return entity_id(mention.kind, mention.name)


def _shown(name: str) -> str:
    return _OWNED.sub("", " ".join(name.split())).strip(' .,;:!?"()') or name


def _keys(entity: Entity) -> list[str]:
    return [name_key(name) for name in (entity.name, *entity.aliases)]


def _mentioned_already(
    mention: EntityMention, at: datetime, entities: Mapping[str, Entity]
) -> Entity | None:
    """Return an entity that has taken in this very mention before."""
    return next(
        (
            entity
            for entity in entities.values()
            if mention.source in entity.sources
            and name_key(mention.name) in _keys(entity)
            and _of_a_kind(mention, entity)
            and _with_mention(entity, mention, at) == entity
        ),
        None,
    )


def _entity_of(mention: EntityMention, entities: Mapping[str, Entity]) -> Entity | None:
    """Return the one known entity that a mention means, None where none or several fit."""
    key = name_key(mention.name)
    fitting = [entity for entity in entities.values() if _of_a_kind(mention, entity)]
    named = [entity for entity in fitting if key == name_key(entity.name)]
    partly = [entity for entity in fitting if key in _keys(entity) or _same_person(mention, entity)]
    near = [entity for entity in partly if mention.source in entity.sources]
    for group in (named, near, partly):
        group = [entity for entity in group if entity.kind == mention.kind] or group
        if len(group) == 1:
            return group[0]
    return entities.get(_id_of(mention))


def _of_a_kind(mention: EntityMention, entity: Entity) -> bool:
    return entity.kind == mention.kind or "other" in (entity.kind, mention.kind)


def _same_person(mention: EntityMention, entity: Entity) -> bool:
    """Return whether a shorter and a longer name can be one person's."""
    if mention.kind != "person" or entity.kind != "person":
        return False
    mention_words, entity_words = (
        set(name_key(mention.name).split()),
        set(name_key(entity.name).split()),
    )
    if not (mention_words <= entity_words or entity_words <= mention_words):
        return False
    relation = {_attribute(name): fold(value) for name, value in mention.attributes.items()}
    before = {attribute.name: fold(attribute.value) for attribute in entity.attributes}
    return relation.get("relation", "") in ("", before.get("relation", ""))


def _with_mention(entity: Entity, mention: EntityMention, at: datetime) -> Entity:
    """Return the entity with what a mention adds to it."""
    said = _shown(mention.name)
    name, aliases = entity.name, list(entity.aliases)
    if name_key(said) != name_key(name) and name_key(said) not in _keys(entity):
        fuller = len(name_key(said).split()) > len(name_key(name).split())
        aliases.append(name if fuller else said)
        name = said if fuller else name
    elif name.islower() and name_key(said) == name_key(name):
        name = said
    attributes = {
        (attribute.name, fold(attribute.value), attribute.source): attribute
        for attribute in entity.attributes
    }
    ends = mention.known is not None
    for label, value in mention.attributes.items():
        attribute = Attribute(
            name=_attribute(label),
            value=" ".join(value.split()),
            source=mention.source,
            valid_from=_end(entity, _attribute(label), at) if ends else at,
        )
        if attribute.name and (attribute.value or ends):
            attributes.setdefault(
                (attribute.name, fold(attribute.value), attribute.source), attribute
            )
    return entity.model_copy(
        update={
            "name": name,
            "kind": mention.kind if entity.kind == "other" else entity.kind,
            "aliases": tuple(aliases),
            "attributes": tuple(attributes.values()),
            "sources": tuple(dict.fromkeys((*entity.sources, mention.source))),
        }
    )


def _end(entity: Entity, attribute: str, at: datetime) -> datetime:
    """Return when an attribute ends that somebody said at a time to have ended.

    Not before it began, by a clock that is a little behind; but an old message ends nothing that
    was told long after it.
    """
    since = max(
        (each.valid_from for each in entity.attributes if each.name == attribute), default=at
    )
    return max(at, since) if since - at <= NEWS else at


def _attribute(label: str) -> str:
    return " ".join(fold(label).replace("_", " ").split())


def _named_at(entity: Entity, text: str) -> int:
    """Return where a folded text names an entity first, -1 where it does not."""
    names = _keys(entity)
    if entity.kind == "person":
        names.append(names[0].split()[0] if names[0] else "")
    relation = current_attributes(entity).get("relation", "")
    if relation:
        names.append("my " + fold(relation).removeprefix("the user's "))
    places = [
        match.start()
        for name in names
        if name and (match := re.search(rf"(?<!{_LETTER}){re.escape(name)}(?!{_LETTER})", text))
    ]
    return min(places, default=-1)
