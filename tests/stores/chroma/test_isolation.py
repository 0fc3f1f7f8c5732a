"""Promises of isolation: a namespace reaches its own items and no others, whatever its labels."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.store.base import (
    BaseStore,
    GetOp,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchOp,
)

from stores.base_store.filters import namespace_matches
from tests.support.servers.chroma_server import ChromaServer, empty, opener
from tests.support.servers.postgres_server import PostgresServer
from tests.support.stores.every_store import PLACES, held_open, postgres_opener

Namespace = tuple[str, ...]
Model = dict[tuple[Namespace, str], dict[str, Any]]

TWINS = [
    (
        "user1",
        "USER1",
        "user10",
        "user",
        "user1 ",
        " user1",
        "user1\n",
        "user1\u200d",
        "us\u0435r1",
    ),
    (normalize("NFC", "Zoë"), normalize("NFD", "Zoë"), "Zoe", "ZOË", "zoë"),
    ("straße", "strasse", "STRASSE", "ﬁ", "fi", "İ", "i", "ı"),
    ("*", "**", "%", "_", "?", "[a-z]", ".*".replace(".", "+"), "a*", "aX", "a%", "a_"),
    ("$", "$ne", '{"$ne": null}', "$eq", "'", "' OR '1'='1", '"', '\\"', "\\", "\\\\", "--", ";"),
    ("a/b", "a|b", "a,b", '["a"]', "a:b", "a-1", "a", "b", "null", "true", "1", "01", "-1"),
    ("x" * 4_000, "x" * 4_000 + "y", "x" * 3_999),
    ("\ud800", "\udfff", "\ufffd", "?", "💥", "\U0001f4a5\ufe0f", "\r", "\t", "\x01", "\u2028"),
    ("p1", "p2", "key", "value", "namespace", "item", "mnemo-meta", "complete"),
]
LABELS = [label for group in TWINS for label in group]


@pytest.fixture(params=PLACES, scope="module")
def shared_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BaseStore]:
    """Give one store for all examples; each empties it first."""
    if request.param == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        open_store = postgres_opener(postgres.url(postgres.make_database()))
    elif request.param == "server":
        server: ChromaServer = request.getfixturevalue("chroma_server")
        empty(server.url)
        open_store = opener(url=server.url, shards=2)
    else:
        open_store = opener(path=tmp_path_factory.mktemp("isolation") / "chroma", shards=2)
    with held_open(open_store) as store:
        yield store


def clear(store: BaseStore) -> None:
    store.batch([PutOp(item.namespace, item.key, None) for item in store.search((), limit=10_000)])


def everything(items: Any) -> Model:
    found = {(item.namespace, item.key): item.value for item in items}
    assert len(found) == len(items), "an item was returned twice"
    return found


@pytest.mark.parametrize("group", TWINS, ids=lambda group: ascii(group[0])[:20])
def test_labels_that_look_alike_are_different_places(
    shared_store: BaseStore, group: tuple[str, ...]
) -> None:
    clear(shared_store)
    places: list[Namespace] = [(one, two) for one, two in product(group, ("kind", group[0]))]
    places += [(one,) for one in group]
    texts = {place: {"text": f"apple {number}"} for number, place in enumerate(places)}
    shared_store.batch([PutOp(place, "k", texts[place], index=["text"]) for place in places])
    for first in group:
        expected = {(place, "k"): texts[place] for place in places if place[0] == first}
        assert everything(shared_store.search((first,), limit=1_000)) == expected
        assert everything(shared_store.search((first,), query="apple", limit=1_000)) == expected
        assert everything(shared_store.search((first,), query="apple", limit=1)).items() <= (
            expected.items()
        )
    victim = places[0]
    shared_store.delete(victim, "k")
    assert shared_store.get(victim, "k") is None
    left = {(place, "k"): texts[place] for place in places if place != victim}
    assert everything(shared_store.search((), limit=1_000)) == left


@pytest.mark.parametrize("keys", TWINS, ids=lambda group: ascii(group[0])[:20])
def test_keys_that_look_alike_are_different_items(
    shared_store: BaseStore, keys: tuple[str, ...]
) -> None:
    clear(shared_store)
    keys = (*keys, "", "a.b", "nul\x00", "nul")
    shared_store.batch([PutOp(("n",), key, {"is": key}) for key in keys])
    found = shared_store.batch([GetOp(("n",), key) for key in keys])
    assert [getattr(item, "value", None) for item in found] == [{"is": key} for key in keys]
    shared_store.delete(("n",), keys[0])
    assert {item.key for item in shared_store.search(("n",), limit=100)} == set(keys[1:])


def test_where_a_namespace_ends_and_a_key_begins_cannot_be_moved(
    shared_store: BaseStore,
) -> None:
    clear(shared_store)
    places: list[tuple[Namespace, str]] = [(("a", "b"), "c")]
    for mark in ("/", "|", ",", ":", "-", " ", "\n", "\x1f", '", "', "\\", ""):
        places += [((f"a{mark}b",), "c"), (("a",), f"b{mark}c"), (("a", f"b{mark}c"), "")]
        places += [((f"a{mark}b", "c"), "d"), (("a", f"b{mark}c"), "d"), (("a", "b", "c"), "d")]
    places = list(dict.fromkeys(places))
    shared_store.batch([PutOp(ns, key, {"is": [*ns, key]}) for ns, key in places])
    for namespace, key in places:
        item = shared_store.get(namespace, key)
        assert item is not None
        assert item.value == {"is": [*namespace, key]}
    assert len(shared_store.search((), limit=100)) == len(places)


label = st.sampled_from(LABELS) | st.text(
    st.characters(exclude_characters=".\x00", exclude_categories=()), min_size=1, max_size=6
)
namespace = st.lists(label, min_size=1, max_size=3).map(tuple)
key = st.sampled_from(["k", "K", "k-1", "", "é", "e\u0301", "\ud800"]) | st.text(max_size=4)


@st.composite
def histories(draw: st.DrawFn) -> list[list[PutOp]]:
    """Batches of puts and deletes that return to the same few places."""
    places = draw(st.lists(st.tuples(namespace, key), min_size=1, max_size=6, unique=True))
    heads = draw(st.lists(namespace, max_size=2))
    places += [((head + place)[:4], name) for head in heads for place, name in places[:2]]
    value = st.none() | st.fixed_dictionaries({"n": st.integers(0, 2), "text": label})
    put = st.builds(
        lambda place, what, index: PutOp(place[0], place[1], what, index=index),
        st.sampled_from(places),
        value,
        st.sampled_from([None, False, ["text"], ["text", "n"]]),
    )
    return draw(st.lists(st.lists(put, min_size=1, max_size=6), min_size=1, max_size=3))


def under(model: Model, prefix: Namespace) -> Model:
    return {
        (place, name): value
        for (place, name), value in model.items()
        if place[: len(prefix)] == prefix
    }


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories(), stranger=namespace)
def test_the_store_is_a_dictionary_of_namespaces(
    shared_store: BaseStore, history: list[list[PutOp]], stranger: Namespace
) -> None:
    clear(shared_store)
    model: Model = {}
    for batch in history:
        shared_store.batch(batch)
        for op in batch:
            if op.value is None:
                with suppress(KeyError):
                    del model[op.namespace, op.key]
            else:
                model[op.namespace, op.key] = dict(op.value)
    touched = list({(op.namespace, op.key): None for batch in history for op in batch})
    prefixes = {place[:size] for place, _ in touched for size in range(len(place) + 1)}
    prefixes |= {stranger, stranger[:1]}
    check(shared_store, model, touched, sorted(prefixes))


def check(
    store: BaseStore,
    model: Model,
    touched: list[tuple[Namespace, str]],
    prefixes: list[Namespace],
) -> None:
    gets = store.batch([GetOp(place, name) for place, name in touched])
    assert [getattr(item, "value", None) for item in gets] == [model.get(at) for at in touched]
    ops: list[Op] = []
    for prefix in prefixes:
        ops += [SearchOp(prefix, limit=100), SearchOp(prefix, filter={"n": 1}, limit=100)]
        ops += [SearchOp(prefix, query="x", limit=100)]
    results = iter(store.batch(ops))
    for prefix in prefixes:
        mine = under(model, prefix)
        assert everything(next(results)) == mine
        assert everything(next(results)) == {at: v for at, v in mine.items() if v["n"] == 1}
        assert everything(next(results)).items() <= mine.items()
    places = sorted({place for place, _ in model})
    assert store.list_namespaces(limit=1_000) == places
    for prefix in filter(None, prefixes):
        for kind in ("prefix", "suffix"):
            condition = MatchCondition(kind, prefix)
            listed = store.batch([ListNamespacesOp((condition,), limit=1_000)])
            assert listed == [[place for place in places if namespace_matches(condition, place)]]
