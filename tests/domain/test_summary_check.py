"""The deterministic check of a summary: what it must keep, and what it lacks."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.records import Said, Turn
from domain.summary_check import check, details, said_in
from domain.text.statements import negations
from domain.text.wording import numbers

AT = datetime(2026, 5, 8, 14, tzinfo=UTC)


def turns(*texts: str, reply: str = "I met Zed 99 times, never in Rome.") -> list[Turn]:
    """Turns in which the user says `texts`; what the character says must not count."""
    return [
        Turn(
            id=f"{number:032x}",
            parent=None,
            thread="thread",
            at=AT,
            messages=(
                Said(id="u", role="user", text=text, at=AT),
                Said(id="a", role="assistant", text=reply, at=AT),
            ),
        )
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I have 2 cats, Tom and Rex.", ["2", "Tom", "Rex"]),
        ("I have two cats.", ["two"]),
        ("It cost $1,200 at 7:30.", ["1200", "7:30"]),
        ("See you on 3rd of May 2024!", ["3rd of May 2024"]),
        ("It was on 2024-05-03.", ["2024-05-03"]),
        ("My name is Anna Schmidt.", ["Anna Schmidt"]),
        ("Yesterday Anna called me on my iPhone.", ["Anna", "iPhone"]),
        ("I do not eat meat.", ["not eat meat"]),
        ("I never drink coffee, but I like tea.", ["never drink coffee"]),
        ("I dont like cheese", ["dont like cheese"]),
        ("I can’t swim.", ["can't swim"]),
    ],
)
def test_numbers_dates_names_and_negations_are_details(text: str, expected: list[str]) -> None:
    assert details(turns(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "Thanks! Cooking is fun.", "The weather is nice today. However, I like it.",
        "I don't know. Not sure. No problem, I can't wait!", "Don't you think so?",
        "WHAT A LOVELY DAY THIS IS", "Ich mag den Hund und die Katze und das Haus sehr.",
    ],
)  # fmt: skip
def test_ordinary_words_and_idle_negations_are_no_details(text: str) -> None:
    assert details(turns(text)) == []
    assert check(turns(text), "") == check(turns(text), "Anything.")
    assert check(turns(text), "").coverage == 1


def test_a_word_that_is_a_name_elsewhere_is_one_at_the_start_too() -> None:
    assert details(turns("Boston is cold.")) == []
    assert details(turns("Boston is cold.", "I moved to Boston.")) == ["Boston"]


TALK = turns(
    "My name is Anna Schmidt and I have two cats.",
    "I do not eat meat. My appointment is on 3 May 2024, a Friday.",
    "The flat cost 1,200 euros.",
)


@pytest.mark.parametrize(
    "summary",
    [
        "Anna Schmidt has two cats, does not eat meat, has an appointment on 3 May 2024 (Friday) "
        "and paid 1200 euros.",
        "ANNA SCHMIDT owns 2 cats and avoids eating meat. Appointment: 2024-05-03. Flat: 1,200.",
        "The user, Ms. Anna Schmidt, refuses to eat meat; on May 3rd, 2024 she has an appointment. "
        "Two cats. The flat costs 1200 euros.",
    ],
)
def test_a_summary_may_say_it_in_other_words(summary: str) -> None:
    assert check(TALK, summary).missing == ()
    assert check(TALK, summary).coverage == 1


def test_what_a_summary_lacks_is_named_as_it_was_said() -> None:
    quality = check(TALK, "Anna Schmidt eats meat and has three cats; flat: 1200 euros.")
    assert quality.missing == ("two", "3 May 2024", "Friday", "not eat meat")
    assert quality.coverage == pytest.approx(1 - 4 / 6)


def test_a_negation_that_was_turned_around_is_missing() -> None:
    talk = turns("I do not like coffee.")
    assert check(talk, "The user likes coffee.").coverage == 0
    assert check(talk, "The user likes tea, never milk. Coffee too.").coverage == 0
    assert check(talk, "The user dislikes coffee.").coverage == 1


@pytest.mark.parametrize(
    ("said", "summary"),
    [
        ("My sister Ola is allergic to nuts, so we never keep nuts at home. She is 31, lives in "
         "Gdansk, works at Mercy Hospital and has a dog, Rex.",
         "The user's sister Ola, 31, is allergic to nuts, so they are maintaining nuts at home. "
         "She lives in Gdansk, works at Mercy Hospital and has a dog, Rex."),
        ("Ola is allergic to nuts. She is 31 and lives in Gdansk with Rex.",
         "Ola is not allergic to nuts. She is 31 and lives in Gdansk with Rex."),
        ("Anna Schmidt has two cats, lives in Rome and works for Acme since 2019.",
         "Anna Schmidt has three cats, lives in Rome and works for Acme since 2019."),
        ("Ich esse kein Fleisch. Ich wohne in Berlin.",
         "Der Nutzer isst Fleisch. Der Nutzer wohnt in Berlin."),
        ("我不喝咖啡。我住在柏林。", "用户喝咖啡。用户住在柏林。"),
        ("我对花生过敏。电话分机是4821。", "用户对花生不过敏。分机是4821。"),
        ("我对花生过敏。电话分机是4821。", "用户对花生过敏。分机是4281。"),
        ("我妹妹三月十五日结婚。", "用户的妹妹三月二十五日结婚。"),
        ("会議は14時からです。家賃は8万円です。", "会議は16時から。家賃は8万円。"),
        ("딸은 6살이에요. 서울에 살아요.", "딸은 8살. 서울에 산다."),
        ("मेरी बेटी ६ साल की है।", "बेटी 8 साल की है।"),
        ("Ich habe drei Katzen und wohne in Graz.", "Der Nutzer hat fünf Katzen."),
    ],
)  # fmt: skip
def test_a_statement_turned_around_or_a_wrong_number_fails_by_itself(
    said: str, summary: str
) -> None:
    assert check(turns(said), summary).coverage == 0
    assert check(turns(said), said).coverage == 1


def test_a_detail_that_a_model_names_counts_only_if_somebody_said_it() -> None:
    assert said_in(TALK, ["two cats", "a parrot", "Barack Obama", "not eat meat"]) == (
        "two cats",
        "not eat meat",
    )


def test_only_the_first_missing_details_are_named() -> None:
    quality = check(turns(" ".join(f"{number}." for number in range(100, 300))), "Nothing.")
    assert quality.coverage == 0
    assert len(quality.missing) == 24


def test_numbers_are_compared_as_digits() -> None:
    assert numbers("Two of 1,200 cats, 3.5 kg, at 07:30") == {"2", "1200", "3.5", "7:30"}
    assert numbers("二〇二六年三月十五日, 一万两千") >= {"2026", "3", "15"}
    assert numbers("१५ दिन") == numbers("１５日") == {"15"}
    assert negations("I can’t and I do not, never") == 3


@given(st.lists(st.text(max_size=120), max_size=4), st.text(max_size=200))
@example(["0/N"], "0")
def test_coverage_is_a_share_and_everything_said_keeps_everything(
    texts: list[str], summary: str
) -> None:
    talk = turns(*texts)
    quality = check(talk, summary)
    assert 0 <= quality.coverage <= 1
    assert (quality.coverage == 1) == (not quality.missing)
    named = set(quality.missing) - set(details(talk))  # clauses that the summary turns around
    assert all(any(clause in text for text in texts) for clause in named)
    whole = check(talk, "\n".join(texts))
    assert whole.coverage >= quality.coverage or whole.coverage == 1
