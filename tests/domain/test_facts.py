"""What extracted statements do to known facts: repetition, supersession, history, deletion."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.facts.extraction import FactChange, FactKind, Source
from domain.facts.facts import Standing, apply, delete, edit, notes, standing, withheld
from domain.facts.statement import statement_id
from domain.records import Fact, turn_of

MONDAY = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NOW = MONDAY + timedelta(days=1000)


def said(day: float, ref: str | None = None) -> Source:
    """A message of a day, counted from Monday, as its own turn."""
    ref = ref or f"turn{day}/0"
    return Source(ref=ref, text="...", at=MONDAY + timedelta(days=day))


def add(
    text: str,
    source: Source,
    *,
    slot: str | None = None,
    when: str | None = None,
    kind: FactKind = "other",
    subject: str = "user",
) -> FactChange:
    return FactChange(
        op="add", text=text, slot=slot, when=when, kind=kind, subject=subject, source=source.ref
    )


class Memory:
    """Facts as a store would hold them: what is written replaces what has its id."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}

    def hear(self, source: Source, *changes: FactChange, **options: Any) -> list[Fact]:
        written = apply(changes, {source.ref: source}, self.all, NOW, **options)
        self.keep(written)
        return list(written)

    def tell(self, day: float, text: str, **about: Any) -> Fact:
        """Hear one statement, said on a day, and return the fact that now holds its source."""
        source = said(day)
        self.hear(source, add(text, source, **about))
        return next(fact for fact in self.all if source.ref in fact.sources)

    def keep(self, written: Iterable[Fact]) -> None:
        self.facts.update((fact.id, fact) for fact in written)

    @property
    def all(self) -> list[Fact]:
        return list(self.facts.values())

    def current(self, live: set[str] | None = None, as_of: datetime | None = None) -> list[str]:
        return [one.fact.text for one in standing(self.all, live, as_of) if one.current]


def test_a_fact_said_thrice_is_one_fact_with_three_sources() -> None:
    memory = Memory()
    memory.tell(0, "The user is allergic to peanuts.")
    memory.tell(1, "the user is allergic to peanuts")
    fact = memory.tell(2, "The  user is allergic to peanuts!")
    assert memory.all == [fact]
    assert fact.sources == ("turn0/0", "turn1/0", "turn2/0")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The user likes coffee.", "The user does not like coffee."),
        ("The user likes coffee.", "The user hates coffee."),
        ("The user has two cats.", "The user has three cats."),
        ("The user is a doctor.", "The user has a doctor."),
        ("The user is allergic to peanuts.", "The user has a peanut allergy."),
        ("The user lives near Boston.", "The user used to live near Boston."),
        ("The user's sister Anna likes Ben.", "The user's sister Ben likes Anna."),
        ("The user is allergic to peanuts.", "The user is allergic to walnuts."),
        ("The user paid 20 euros for the book.", "The user paid 200 euros for the book."),
        ("The user's brother Tom is a nurse.", "The user's sister Anna is a nurse."),
    ],
)
def test_what_differs_in_a_name_a_number_or_a_negation_never_collapses(
    one: str, other: str
) -> None:
    memory = Memory()
    memory.tell(0, one)
    memory.tell(1, other)
    assert len(memory.all) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the user works at acme", "The user works at Acme."),
        ("The user’s dog is called Rex", "The user's  dog is called Rex!"),
        ("用户住在柏林", "用户住在柏林。"),
        ("The user's flat is ４２", "The user's flat is 42"),
    ],
)
def test_the_same_however_it_is_written_collapses(one: str, other: str) -> None:
    memory = Memory()
    memory.tell(0, one)
    memory.tell(1, other)
    assert len(memory.all) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The user likes coffee.", "The user doesn't like coffee."),
        ("Der Nutzer isst Fleisch.", "Der Nutzer isst kein Fleisch."),
        ("用户喝咖啡", "用户不喝咖啡"),
        ("El usuario come carne.", "El usuario no come carne."),
    ],
)
def test_a_denial_supersedes_in_any_language(one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        memory = Memory()
        memory.tell(0, first)
        memory.tell(1, second)
        assert memory.current() == [second]


def test_an_id_depends_on_the_text_and_its_source_alone() -> None:
    assert statement_id("The user likes tea.", "turn/0") == statement_id(
        "the  USER likes tea", "turn/0"
    )
    assert statement_id("The user likes tea.", "turn/0") == "3c805657437c21010b527ed700eac792"


def test_a_tombstone_of_an_earlier_version_holds_for_its_messages() -> None:
    memory = Memory()
    old = Fact(id="made-by-an-earlier-version", text="", sources=("turn0/0", "turn1/0"),
               observed_at=NOW, valid_from=NOW, deleted=True)  # fmt: skip
    memory.keep([old])
    for day in (0, 1):
        again = said(day)
        assert memory.hear(again, add("The user is allergic to peanuts.", again)) == []


def test_what_is_said_after_a_deletion_is_a_new_fact() -> None:
    memory = Memory()
    fact = memory.tell(0, "The user is pregnant.")
    memory.keep([delete(fact, MONDAY + timedelta(days=5))])
    before, after = said(4), said(6)
    assert memory.hear(before, add("The user is pregnant.", before)) == []
    (new,) = memory.hear(after, add("The user is pregnant.", after))
    assert new.sources == (after.ref,)
    assert memory.current() == ["The user is pregnant."]


def test_boston_denver_boston_are_three_facts_and_the_last_holds() -> None:
    memory = Memory()
    first = memory.tell(0, "The user lives in Boston.", slot="home")
    second = memory.tell(30, "The user moved to Denver.", slot="home")
    third = memory.tell(60, "The user lives in Boston.", slot="home")
    assert len({first.id, second.id, third.id}) == 3
    assert memory.current() == ["The user lives in Boston."]
    by_id = {one.fact.id: one for one in standing(memory.all, None)}
    assert by_id[first.id].superseded_by == second.id
    assert by_id[first.id].until == second.valid_from
    assert by_id[second.id].superseded_by == third.id


def test_what_was_true_then_can_be_asked_for() -> None:
    memory = Memory()
    memory.tell(0, "The user lives in Boston.", slot="home")
    memory.tell(30, "The user moved to Denver.", slot="home")
    assert memory.current(as_of=MONDAY + timedelta(days=10)) == ["The user lives in Boston."]
    assert memory.current(as_of=MONDAY + timedelta(days=31)) == ["The user moved to Denver."]
    assert memory.current(as_of=MONDAY - timedelta(days=1)) == []


def test_an_old_history_that_is_brought_in_ends_nothing_that_a_clock_dated_ahead() -> None:
    ahead = Source(ref="now/0", text="...", at=NOW + timedelta(minutes=1))
    berlin = add("The user lives in Berlin.", ahead, slot="home")
    stored = apply([berlin], {ahead.ref: ahead}, [], NOW + timedelta(minutes=10))
    old = Source(ref="old/0", text="...", at=NOW - timedelta(days=4000))
    paris = add("The user lives in Paris.", old, slot="home")
    written = apply([paris], {old.ref: old}, stored, NOW)
    facts = [*{fact.id: fact for fact in (*stored, *written)}.values()]
    assert [each.fact.text for each in standing(facts, None) if each.current] == [berlin.text]


def test_a_value_of_the_same_slot_supersedes_even_where_the_model_said_add() -> None:
    memory = Memory()
    memory.tell(0, "The user works at Acme.", slot="employer")
    memory.tell(9, "The user works at Globex.", slot="Company")
    assert memory.current() == ["The user works at Globex."]


def test_slots_of_different_people_stand_side_by_side() -> None:
    memory = Memory()
    memory.tell(0, "The user lives in Boston.", slot="home")
    memory.tell(1, "The user's sister Anna lives in Berlin.", slot="home", subject="Anna")
    assert len(memory.current()) == 2


@pytest.mark.parametrize("when", [None, "in 2019"])
@pytest.mark.parametrize("text", ["The user used to live in Boston.", "The user lived in Boston."])
def test_a_statement_of_the_past_supersedes_nothing(text: str, when: str | None) -> None:
    memory = Memory()
    memory.tell(0, "The user lives in Denver.", slot="home")
    source = said(5)
    known = memory.all[0].id
    change = FactChange(
        op="supersede", target=known, text=text, slot="home", when=when, source=source.ref
    )
    memory.hear(source, change)
    assert "The user lives in Denver." in memory.current()


def test_an_older_start_does_not_supersede_a_later_one_but_becomes_its_history() -> None:
    memory = Memory()
    memory.tell(0, "The user moved to Denver.", slot="home", when="on 1 March 2026")
    memory.tell(5, "The user moved to Boston.", slot="home", when="in 2019")
    assert memory.current() == ["The user moved to Denver."]
    assert memory.current(as_of=datetime(2020, 1, 1, tzinfo=UTC)) == ["The user moved to Boston."]


def test_a_move_told_as_news_supersedes_a_home_that_was_named_just_before() -> None:
    memory = Memory()
    memory.tell(0, "The user lives in Boston.", slot="home")
    denver = memory.tell(0.01, "The user moved to Denver.", slot="home", when="last week")
    assert memory.current() == ["The user moved to Denver."]
    assert denver.valid_from == datetime(2026, 4, 27, tzinfo=UTC)


def test_what_has_gone_on_since_long_corrects_what_was_only_known_when_told() -> None:
    memory = Memory()
    memory.tell(0, "The user lives in Boston.", slot="home")
    memory.tell(9, "The user has lived in Denver since 2019.", slot="home", when="since 2019")
    assert memory.current() == ["The user has lived in Denver since 2019."]


def test_a_denial_supersedes_and_so_does_taking_it_back() -> None:
    memory = Memory()
    memory.tell(0, "The user likes coffee.")
    memory.tell(1, "The user does not like coffee.")
    assert memory.current() == ["The user does not like coffee."]
    memory.tell(2, "The user likes coffee.")
    assert memory.current() == ["The user likes coffee."]


def test_a_plan_leaves_the_present_alone() -> None:
    memory = Memory()
    home = memory.tell(0, "The user lives in Boston.", slot="home")
    source = said(1)
    change = FactChange(
        op="supersede",
        target=home.id,
        text="The user moves to Denver in June 2026.",
        slot="home",
        when="next month",
        source=source.ref,
    )
    (plan,) = memory.hear(source, change)
    assert (plan.kind, plan.slot, plan.valid_from) == ("plan", None, source.at)
    assert len(memory.current()) == 2


def test_what_was_planned_is_told_anew_when_it_is_done() -> None:
    memory = Memory()
    memory.tell(0, "The user lives in Boston.", slot="home")
    memory.tell(1, "The user will move to Denver.", kind="plan", slot="home")
    memory.tell(40, "The user moved to Denver.", slot="home")
    assert memory.current() == ["The user will move to Denver.", "The user moved to Denver."]


def test_the_same_event_on_another_day_is_another_event() -> None:
    memory = Memory()
    memory.tell(0, "The user ran a marathon.", kind="event")
    memory.tell(0.1, "The user ran a marathon.", kind="event")
    memory.tell(200, "The user ran a marathon.", kind="event")
    assert len(memory.all) == 2


def test_confirming_adds_a_source_and_a_confirmation_that_differs_is_a_new_fact() -> None:
    memory = Memory()
    fact = memory.tell(0, "The user is a vegetarian.")
    source = said(1)
    told = "The user still eats no meat and fish."
    memory.hear(source, FactChange(op="confirm", target=fact.id, text=fact.text, source=source.ref))
    assert memory.all[0].sources == ("turn0/0", "turn1/0")
    source = said(2)
    memory.hear(source, FactChange(op="confirm", target=fact.id, text=told, source=source.ref))
    assert [one.text for one in memory.all] == [fact.text, told]


@pytest.mark.parametrize("target", ["unknown", None])
def test_superseding_what_is_not_known_adds(target: str | None) -> None:
    memory = Memory()
    source = said(0)
    change = FactChange(op="supersede", target=target, text="The user sings.", source=source.ref)
    (fact,) = memory.hear(source, change)
    assert fact.supersedes == ()


def test_a_change_without_a_known_source_or_a_text_is_dropped() -> None:
    source = said(0)
    changes = [add("The user sings.", said(7)), add("  ", source)]
    assert apply(changes, {source.ref: source}, [], NOW) == ()


def test_a_message_from_the_future_counts_as_said_now() -> None:
    source = said(5000)
    (fact,) = apply([add("The user sings.", source)], {source.ref: source}, [], NOW)
    assert fact.observed_at == fact.valid_from == NOW


def test_a_deleted_fact_keeps_nothing_but_its_id_and_sources() -> None:
    memory = Memory()
    fact = memory.tell(0, "The user is allergic to peanuts.", kind="health", slot="secret")
    grave = delete(fact, NOW)
    assert (grave.id, grave.sources, grave.deleted) == (fact.id, fact.sources, True)
    assert (grave.text, grave.kind, grave.subject, grave.slot) == ("", "other", "", None)
    assert grave.supersedes == ()


def test_a_deleted_fact_is_never_extracted_again() -> None:
    memory = Memory()
    fact = memory.tell(0, "The user is allergic to peanuts.")
    memory.keep([delete(fact, NOW)])
    again = said(0)
    assert memory.hear(again, add("The user must avoid nuts.", again)) == []
    later = said(9)
    assert memory.hear(later, add("the user is allergic to peanuts", later)) == []
    assert memory.current() == []
    assert withheld(memory.all) == {"turn0"}


def test_superseding_a_deleted_fact_adds() -> None:
    memory = Memory()
    fact = memory.tell(0, "The user lives in Boston.", slot="home")
    memory.keep([delete(fact, NOW)])
    source = said(1)
    change = FactChange(
        op="supersede", target=fact.id, text="The user lives in Rome.", source=source.ref
    )
    (rome,) = memory.hear(source, change)
    assert rome.supersedes == ()


def test_deleting_the_middle_of_a_history_does_not_bring_its_beginning_back() -> None:
    memory = Memory()
    memory.tell(0, "The user lives in Boston.", slot="home")
    denver = memory.tell(1, "The user lives in Denver.", slot="home")
    memory.tell(2, "The user lives in Rome.", slot="home")
    memory.keep([delete(denver, NOW)])
    assert memory.current() == ["The user lives in Rome."]


def test_an_edit_supersedes_and_keeps_sources_and_start() -> None:
    memory = Memory()
    fact = memory.tell(0, "The user lives in Boston.", slot="home")
    (edited,) = edit(fact, " The user lives in  Portland. ", NOW)
    assert (edited.edited, edited.text) == (True, "The user lives in Portland.")
    assert (edited.sources, edited.valid_from) == (fact.sources, fact.valid_from)
    memory.keep([edited])
    assert memory.current() == ["The user lives in Portland."]
    assert memory.current(as_of=MONDAY) == ["The user lives in Portland."]
    assert edit(edited, "The user lives in Portland.", NOW) == ()


def test_an_edited_fact_is_not_extracted_in_its_old_form_again() -> None:
    memory = Memory()
    fact = memory.tell(0, "The user lives in Boston.", slot="home")
    memory.keep(edit(fact, "The user lives in Portland.", NOW))
    again = said(0)
    assert memory.hear(again, add("The user lives in Boston.", again, slot="home")) == []


def test_deleting_an_edit_does_not_bring_back_what_it_corrected() -> None:
    memory = Memory()
    fact = memory.tell(0, "The user lives in Boston.", slot="home")
    (edited,) = edit(fact, "The user lives in Portland.", NOW)
    (twice,) = edit(edited, "The user lives in Salem.", NOW + timedelta(days=1))
    memory.keep([edited, twice])
    assert memory.current() == ["The user lives in Salem."]
    memory.keep([delete(twice, NOW)])
    assert memory.current() == []
    assert [one.fact.text for one in standing(memory.all, None)] == []


def test_an_edit_of_history_stays_history() -> None:
    memory = Memory()
    boston = memory.tell(0, "The user lives in Boston.", slot="home")
    memory.tell(9, "The user lives in Denver.", slot="home")
    memory.keep(edit(boston, "The user lives in South Boston.", NOW))
    assert memory.current() == ["The user lives in Denver."]


@pytest.mark.parametrize("text", ["", "  \n ", "\x00"])
def test_editing_to_nothing_is_refused(text: str) -> None:
    fact = Memory().tell(0, "The user sings.")
    with pytest.raises(ValueError, match="delete it instead"):
        edit(fact, text, NOW)
    with pytest.raises(ValueError, match="deleted"):
        edit(delete(fact, NOW), "The user sings well.", NOW)


def test_a_fact_counts_while_one_of_its_sources_is_live() -> None:
    memory = Memory()
    memory.tell(0, "The user sings.")
    memory.tell(1, "The user sings!")
    assert memory.current({"turn0"}) == memory.current({"turn1"}) == ["The user sings."]
    assert memory.current({"turn7"}) == []


def test_a_dead_fact_supersedes_nothing_but_what_a_live_one_superseded_through_it() -> None:
    boston, denver, rome = (
        Fact(
            id=name,
            text=f"The user lives in {name}.",
            sources=(f"turn-{name}/0",),
            observed_at=MONDAY,
            valid_from=MONDAY + timedelta(days=day),
            supersedes=over,
        )
        for day, (name, over) in enumerate(
            [("Boston", ()), ("Denver", ("Boston",)), ("Rome", ("Denver",))]
        )
    )
    facts = [boston, denver, rome]

    def current(*live: str) -> list[str]:
        turns = {f"turn-{name}" for name in live}
        return [one.fact.id for one in standing(facts, turns) if one.current]

    assert current("Boston") == ["Boston"]
    assert current("Boston", "Denver") == ["Denver"]
    assert current("Boston", "Rome") == ["Rome"]


def test_turns_behind_a_superseded_fact_carry_a_note() -> None:
    memory = Memory()
    memory.tell(0, "The user lives in Boston.", slot="home")
    memory.tell(30, "The user moved to Denver.", slot="home", when="on 3 May 2026")
    assert notes(memory.all, standing(memory.all, None)) == {
        "turn0": "no longer true since 3 May 2026: The user moved to Denver"
    }


def test_a_note_names_what_holds_now_and_is_silent_where_it_is_true_again() -> None:
    memory = Memory()
    memory.tell(0, "The user lives in Boston.", slot="home")
    memory.tell(30, "The user lives in Denver.", slot="home")
    memory.tell(60, "The user lives in Boston.", slot="home")
    assert notes(memory.all, standing(memory.all, None)) == {
        "turn30": "no longer true since 3 July 2026: The user lives in Boston"
    }


def test_turns_behind_an_edited_fact_carry_the_correction_and_deleted_ones_nothing() -> None:
    memory = Memory()
    fact = memory.tell(0, "The user lives in Boston.", slot="home")
    (edited,) = edit(fact, "The user lives in Salem.", MONDAY + timedelta(days=3))
    memory.keep([edited])
    assert notes(memory.all, standing(memory.all, None)) == {
        "turn0": "corrected by the user on 7 May 2026: The user lives in Salem"
    }
    memory.keep([delete(edited, NOW)])
    assert notes(memory.all, standing(memory.all, None)) == {}


def test_two_values_of_a_slot_that_are_edited_alike_leave_one_that_holds() -> None:
    memory = Memory()
    home = memory.tell(0, "The user lives in Boston.", slot="home")
    (moved,) = edit(home, "The user lives in Oslo.", NOW)
    memory.keep([moved])
    other = home.model_copy(
        update={
            "id": statement_id("The user lives in Denver.", "turn1/0"),
            "sources": ("turn1/0",),
        }
    )
    (again,) = edit(other, "The user lives in Oslo.", NOW)
    memory.keep([other, again])
    holds = [one.fact.id for one in standing(memory.all, None) if one.current]
    assert len(holds) == 1 and holds[0] in {moved.id, again.id}


def test_a_fact_is_the_same_from_the_same_message_only() -> None:
    text = "The user lives in Boston."
    assert statement_id(text, "a/0") == statement_id("the user lives in Boston", "a/0")
    assert statement_id(text, "a/0") != statement_id(text, "b/0")
    assert statement_id(text, "a/0") != statement_id("The user does not live in Boston.", "a/0")
    assert statement_id("👍", "a/0") != statement_id("👎", "a/0")


# Invariants over random histories.

STATEMENTS: Sequence[tuple[str, str | None]] = (
    ("The user lives in Boston.", "home"),
    ("The user lives in Denver.", "home"),
    ("The user moved to Rome.", "home"),
    ("The user does not live in Boston.", "home"),
    ("The user used to live in Denver.", "home"),
    ("The user works at Acme.", "employer"),
    ("The user works at Globex.", "employer"),
    ("The user likes coffee.", None),
    ("The user loves coffee very much.", None),
    ("The user does not like coffee.", None),
    ("The user has two cats.", None),
    ("The user has three cats.", None),
)
WHENS = (None, None, "last week", "in 2019", "since 2020", "next month", "two years ago")


@st.composite
def batches(draw: st.DrawFn) -> list[tuple[Source, list[FactChange]]]:
    """Messages of random days, in the order they are read, with what a model makes of them."""
    made = []
    for number in range(draw(st.integers(1, 7))):
        source = said(draw(st.integers(0, 60)) / 2, ref=f"turn{number}/0")
        changes = []
        for text, slot in draw(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=3)):
            change = add(text, source, slot=slot, when=draw(st.sampled_from(WHENS)))
            op = draw(st.sampled_from(["add", "add", "supersede", "confirm"]))
            changes.append(change.model_copy(update={"op": op}))
        made.append((source, changes))
    return made


def aimed(
    changes: Sequence[FactChange], known: Sequence[Fact], pick: Mapping[int, int]
) -> list[FactChange]:
    """Give changes that need a target one of the known facts."""
    return [
        change.model_copy(update={"target": known[pick[index] % len(known)].id if known else None})
        for index, change in enumerate(changes)
    ]


@settings(max_examples=60)
@given(batches(), st.data())
def test_whatever_is_heard_and_done_the_facts_stay_in_order(
    heard: list[tuple[Source, list[FactChange]]], data: st.DataObject
) -> None:
    memory = Memory()
    for source, raw in heard:
        picks = data.draw(st.lists(st.integers(0, 9), min_size=len(raw), max_size=len(raw)))
        changes = aimed(raw, memory.all, dict(enumerate(picks)))
        before = dict(memory.facts)
        written = memory.hear(source, *changes)

        assert memory.hear(source, *changes) == [], "the same changes again write something"
        assert len({fact.id for fact in written}) == len(written)
        for fact in written:
            old = before.get(fact.id)
            assert not fact.deleted
            assert set(fact.sources) <= {source.ref, *(old.sources if old else ())}
            if old:
                assert (old.text, old.valid_from, old.slot) == (
                    fact.text,
                    fact.valid_from,
                    fact.slot,
                )

        standing_now = [fact for fact in memory.all if not fact.deleted]
        doing = data.draw(st.sampled_from(["nothing", "nothing", "edit", "delete"]))
        if standing_now and doing != "nothing":
            fact = data.draw(st.sampled_from(standing_now))
            if doing == "delete":
                memory.keep([delete(fact, NOW)])
            else:
                text = data.draw(st.sampled_from(["The user lives in Oslo.", "The user paints."]))
                memory.keep(edit(fact, text, NOW))

        turns = sorted({turn_of(ref) for fact in memory.all for ref in fact.sources})
        live = set(data.draw(st.lists(st.sampled_from(turns)))) if turns else set()
        for living in (None, live):
            check_standing(standing(memory.all, living), memory.facts)
        graves = withheld(memory.all)
        for turn, note in notes(memory.all, standing(memory.all, None)).items():
            assert note
            assert turn not in graves


def check_standing(standings: Sequence[Standing], known: Mapping[str, Fact]) -> None:
    counted = {one.fact.id for one in standings}
    slots: dict[tuple[str, str], int] = {}
    for one in standings:
        assert not one.fact.deleted
        assert one.current == (one.superseded_by is None) == (one.until is None)
        assert one.superseded_by is None or one.superseded_by in counted
        if one.fact.slot:
            key = (one.fact.subject, one.fact.slot)
            slots[key] = slots.get(key, 0) + one.current
    assert all(count <= 1 for count in slots.values()), "a slot holds one current value at most"
    assert not standings or any(one.current for one in standings), "something holds"
    assert counted <= set(known)


def test_what_is_told_after_a_clock_was_wrong_replaces_what_was_told_before_that() -> None:
    early, late = said(0), said(1)
    ahead = early.model_copy(update={"at": NOW + timedelta(days=900)})
    first = apply(
        [add("The user lives in Rome.", ahead, slot="home")], {ahead.ref: ahead}, [], ahead.at
    )
    later = late.model_copy(update={"at": NOW})
    change = add("The user lives in Oslo.", later, slot="home")
    second = apply([change], {later.ref: later}, first, NOW)
    facts = {fact.id: fact for fact in (*first, *second)}.values()
    assert [s.fact.text for s in standing(list(facts), None) if s.current] == [
        "The user lives in Oslo."
    ]
