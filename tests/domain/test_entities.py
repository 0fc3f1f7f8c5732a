"""Who and what is known: which mentions meet, the history of attributes, what a message names."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.facts.attributes import current_attributes
from domain.facts.entities import describe, entity_id, merge, name_key, relevant
from domain.facts.extraction import EntityKind, EntityMention, Source
from domain.records import Entity

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOW = START + timedelta(days=100)


def said(day: int) -> Source:
    return Source(ref=f"turn{day}/0", text="...", at=START + timedelta(days=day))


def mention(
    name: str, day: int = 0, kind: EntityKind = "person", **attributes: str
) -> EntityMention:
    return EntityMention(name=name, kind=kind, attributes=attributes, source=f"turn{day}/0")


SOURCES = {one.ref: one for one in map(said, range(30))}


def merged(*mentions: EntityMention, known: Sequence[Entity] = ()) -> list[Entity]:
    """The entities as a store would hold them after each mention was heard by itself."""
    entities = {one.id: one for one in known}
    for one in mentions:
        entities.update(
            (entity.id, entity) for entity in merge([one], SOURCES, [*entities.values()], NOW)
        )
    return list(entities.values())


@pytest.mark.parametrize(
    "other",
    ["anna schmidt", "ANNA SCHMIDT", "Anna  Schmidt", "Anna Schmidt's", "Dr. Anna Schmidt",
     "Änna Schmidt", "Prof. Dr. Anna Schmidt", "Anna Schmidt,", "Anna Schmidt’s"],
)  # fmt: skip
def test_one_name_however_written_is_one_entity(other: str) -> None:
    entities = merged(mention("Anna Schmidt"), mention(other, 1))
    assert len(entities) == 1
    assert entities[0].sources == ("turn0/0", "turn1/0")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("José", "Jose", True), ("Артём", "Артем", True), ("محمّد", "محمد", True),
        ("ｱﾝﾅ", "アンナ", True), ("İlker", "ilker", True), ("Ἀλέξης", "Αλεξης", True),
        ("タイキ", "ダイキ", False), ("ハル", "バル", False), ("कमल", "कमला", False),
        ("মীনা", "মিনা", False), ("สมชาย", "สมชัย", False),
    ],
)  # fmt: skip
def test_an_accent_may_be_left_out_of_a_name_but_no_letter(
    one: str, other: str, same: bool
) -> None:
    assert (name_key(one) == name_key(other)) is same


def test_a_first_name_meets_the_only_full_name_it_fits() -> None:
    for names in (
        ("Anna Schmidt", "Anna"),
        ("Anna", "Anna Schmidt"),
        ("Anna Schmidt", "Dr. Schmidt"),
    ):
        (entity,) = merged(*(mention(name, day) for day, name in enumerate(names)))
        assert entity.name == "Anna Schmidt"
        assert len(entity.aliases) == 1


def test_a_first_name_that_fits_two_people_is_a_third() -> None:
    entities = merged(mention("Anna Schmidt"), mention("Anna Meyer", 1), mention("Anna", 2))
    assert sorted(one.name for one in entities) == ["Anna", "Anna Meyer", "Anna Schmidt"]


def test_people_in_different_relations_do_not_meet_by_a_first_name() -> None:
    entities = merged(
        mention("Anna", relation="sister"), mention("Anna Schmidt", 1, relation="boss")
    )
    assert len(entities) == 2


def test_kinds_keep_a_person_and_a_place_apart_and_other_joins_either() -> None:
    paris = merged(mention("Paris"), mention("Paris", 1, "place"))
    assert len(paris) == 2
    (acme,) = merged(mention("Acme", 0, "other"), mention("ACME", 1, "organization"))
    assert (acme.kind, acme.id) == ("organization", entity_id("other", "Acme"))
    assert len(merged(mention("York", 0, "place"), mention("New York", 1, "place"))) == 2


def test_attributes_keep_their_history_and_the_latest_live_value_is_current() -> None:
    (anna,) = merged(
        mention("Anna", 0, Home="Boston", relation="sister"), mention("Anna", 9, home="Denver")
    )
    assert [one.value for one in anna.attributes] == ["Boston", "sister", "Denver"]
    assert current_attributes(anna) == {"home": "Denver", "relation": "sister"}
    assert current_attributes(anna, {"turn0"}) == {"home": "Boston", "relation": "sister"}
    assert current_attributes(anna, as_of=START) == {"home": "Boston", "relation": "sister"}
    assert current_attributes(anna, set()) == {}


def test_a_mention_told_late_is_not_the_current_value() -> None:
    (anna,) = merged(mention("Anna", 9, home="Denver"), mention("Anna", 0, home="Boston"))
    assert current_attributes(anna) == {"home": "Denver"}


def test_a_mention_without_a_known_source_or_a_name_is_dropped() -> None:
    assert merge([mention("Anna", 99), mention("  ")], SOURCES, [], NOW) == ()


def test_a_description_is_one_line() -> None:
    (anna,) = merged(
        mention("Dr. Anna Schmidt", 0, relation="sister", job="nurse\nat night"),
        mention("Anna", 1, job="doctor"),
    )
    assert describe(anna) == "Dr. Anna Schmidt (person; also Anna): relation: sister; job: doctor"
    assert describe(anna, {"turn0"}).endswith("job: nurse at night")
    assert describe(Entity(id="x", name="Rex")) == "Rex"


def test_what_a_message_names_comes_first_in_its_order() -> None:
    rex, anna, boston, tom = entities = merged(
        mention("Rex", 0, "other", species="dog"),
        mention("Anna Schmidt", 1, relation="sister"),
        mention("Boston", 2, "place"),
        mention("Tom", 3),
    )
    assert relevant(entities, "Was anna's trip to BOSTON fun?") == [anna, boston, rex, tom]
    assert relevant(entities, "How is my sister?")[0] == anna
    assert relevant(entities, "Tomorrow") == entities
    assert relevant(entities, "") == entities


def test_names_without_spaces_around_them_are_found_in_scripts_that_have_none() -> None:
    entities = merged(mention("Rex", 0, "other"), mention("東京", 1, "place"))
    assert relevant(entities, "昨日東京に行った")[0].name == "東京"


NAMES = st.sampled_from(
    ["Anna", "anna", "Anna Schmidt", "Dr. Anna Schmidt", "Anna Meyer", "Schmidt", "Paris", "Acme",
     "Zoë", "Zoe", "O'Brien", "Émile's", "The Beatles"]
)  # fmt: skip
KINDS: st.SearchStrategy[EntityKind] = st.sampled_from(("person", "place", "other"))
MENTIONS = st.builds(
    mention,
    NAMES,
    st.integers(0, 9),
    KINDS,
    relation=st.sampled_from(["", "sister", "boss"]),
    home=st.sampled_from(["", "Rome", "Oslo"]),
)


@settings(max_examples=60)
@given(st.lists(st.lists(MENTIONS, max_size=4), max_size=4))
def test_whatever_is_mentioned_the_same_again_writes_nothing(
    batches: list[list[EntityMention]],
) -> None:
    known: dict[str, Entity] = {}
    for batch in batches:
        before = dict(known)
        known.update((one.id, one) for one in merge(batch, SOURCES, [*known.values()], NOW))
        assert merge(batch, SOURCES, [*known.values()], NOW) == ()
        for old in before.values():
            new = known[old.id]
            assert set(old.attributes) <= set(new.attributes)
            assert set(old.sources) <= set(new.sources)
            assert {name_key(name) for name in (old.name, *old.aliases)} <= {
                name_key(name) for name in (new.name, *new.aliases)
            }


@given(st.text(max_size=30), st.text(max_size=60))
def test_any_name_and_any_message_can_be_compared(name: str, message: str) -> None:
    entities = merged(mention(name))
    assert relevant(entities, message) == entities
    assert name_key(name_key(name)) == name_key(name)


def test_a_name_in_the_spelling_of_another_keyboard_is_the_same_name() -> None:
    for spellings in (("Müller", "Mueller", "Muller"), ("Søren", "Soeren", "Soren"),
                      ("Łukasz", "Lukasz"), ("Işıl", "Isil"), ("Weiß", "Weiss")):  # fmt: skip
        assert len({name_key(name) for name in spellings}) == 1, spellings
    for name, other in (("Michael", "Michal"), ("Manuel", "Manul"), ("Zoe", "Zo"), ("Joey", "Joy")):
        assert name_key(name) != name_key(other)
    anna = Entity(id="m", name="Anna Müller", kind="person")
    assert (
        relevant([Entity(id="b", name="Bo", kind="person"), anna], "Where is Anna Mueller?")[0]
        == anna
    )
