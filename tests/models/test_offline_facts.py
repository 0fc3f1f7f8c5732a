"""Facts by rules: first-person statements become facts, everything else does not."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.facts.entities import current_attributes, merge
from domain.facts.extraction import Extraction, FactChange, Source
from domain.facts.facts import apply, standing
from domain.records import Fact
from models.offline.facts import extract_offline

SAID = datetime(2023, 5, 10, 14, 30, tzinfo=UTC)  # a Wednesday
NOW = SAID + timedelta(days=365)


def messages(*texts: str) -> list[Source]:
    return [
        Source(ref=f"turn{day}/0", text=text, at=SAID + timedelta(days=day))
        for day, text in enumerate(texts)
    ]


def extract(*texts: str, known: Sequence[Fact] = ()) -> Extraction:
    return extract_offline(messages(*texts), known, NOW)


def stated(text: str) -> list[str]:
    return [fact.text for fact in extract(text).facts]


def one(text: str) -> FactChange:
    (fact,) = extract(text).facts
    return fact


def remembered(*texts: str) -> list[Fact]:
    said = messages(*texts)
    found = extract_offline(said, [], NOW)
    return list(apply(found.facts, {source.ref: source for source in said}, [], NOW))


def current(facts: Sequence[Fact]) -> list[str]:
    return [one.fact.text for one in standing(facts, None) if one.current]


def test_a_sentence_with_two_statements_gives_two_facts() -> None:
    name, allergy = extract("My name is Alex and I am allergic to peanuts.").facts
    assert (name.text, name.slot, name.kind) == ("The user's name is Alex.", "name", "identity")
    assert (allergy.text, allergy.slot, allergy.kind) == (
        "The user is allergic to peanuts.",
        None,
        "health",
    )
    assert name.source == "turn0/0"


@pytest.mark.parametrize(
    ("said", "fact", "slot"),
    [
        ("I live in Boston.", "The user lives in Boston.", "home"),
        ("i moved to new york", "The user lives in New York.", "home"),
        ("I'm now living in Salem, Ohio with my wife", "The user lives in Salem, Ohio.", "home"),
        ("We relocated to Rome for work", "The user lives in Rome.", "home"),
        ("I work for Acme!", "The user works at Acme.", "employer"),
        ("I joined Globex", "The user works at Globex.", "employer"),
        ("I'm a software engineer.", "The user is a software engineer.", "job"),
        ("I work as an actor", "The user is an actor.", "job"),
        ("i'm 34", "The user is 34 years old.", "age"),
        ("My birthday is on 3 May.", "The user's birthday is 3 May.", "birthday"),
        ("I was born on May 3rd, 1990", "The user was born on May 3rd, 1990.", "birthday"),
        ("I'm from Mexico originally", "The user is from Mexico.", "origin"),
        ("My wife's name is Sarah.", "The user's wife is named Sarah.", "partner"),
        ("I'm married to Sarah.", "The user is married to Sarah.", "relationship status"),
        ("My dog is called Rex.", "The user's dog is named Rex.", None),
        ("My favourite colour is blue", "The user's favourite colour is blue.", "favourite colour"),
        ("Pizza is my favorite food!", "The user's favorite food is Pizza.", "favorite food"),
        ("I've been vegan for three years", "The user is vegan.", "diet"),
        ("I have a severe peanut allergy", "The user is severely allergic to peanuts.", None),
        ("My phone number is 555-1234.", "The user's phone number is 555-1234.", "phone number"),
    ],
)  # fmt: skip
def test_what_can_have_one_value_gets_its_slot(said: str, fact: str, slot: str | None) -> None:
    assert (one(said).text, one(said).slot) == (fact, slot)


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ("I don't eat meat", "The user does not eat meat."),
        ("I never drink coffee", "The user never drinks coffee."),
        ("I can't stand cilantro!!", "The user cannot stand cilantro."),
        ("I've never been to Asia", "The user has never been to Asia."),
        ("I have no siblings", "The user has no siblings."),
        ("I'm not married", "The user is not married."),
        ("I'm not allergic to anything", "The user is not allergic to anything."),
        ("I no longer live in Boston", "The user no longer lives in Boston."),
        ("I used to live in Boston", "The user used to live in Boston."),
        ("I love my sister", "The user loves their sister."),
        ("My sister Anna lives in Berlin", "The user's sister Anna lives in Berlin."),
        ("My son Leo is 7 and loves dinosaurs", "The user's son Leo is 7 and loves dinosaurs."),
        ("We have three kids", "The user has three kids."),
        ("I go to the gym three times a week", "The user goes to the gym three times a week."),
        ("Every Monday I have yoga class", "The user has yoga class every Monday."),
        ("I lost my dad when I was 12", "The user lost their dad when they were 12."),
        ("Please remember that my car is on level 3", "The user's car is on level 3."),
        ("I was diagnosed with asthma in 2018", "The user was diagnosed with asthma in 2018."),
        ("I'm vegetarian, what should I cook?", "The user is vegetarian."),
        ("I want to learn Spanish", "The user wants to learn Spanish."),
        ("I'm scared of spiders", "The user is scared of spiders."),
    ],
)
def test_the_rest_is_said_in_third_person_with_its_negations(said: str, fact: str) -> None:
    assert stated(said) == [fact]


@pytest.mark.parametrize(
    "said",
    [
        "Do you think I am tall?", "Where do I live?", "What's my name?", "Am I allergic to nuts?",
        "If I lived in Paris I would be happy and I had a dog.", "I wish I lived in Rome.",
        "Imagine I am a king and I live in Camelot.", "What if I moved to Oslo?",
        'My boss said "I live in Rome".', '"I am allergic to nuts" is a funny song',
        "He told me I am lazy and I have no discipline.", "> I live in Rome",
        "User: I live in Paris", "Anna: my name is Anna", "```\nI live in a codebase\n```",
        "Write a story where I am a pirate and I live in Tortuga.",
        "Tell me a joke about my dog.", "I want you to call me tomorrow.",
        "I'd like a coffee, please.", "Can you remind me to call my mom?",
        "I'm tired.", "I'm fine, thanks!", "I'm sorry about that.", "I'm running late.",
        "I have a question about my car.", "I have no idea.", "I have to go now.",
        "I need help with my homework.", "I love you!", "I like that idea.", "I agree.",
        "I might move to Rome.", "Maybe I should get a dog.", "I think I like jazz.",
        "My name is not Bob.", "My question is simple.", "My God is that late.",
        "The weather is nice.", "Anna lives in Berlin.", "You are funny.", "ok", "", "🙂", "I",
        "I've lived here for years.", "I AM SO ANGRY",
    ],
)  # fmt: skip
def test_questions_wishes_quotes_requests_moods_and_small_talk_are_no_facts(said: str) -> None:
    assert stated(said) == []


@pytest.mark.parametrize(
    ("said", "fact", "when"),
    [
        ("I moved to Denver last week.", "The user lives in Denver.", "last week"),
        ("Last week I moved to Denver", "The user lives in Denver.", "Last week"),
        ("I've worked at Acme for ten years", "The user works at Acme.", "for ten years"),
        ("I've lived in Rome since 2015", "The user lives in Rome.", "since 2015"),
        ("I ran a marathon last Sunday", "The user ran a marathon on 7 May 2023.", "last Sunday"),
        ("Yesterday, I went hiking", "The user went hiking on 9 May 2023.", "Yesterday"),
        ("My mom died in 2019", "The user's mom died in 2019.", "in 2019"),
        ("I have a dog since last year", "The user has a dog since 2022.", "since last year"),
        ("I work from home on Fridays", "The user works from home on Fridays.", None),
    ],
)  # fmt: skip
def test_dates_are_made_absolute_and_kept_as_the_beginning(
    said: str, fact: str, when: str | None
) -> None:
    assert (one(said).text, one(said).when) == (fact, when)


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ("I'm flying to Rome next Friday", "The user is flying to Rome on 19 May 2023."),
        ("I'm getting married in June!", "The user is getting married in June 2023."),
        ("My exam is on June 5", "The user's exam is on 5 June 2023."),
        ("I'm moving to Paris in two weeks", "The user is moving to Paris around 24 May 2023."),
        ("I have a meeting tomorrow at 3pm", "The user has a meeting on 11 May 2023 at 3pm."),
        ("I'll start at Ford in May 2024", "The user will start at Ford in May 2024."),
        ("I'll be in Rome from Monday to Friday",
         "The user will be in Rome from 15 May 2023 to 19 May 2023."),
    ],
)  # fmt: skip
def test_plans_keep_their_date_and_hold_no_slot(said: str, fact: str) -> None:
    assert (one(said).text, one(said).kind, one(said).slot) == (fact, "plan", None)


SAME = [
    ["I'm allergic to peanuts", "I have a peanut allergy", "I am severely allergic to peanuts",
     "peanuts: I'm allergic to them", "my allergy is peanuts", "I have a bad peanut allergy"],
    ["I live in Boston.", "I moved to Boston.", "I live in Boston now", "we relocated to Boston",
     "My home is in Boston", "I've been living in Boston for 3 years", "i live in boston"],
    ["My name is Alex.", "Hi, I'm Alex", "Call me Alex", "people call me Alex", "I go by Alex",
     "my name's Alex", "my name is alex"],
    ["I'm a nurse.", "I work as a nurse", "My job is a nurse", "my profession is nurse",
     "I'm working as a nurse now", "I'm employed as a nurse", "I became a nurse in 2019"],
    ["I work at Acme.", "I work for Acme", "I'm employed by Acme", "my employer is Acme",
     "I joined Acme last year", "I got a job at Acme", "I started at Acme"],
    ["My favourite colour is blue.", "my favorite color is blue", "Blue is my favourite colour",
     "The colour I like best is blue", "My all-time favourite colour is blue!"],
    ["My dog's name is Rex.", "My dog is called Rex", "I have a dog named Rex", "Rex is my dog",
     "my dog is Rex"],
    ["I like hiking.", "I love hiking", "I really enjoy hiking", "I'm into hiking",
     "I'm fond of hiking", "I am a big fan of hiking", "I like to hike"],
    ["I don't like coffee", "I hate coffee", "I can't stand coffee", "I do not enjoy coffee",
     "I dislike coffee"],
    ["I'm vegetarian", "I am a vegetarian", "I've been vegetarian for years",
     "I'm a strict vegetarian", "I became vegetarian in 2010"],
    ["I'm 34", "I am 34 years old", "I just turned 34", "my age is 34", "I'm 34 years of age"],
    ["My birthday is 3 May", "my birthday is on May 3rd", "I was born on 3 May",
     "My birthday is the 3rd of May", "my date of birth is 3 May"],
]  # fmt: skip


@pytest.mark.parametrize("said", SAME, ids=lambda said: said[0])
@pytest.mark.parametrize("backwards", [False, True])
def test_the_same_fact_in_other_words_is_one_fact(said: list[str], backwards: bool) -> None:
    (fact,) = remembered(*(reversed(said) if backwards else said))
    assert len(fact.sources) == len(said)


def test_denver_supersedes_boston_from_the_week_it_was_moved_to() -> None:
    boston, denver = remembered("I live in Boston.", "I moved to Denver last week!")
    assert current([boston, denver]) == ["The user lives in Denver."]
    assert denver.valid_from == datetime(2023, 5, 1, tzinfo=UTC)
    assert denver.supersedes == (boston.id,)


def test_a_former_home_is_history() -> None:
    facts = remembered(
        "I live in Boston.", "I used to live in Chicago.", "I lived in Rome in 2019."
    )
    assert "The user lives in Boston." in current(facts)
    assert [fact.slot for fact in facts] == ["home", None, None]


def test_what_is_denied_later_no_longer_holds() -> None:
    assert current(remembered("I work at Acme", "I no longer work at Acme")) == [
        "The user no longer works at Acme."
    ]
    assert current(remembered("I like coffee", "I don't like coffee anymore")) == [
        "The user does not like coffee anymore."
    ]


def test_a_lost_job_ends_the_known_one() -> None:
    known = remembered("I work at Acme.")
    (change,) = extract("I quit my job last month.", known=known).facts
    assert (change.op, change.target) == ("supersede", known[0].id)
    assert one("I quit my job last month.").op == "add"


def test_the_people_pets_places_and_employers_named_become_entities() -> None:
    said = messages(
        "My sister Anna is a nurse.",
        "my brother-in-law, Peter, said hi. Did my dog Rex bark?",
        "I work at Acme and I live in Boston.",
        "Tom is my best friend. My boss is German.",
    )
    found = extract_offline(said, [], NOW)
    entities = merge(found.entities, {source.ref: source for source in said}, [])
    assert {one.name: (one.kind, current_attributes(one)) for one in entities} == {
        "Anna": ("person", {"relation": "sister", "job": "a nurse"}),
        "Peter": ("person", {"relation": "brother-in-law"}),
        "Rex": ("other", {"kind": "dog", "relation": "pet"}),
        "Acme": ("organization", {"relation": "employer"}),
        "Boston": ("place", {"relation": "home"}),
        "Tom": ("person", {"relation": "best friend"}),
    }


def test_a_home_left_behind_is_a_former_home() -> None:
    said = messages("I live in Boston.", "I moved to Denver.")
    sources = {source.ref: source for source in said}
    before = extract_offline(said[:1], [], NOW)
    known = apply(before.facts, sources, [], NOW)
    places = merge(before.entities, sources, [])
    after = merge(extract_offline(said[1:], known, NOW).entities, sources, places)
    assert {place.name: current_attributes(place)["relation"] for place in after} == {
        "Boston": "former home",
        "Denver": "home",
    }


def test_a_message_counts_as_said_now_at_the_latest() -> None:
    source = Source(ref="a/0", text="I ran a marathon yesterday.", at=NOW + timedelta(days=900))
    (fact,) = extract_offline([source], [], NOW).facts
    assert fact.text == "The user ran a marathon on 8 May 2024."


FILLER = "The committee met in the old town hall and spoke about my report, as they always did. "


def test_a_long_pasted_text_is_read_quickly_to_its_end_and_floods_nothing() -> None:
    text = FILLER * 400 + "My name is Alex. " + "I like apples. " * 1000 + FILLER * 100
    extract(text)
    times = []
    for _ in range(5):
        begin = time.process_time()
        facts = extract(text).facts
        times.append(time.process_time() - begin)
    assert len(text.split()) > 10_000
    assert [fact.text for fact in facts] == ["The user's name is Alex.", "The user likes apples."]
    assert min(times) < 1.0  # 0.1 s on a machine with nothing else to do


PIECES = st.sampled_from(
    [
        "I", "my", "we", "am", "have", "a", "dog", "sister", "Anna", "live", "in", "Boston", "and",
        "but", "allergic", "to", "them", ":", ",", ".", "?", '"', "'", "moved", "last week", "is",
        "not", "favourite", "2019", "yesterday", "every", "Monday", "until", "was", "born", "on",
        "3 May", "nurse", "at", "as", "for ten years", "\n", ">", "🙂", "named", "been", "(", "*",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=25).map(" ".join)))
def test_whatever_is_written_facts_are_whole_sentences_about_the_user(text: str) -> None:
    found = extract(text)
    assert extract(text) == found
    for fact in found.facts:
        assert fact.text.startswith("The user")
        assert fact.text.endswith(".")
        assert "\n" not in fact.text
        assert fact.source == "turn0/0"
    said = {source.ref: source for source in messages(text)}
    written = apply(found.facts, said, [], NOW)
    assert apply(found.facts, said, written, NOW) == ()
    merge(found.entities, said, [])
