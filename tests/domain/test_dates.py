"""Dates in words, resolved against the day they were said."""

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.text.dates.dates import day_heading, find, named_period, resolve

HERE = timezone(timedelta(hours=2))
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
SAID = datetime(2023, 5, 10, 14, 30, tzinfo=HERE)  # a Wednesday


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("last Friday", "2023-05-05"),
        ("since last Friday", "2023-05-05"),
        ("last Wednesday", "2023-05-03"),
        ("on Friday", "2023-05-05"),
        ("this Friday", "2023-05-12"),
        ("next Friday", "2023-05-19"),
        ("Friday last week", "2023-05-05"),
        ("on wed", "2023-05-03"),
        ("yesterday", "2023-05-09"),
        ("yesterday evening", "2023-05-09"),
        ("last night", "2023-05-09"),
        ("this morning", "2023-05-10"),
        ("the day before yesterday", "2023-05-08"),
        ("tomorrow", "2023-05-11"),
        ("two weeks ago", "2023-04-26"),
        ("a couple of days ago", "2023-05-08"),
        ("two and a half years ago", "2020-11-10"),
        ("half a year ago", "2022-11-10"),
        ("a year and two months ago", "2022-03-10"),
        ("about 3 years ago", "2020-05-10"),
        ("for three years", "2020-05-10"),
        ("for the past two weeks", "2023-04-26"),
        ("in two weeks", "2023-05-24"),
        ("last week", "2023-05-01"),
        ("this week", "2023-05-08"),
        ("next week", "2023-05-15"),
        ("last weekend", "2023-05-06"),
        ("last month", "2023-04-01"),
        ("next month", "2023-06-01"),
        ("earlier this year", "2023-01-01"),
        ("last year", "2022-01-01"),
        ("since 2019", "2019-01-01"),
        ("2019", "2019-01-01"),
        ("in March", "2023-03-01"),
        ("since June", "2022-06-01"),
        ("last May", "2022-05-01"),
        ("may", "2023-05-01"),
        ("March this year", "2023-03-01"),
        ("early 2020", "2020-01-01"),
        ("the end of March", "2023-03-21"),
        ("on 3 May", "2023-05-03"),
        ("May 3rd", "2023-05-03"),
        ("3 June", "2022-06-03"),
        ("3rd of May, 2021", "2021-05-03"),
        ("May 3, 2021", "2021-05-03"),
        ("2021-05-03", "2021-05-03"),
        ("25/3/2022", "2022-03-25"),
        ("3.4.2022", "2022-04-03"),
        ("29 February", "2020-02-29"),
        ("last summer", "2022-06-01"),
        ("summer 2019", "2019-06-01"),
        ("since Christmas", "2022-12-25"),
        ("when I moved in 2018", "2018-01-01"),
    ],
)
def test_english_words_resolve_to_midnight_where_they_were_said(when: str, expected: str) -> None:
    assert resolve(when, SAID) == datetime.fromisoformat(expected).replace(tzinfo=HERE)


@pytest.mark.parametrize(
    "when",
    [
        None, "", "  ", "since I was 5", "when I was 12 years old", "since childhood", "recently",
        "my whole life", "soon", "years ago", "many moons ago", "at 25", "5", "I", "second grade",
        "until 2019", "3/4/2022", "31 February", "9999 years ago", "always", "before lunch",
        "कल", "mi", "vor 2019", "2000 Schritte", "31 Februar", "vor dem Essen", "最近", "いつも",
    ],
)  # fmt: skip
def test_what_names_no_date_resolves_to_none(when: str | None) -> None:
    assert resolve(when, SAID) is None


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("gestern", "2023-05-09"),
        ("vor zwei Wochen", "2023-04-26"),
        ("seit letztem Freitag", "2023-05-05"),
        ("seit 3. Mai 2019", "2019-05-03"),
        ("depuis mai 2021", "2021-05-01"),
        ("viernes pasado", "2023-05-05"),
        ("昨天", "2023-05-09"),
        ("nächsten Dienstag", "2023-05-16"),
        ("上周五", "2023-05-05"),
        ("下周二", "2023-05-16"),
        ("позавчера", "2023-05-08"),
        ("две недели назад", "2023-04-26"),
        ("hace dos semanas", "2023-04-26"),
        ("3 Mart", "2023-03-03"),
        ("Mart ayında", "2023-03-01"),
        ("3 мая", "2023-05-03"),
        ("la semaine dernière", "2023-05-01"),
        ("l'altro ieri", "2023-05-08"),
        ("na sexta-feira passada", "2023-05-05"),
        ("twee weken geleden", "2023-04-26"),
        ("dwa tygodnie temu", "2023-04-26"),
        ("geçen cuma", "2023-05-05"),
        ("先週の金曜日", "2023-05-05"),
        ("2週間前", "2023-04-26"),
        ("三月三日", "2023-03-03"),
        ("지난 금요일", "2023-05-05"),
        ("الجمعة الماضية", "2023-05-05"),
        ("पिछले शुक्रवार", "2023-05-05"),
        ("สองสัปดาห์ก่อน", "2023-04-26"),
        ("hôm qua", "2023-05-09"),
        ("för två veckor sedan", "2023-04-26"),
    ],
)
def test_other_languages_resolve_too(when: str, expected: str) -> None:
    assert resolve(when, SAID) == datetime.fromisoformat(expected).replace(tzinfo=HERE)


def test_hours_ago_keep_the_time() -> None:
    assert resolve("an hour ago", SAID) == SAID - timedelta(hours=1)
    assert resolve("30 minutes ago", SAID) == SAID - timedelta(minutes=30)


@pytest.mark.parametrize(
    ("when", "said", "expected"),
    [
        ("in 3 hours", datetime(2026, 3, 7, 23, 30, tzinfo=LOS_ANGELES), "2026-03-08T03:30-07:00"),
        ("3 hours ago", datetime(2026, 3, 8, 4, tzinfo=LOS_ANGELES), "2026-03-08T00:00-08:00"),
        (
            "in 90 minutes",
            datetime(2026, 11, 1, 0, 45, tzinfo=LOS_ANGELES),
            "2026-11-01T01:15-08:00",
        ),
    ],
)
def test_an_hour_is_an_hour_in_the_night_when_the_clocks_change(
    when: str, said: datetime, expected: str
) -> None:
    at = resolve(when, said)
    assert at is not None and at.isoformat(timespec="minutes") == expected


def test_a_day_is_a_day_of_the_speaker_also_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    monday = datetime(2023, 3, 27, 9, tzinfo=berlin)
    assert resolve("two days ago", monday) == datetime(2023, 3, 25, tzinfo=berlin)
    late = datetime(2023, 5, 10, 0, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert resolve("yesterday", late) == datetime(2023, 5, 9, tzinfo=ZoneInfo("Asia/Tokyo"))


@pytest.mark.parametrize(
    ("when", "zone", "said", "expected"),
    [
        ("yesterday", "Asia/Kolkata", "2026-05-08T18:45Z", "2026-05-08T00:00+05:30"),
        ("gestern", "Asia/Kathmandu", "2026-05-08T18:20Z", "2026-05-08T00:00+05:45"),
        ("yesterday", "Pacific/Kiritimati", "2026-05-08T10:30Z", "2026-05-08T00:00+14:00"),
        ("yesterday", "Australia/Lord_Howe", "2026-04-05T15:10Z", "2026-04-05T00:00+11:00"),
        ("tomorrow", "Europe/Berlin", "2026-03-28T22:30Z", "2026-03-29T00:00+01:00"),
        ("in two days", "America/New_York", "2026-03-07T06:30Z", "2026-03-09T00:00-04:00"),
    ],
)
def test_days_are_right_in_half_hours_beside_the_date_line_and_where_clocks_change(
    when: str, zone: str, said: str, expected: str
) -> None:
    at = resolve(when, datetime.fromisoformat(said).astimezone(ZoneInfo(zone)))
    assert at == datetime.fromisoformat(expected) and at.utcoffset() is not None


@pytest.mark.parametrize(
    ("question", "begin", "end"),
    [
        ("What did I do in May 2023?", "2023-05-01", "2023-06-01"),
        ("What happened last week?", "2023-05-01", "2023-05-08"),
        ("what did we talk about on 8 May?", "2023-05-08", "2023-05-09"),
        ("Where did I live in 2019?", "2019-01-01", "2020-01-01"),
        ("What did I say yesterday about Anna?", "2023-05-09", "2023-05-10"),
        ("Who did I meet two weeks ago?", "2023-04-23", "2023-04-30"),
        ("How did I feel last summer?", "2022-06-01", "2022-09-01"),
        ("Where was I between March and May 2022?", "2022-03-01", "2022-06-01"),
        ("Where was I from 3 May to 8 May?", "2023-05-03", "2023-05-09"),
        ("What did I buy after Christmas?", "2022-12-26", None),
        ("What have I done since last Friday?", "2023-05-05", None),
        ("What did I read in the past two weeks?", "2023-04-26", None),
        ("Was habe ich letzte Woche gemacht?", "2023-05-01", "2023-05-08"),
        ("¿Qué hice en marzo?", "2023-03-01", "2023-04-01"),
        ("我上周做了什么？", "2023-05-01", "2023-05-08"),
        ("先週何をしましたか", "2023-05-01", "2023-05-08"),
        ("Что я делал в марте 2022 года?", "2022-03-01", "2022-04-01"),
        ("ماذا فعلت الأسبوع الماضي؟", "2023-05-01", "2023-05-08"),
        ("Où habitais-je en 2019 ?", "2019-01-01", "2020-01-01"),
    ],
)
def test_a_question_names_a_span_of_time(question: str, begin: str, end: str | None) -> None:
    period = named_period(question, SAID)
    assert period is not None
    assert period[0] == datetime.fromisoformat(begin).replace(tzinfo=HERE)
    assert period[1] == (datetime.fromisoformat(end).replace(tzinfo=HERE) if end else SAID)


@pytest.mark.parametrize(
    "question",
    [
        "May I ask you something?", "Who may come to my party?", "How many cats do I have?",
        "Did I walk in the march?", "I walked 2000 steps", "What is my second name?",
        "What about the last time?", "Where did I live before 2019?",
        "Do I like to sit in the sun?", "Wo habe ich vor 2019 gewohnt?", "¿Cuántos años tengo?",
        "Wie heißt meine Katze?", "我有几只猫？", "Хожу ли я 2000 шагов в день?",
    ],
)  # fmt: skip
def test_a_question_without_a_date_names_no_span(question: str) -> None:
    assert named_period(question, SAID) is None


@pytest.mark.parametrize("before", ["", "They met in the old hall and spoke at length. " * 200])
def test_a_question_is_read_in_no_time(before: str) -> None:
    question = f"{before}Which book did Anna recommend to me when we met in May 2023?"
    assert named_period(question, SAID) is not None
    times = []
    for _ in range(200):
        begin = time.process_time()
        named_period(question, SAID)
        times.append(time.process_time() - begin)
    assert min(times) < 0.005  # a millisecond, on a machine with nothing else to do


@pytest.mark.parametrize(
    ("text", "begins", "place"),
    [
        ("I moved to Denver last week", "2023-05-01", "last week"),
        ("I ran on 3 May with Tom", "2023-05-03", "on 3 May"),
        ("I moved two weeks ago.", "2023-04-23", "two weeks ago"),
        ("I bought it last month", "2023-04-01", "last month"),
        ("I met him last year", "2022-01-01", "last year"),
        ("We met last weekend", "2023-05-06", "last weekend"),
        ("I met him last winter", "2022-12-01", "last winter"),
    ],
)
def test_relative_words_are_found_inside_a_sentence(text: str, begins: str, place: str) -> None:
    mention = find(text, SAID)
    assert mention is not None
    assert f"{mention.start:%Y-%m-%d}" == begins
    assert text[slice(*mention.place)].strip() == place


def test_headings_depend_on_no_locale() -> None:
    assert day_heading(datetime(2023, 5, 8, tzinfo=UTC)) == "8 May 2023"
    assert day_heading(datetime(1999, 12, 31, 23, tzinfo=HERE)) == "31 December 1999"


PIECES = st.sampled_from(
    [
        "last", "next", "this", "since", "in", "on", "may", "march", "3", "31", "2019", "friday",
        "week", "weeks", "ago", "year", "a", "two", "of", "the", "half", "christmas", "summer",
        "early", "end", "-", "/", ".", ",", "0", "99999999", "between", "and", "until", "for",
    ]
)  # fmt: skip


@given(
    st.one_of(st.text(max_size=60).filter(str.isascii), st.lists(PIECES, max_size=8).map(" ".join)),
    st.datetimes(
        min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(HERE)
    ),
)
def test_whatever_is_said_whenever_it_resolves_to_a_date_or_none(text: str, at: datetime) -> None:
    moment = resolve(f"I {text}", at)
    assert moment is None or moment.tzinfo is at.tzinfo
    period = named_period(text, at)
    assert period is None or period[0] <= period[1]
    assert resolve(f"I {text}", at) == moment
    mention = find(text, at)
    assert mention is None or mention.start <= mention.end


def test_the_year_one_is_no_date_since_elsewhere_it_is_before_all_dates() -> None:
    assert resolve("0001-01-01", datetime(2026, 5, 8, tzinfo=UTC)) is None
