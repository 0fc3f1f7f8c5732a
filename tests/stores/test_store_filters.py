"""Promises of the pure filters and namespace conditions."""

from typing import Any

import pytest
from langgraph.store.base import ListNamespacesOp, MatchCondition

from stores.base_store.filters import check_filter, choose_namespaces, literal_prefix, matches

VALUE = {
    "n": 3,
    "text": "b",
    "at": "2024-05-01",
    "flag": True,
    "tags": ["x"],
    "in": {"a": 1, "b": 2},
}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, True),
        ({"n": 3}, True),
        ({"n": 4}, False),
        ({"missing": None}, True),
        ({"missing": 1}, False),
        ({"flag": True}, True),
        ({"tags": ["x"]}, True),
        ({"tags": ["x", "y"]}, False),
        ({"in": {"a": 1}}, True),
        ({"in": {"a": {"$gte": 1}, "b": 2}}, True),
        ({"in": {"a": 2}}, False),
        ({"n": {"$eq": 3}}, True),
        ({"n": {"$ne": 3}}, False),
        ({"n": {"$gt": 2, "$lt": 4}}, True),
        ({"n": {"$gt": 3}}, False),
        ({"n": {"$gte": 3}}, True),
        ({"n": {"$lte": 3}}, True),
        ({"n": {"$lt": 3}}, False),
        ({"n": {"$lt": 10**400}}, True),
        ({"n": {"$gt": float("nan")}}, False),
        ({"n": {"$lte": float("nan")}}, False),
        ({"n": {"$lt": float("inf")}}, True),
        ({"n": {"$in": [1, 3]}}, True),
        ({"n": {"$nin": [1, 3]}}, False),
        ({"n": {"$in": []}}, False),
        ({"at": {"$gte": "2024-04-30", "$lt": "2024-05-02"}}, True),
        ({"at": {"$gt": "2024-05-01"}}, False),
        ({"text": {"$gt": 1}}, False),
        ({"missing": {"$gt": 1}}, False),
        ({"missing": {"$ne": 1}}, True),
        ({"missing": {"$nin": [1]}}, True),
        ({"n": 3, "text": "c"}, False),
    ],
)
def test_a_filter_means_what_it_says(conditions: dict[str, Any], expected: bool) -> None:
    assert matches(VALUE, conditions) is expected


@pytest.mark.parametrize(
    "conditions", [{"n": {"$near": 1}}, {"in": {"a": {"$like": "x"}}}, {"n": {"$in": 3}}]
)
def test_a_filter_that_makes_no_sense_is_refused_before_anything_is_read(
    conditions: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match=r"\$"):
        check_filter(conditions)


def test_the_literal_beginning_is_what_every_match_must_have() -> None:
    conditions = [
        MatchCondition("prefix", ("a", "*", "c")),
        MatchCondition("prefix", ("a", "b")),
        MatchCondition("suffix", ("x", "y", "z")),
    ]
    assert literal_prefix(conditions) == ("a", "b")
    assert literal_prefix(None) == ()


def test_a_star_is_one_whole_label_and_a_label_holding_a_star_is_not_a_wildcard() -> None:
    names = [("a",), ("a", "b"), ("a", "x", "b"), ("a*", "b"), ("star*",), ("starX",)]

    def chosen(*conditions: MatchCondition) -> list[tuple[str, ...]]:
        return choose_namespaces(ListNamespacesOp(conditions), names)

    assert chosen(MatchCondition("prefix", ("a", "*"))) == [("a", "b"), ("a", "x", "b")]
    assert chosen(MatchCondition("suffix", ("*", "b"))) == [
        ("a", "b"),
        ("a", "x", "b"),
        ("a*", "b"),
    ]
    assert chosen(MatchCondition("prefix", ("star*",))) == [("star*",)]
    assert chosen(MatchCondition("suffix", ())) == sorted(names)


def test_an_unknown_match_type_is_refused() -> None:
    condition = MatchCondition("middle", ("a",))  # type: ignore[arg-type]  # unknown
    with pytest.raises(ValueError, match="middle"):
        choose_namespaces(ListNamespacesOp((condition,)), [("a",)])
