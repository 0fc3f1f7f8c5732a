from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.recall.packing import Line, Pool, fill, pack, render
from domain.records import Recalled
from models.tokens import open_counter

COUNT = open_counter("").text
APART = [np.array([row]) for row in range(3)]
"""Terms of three candidates that share none."""
DAY = datetime(2026, 5, 8, 12, 0, tzinfo=UTC)


def line(text: str, at: datetime = DAY, place: int = 0) -> Line:
    item = Recalled(
        id=text, kind="evidence", score=1, text=f"- Ann: {text}", at=at, tokens=COUNT(f"{text}\n")
    )
    return Line(item, place)


def test_lines_stand_under_the_heading_of_their_day_in_the_order_of_time() -> None:
    lines = [
        line("later", DAY + timedelta(days=1)),
        line("second", DAY, 2),
        line("first", DAY, 1),
        line("early", DAY - timedelta(days=40)),
    ]
    assert render(pack(lines, 200, COUNT)[0]).splitlines() == [
        "29 March 2026:",
        "- Ann: early",
        "8 May 2026:",
        "- Ann: first",
        "- Ann: second",
        "9 May 2026:",
        "- Ann: later",
    ]


def test_nothing_is_rendered_of_nothing() -> None:
    assert render(()) == ""
    assert pack([line("x")], 0, COUNT) == ((), 0)


@given(
    texts=st.lists(st.text(max_size=60), max_size=25),
    days=st.lists(st.integers(0, 5), min_size=25, max_size=25),
    budget=st.integers(0, 120),
)
def test_what_is_packed_never_costs_more_than_the_budget(
    texts: list[str], days: list[int], budget: int
) -> None:
    lines = [
        line(text, DAY + timedelta(days=days[place]), place) for place, text in enumerate(texts)
    ]
    packed, tokens = pack(lines, budget, COUNT)
    assert COUNT(render(packed)) == tokens <= budget


def test_the_best_come_first_while_they_fit_and_smaller_ones_fill_the_rest() -> None:
    scores, tokens = np.array([3.0, 2.0, 1.0]), np.array([50.0, 60.0, 20.0])
    pool = Pool(scores, tokens, np.array([1, 2, 3]), np.full(3, 5.0), np.arange(3), APART)
    assert fill(pool, 85, 0.0) == [0, 2]


def test_no_more_are_weighed_than_may_be_shown() -> None:
    pool = Pool(np.arange(3.0), np.ones(3), np.ones(3, np.int64), np.ones(3), np.arange(3), APART)
    assert fill(pool, 100, 0.0, 2) == [2, 1]
    assert fill(pool, 100, 0.0) == [2, 1, 0]


def test_a_day_pays_for_its_heading_once() -> None:
    pool = Pool(
        np.array([2.0, 1.0]),
        np.array([10.0, 10.0]),
        np.array([7, 7]),
        np.full(2, 6.0),
        np.arange(2),
        APART[:2],
    )
    assert fill(pool, 26, 0.0) == [0, 1]
    assert fill(pool, 25, 0.0) == [0]


def test_of_two_equally_good_ones_the_shorter_comes_first() -> None:
    pool = Pool(
        np.ones(2),
        np.array([40.0, 10.0]),
        np.array([1, 2]),
        np.full(2, 5.0),
        np.arange(2),
        APART[:2],
    )
    assert fill(pool, 100, 0.4) == [1, 0]


def test_one_message_gives_one_passage_before_another_gives_its_first() -> None:
    scores, tokens = np.array([2.0, 1.9, 1.8]), np.full(3, 10.0)
    pool = Pool(scores, tokens, np.ones(3, np.int64), np.zeros(3), np.array([4, 4, 5]), APART)
    assert fill(pool, 20, 0.3) == [0, 2]
    assert fill(pool, 30, 0.3) == [0, 2, 1]


def test_what_says_something_new_comes_before_what_says_the_same_again() -> None:
    scores, tokens = np.array([3.0, 2.4, 2.0]), np.full(3, 20.0)
    terms = [np.array([1, 2, 3]), np.array([3, 2, 1, 1]), np.array([4, 5])]
    pool = Pool(scores, tokens, np.ones(3, np.int64), np.zeros(3), np.arange(3), terms)
    assert fill(pool, 40, 0.0) == [0, 2]
    assert fill(pool, 60, 0.0) == [0, 2, 1]
