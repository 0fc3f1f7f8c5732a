"""Promises of the Chroma store's searches: by filter, by meaning, and of namespaces."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import pytest
from chromadb import Collection, GetResult
from langgraph.store.base import (
    ListNamespacesOp,
    MatchCondition,
    PutOp,
)

from stores.chroma.client import ChromaLink
from stores.chroma.rows import Entry
from stores.chroma.shard import Shard
from stores.chroma.store import ChromaStore
from tests.support.models.hash_embeddings import HashEmbeddings
from tests.support.servers.chroma_server import OpenStore as OpenChroma
from tests.support.stores.every_store import OpenStore, Store

T = TypeVar("T")
NS = ("user", "notes")


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[Store]:
    """Give an empty store."""
    async with open_store() as opened:
        yield opened


def keys(items: Any) -> list[str]:
    return [item.key for item in items]


# Search by filter.


async def put_colours(store: Store) -> None:
    rows = [("red apple", "red", 4.5), ("red car", "red", 3.0), ("green apple", "green", 4.0)]
    rows.append(("blue car", "blue", 3.5))
    ops = [
        PutOp(NS, f"d{number}", {"text": text, "color": color, "score": score}, index=["text"])
        for number, (text, color, score) in enumerate(rows, 1)
    ]
    await store.abatch(ops)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"color": "red"}, ["d1", "d2"]),
        ({"score": {"$gt": 3.2}}, ["d1", "d3", "d4"]),
        ({"score": {"$gte": 4.0}, "color": "green"}, ["d3"]),
        ({"score": {"$gt": 3.0, "$lte": 4.0}}, ["d3", "d4"]),
        ({"color": {"$ne": "red"}}, ["d3", "d4"]),
        ({"color": {"$in": ["blue", "green"]}}, ["d3", "d4"]),
        ({"color": "' OR '1'='1"}, []),
    ],
)
async def test_filters_narrow_a_listing_and_a_search_alike(
    store: Store, conditions: dict[str, Any], expected: list[str]
) -> None:
    await put_colours(store)
    assert keys(await store.asearch(NS, filter=conditions)) == expected
    ranked = await store.asearch(NS, query="apple", filter=conditions)
    assert sorted(keys(ranked)) == expected


async def test_a_page_of_a_listing_follows_the_one_before(store: Store) -> None:
    await store.abatch([PutOp(NS, f"k{n}", {"even": n % 2 == 0}) for n in range(9)])
    pages = [await store.asearch(NS, limit=4, offset=offset) for offset in (0, 4, 8, 12)]
    assert [keys(page) for page in pages] == [
        ["k0", "k1", "k2", "k3"],
        ["k4", "k5", "k6", "k7"],
        ["k8"],
        [],
    ]
    even = await store.asearch(NS, filter={"even": True}, limit=2, offset=2)
    assert keys(even) == ["k4", "k6"]
    assert await store.asearch(NS, limit=0) == []


async def test_a_listing_has_no_scores(store: Store) -> None:
    await put_colours(store)
    for query in (None, ""):
        assert [item.score for item in await store.asearch(NS, query=query)] == [None] * 4


# Search by meaning.


async def test_the_nearest_come_first_with_their_cosine(store: Store) -> None:
    await put_colours(store)
    found = await store.asearch(NS, query="red apple")
    assert found[0].key == "d1"
    assert found[0].score == pytest.approx(1.0, abs=1e-5)
    scores = [item.score or 0.0 for item in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert scores[1] == pytest.approx(0.5, abs=1e-5)


async def test_a_page_of_a_search_follows_the_one_before(store: Store) -> None:
    for size in range(1, 7):
        text = " ".join(["apple", *(f"other{n}" for n in range(size))])
        await store.aput(NS, f"d{size}", {"text": text}, index=["text"])
    first = await store.asearch(NS, query="apple", limit=2)
    second = await store.asearch(NS, query="apple", limit=2, offset=2)
    rest = await store.asearch(NS, query="apple", limit=9, offset=4)
    every = await store.asearch(NS, query="apple", limit=100)
    assert keys([*first, *second, *rest]) == keys(every)
    assert sorted(keys(every)) == [f"d{size}" for size in range(1, 7)]


async def test_a_replaced_text_is_found_by_its_new_meaning_only(store: Store) -> None:
    await store.aput(NS, "a", {"text": "zany zebra"}, index=["text"])
    await store.aput(NS, "b", {"text": "quiet dogs"}, index=["text"])
    await store.aput(NS, "a", {"text": "loud birds"}, index=["text"])
    old, new = await store.asearch(NS, query="zany zebra"), await store.asearch(NS, query="birds")
    assert all((item.score or 0.0) < 0.1 for item in old)
    assert new[0].key == "a"
    await store.aput(NS, "a", {"text": "loud birds"}, index=False)
    assert keys(await store.asearch(NS, query="loud birds")) == ["b"]


async def test_what_was_not_embedded_is_listed_and_read_but_not_searched(
    store: Store,
) -> None:
    await store.aput(NS, "plain", {"text": "red apple", "n": 1}, index=False)
    await store.aput(NS, "nowhere", {"text": "red apple", "n": 2}, index=["absent"])
    await store.aput(NS, "embedded", {"text": "red apple", "n": 3}, index=["text"])
    assert keys(await store.asearch(NS, query="red apple", limit=10)) == ["embedded"]
    assert sorted(keys(await store.asearch(NS))) == ["embedded", "nowhere", "plain"]
    assert keys(await store.asearch(NS, filter={"n": {"$lt": 3}})) == ["plain", "nowhere"]
    assert (await store.aget(NS, "plain")) is not None


@pytest.mark.deep
async def test_items_written_over_many_times_are_all_found(store: Store) -> None:
    """One word each, so all are equally far apart: the hardest case for a graph index."""
    for round_ in range(6):
        ops = [PutOp(NS, f"k{n}", {"text": f"r{round_}n{n}"}, index=["text"]) for n in range(40)]
        await store.abatch(ops)
    assert len(await store.asearch(NS, query="nothing", limit=100)) == 40
    for number in range(40):
        (best,) = await store.asearch(NS, query=f"r5n{number}", limit=1)
        assert best.score == pytest.approx(1.0, abs=1e-5)


async def test_many_unembedded_items_do_not_hide_the_embedded_ones(store: Store) -> None:
    ops = [PutOp(NS, f"plain{n}", {"text": "apple"}, index=False) for n in range(60)]
    ops += [PutOp(NS, f"far{n}", {"text": f"word{n}"}, index=["text"]) for n in range(5)]
    await store.abatch(ops)
    found = await store.asearch(NS, query="apple", limit=5)
    assert sorted(keys(found)) == [f"far{n}" for n in range(5)]


async def test_without_an_index_the_whole_value_is_embedded(store: Store) -> None:
    await store.aput(NS, "a", {"anything": "red apple"})
    await store.aput(NS, "b", {"anything": "blue car"})
    found = await store.asearch(NS, query='{"anything": "red apple"}')
    assert found[0].key == "a"
    assert found[0].score == pytest.approx(1.0, abs=1e-5)


async def test_an_item_with_several_fields_counts_once_by_its_best(store: Store) -> None:
    await store.aput(NS, "a", {"k1": "xxx", "k2": "yyy", "k3": "zzz"}, index=["k0", "k1", "k3"])
    await store.aput(NS, "b", {"k0": "uuu", "k1": "vvv", "k3": "xxx"}, index=["k0", "k1", "k3"])
    both = await store.asearch(NS, query="xxx")
    assert sorted(keys(both)) == ["a", "b"]
    assert both[0].score == both[1].score == pytest.approx(1.0, abs=1e-5)
    for query, best in (("uuu", "b"), ("zzz", "a")):
        found = await store.asearch(NS, query=query)
        assert keys(found)[0] == best
        assert len(found) == 2
        assert found[0].score == pytest.approx(1.0, abs=1e-5)
    assert all((item.score or 0.0) < 0.9 for item in await store.asearch(NS, query="yyy"))
    assert keys(await store.asearch(NS)) == ["a", "b"]
    assert keys(await store.asearch(NS, limit=1, offset=1)) == ["b"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", False),
        ("meta.title", True),
        ("parts[*].text", True),
        ("parts[0].text", False),
        ("parts[-1].text", True),
        ("tags[*]", True),
        ("meta.*", True),
        ("{meta.title,nothing}", True),
    ],
)
async def test_paths_reach_into_a_value(store: Store, path: str, found: bool) -> None:
    value = {
        "meta": {"title": "needle"},
        "parts": [{"text": "hay"}, {"text": "needle"}],
        "tags": ["hay", "needle"],
    }
    await store.aput(NS, "a", value, index=[path])
    (item,) = await store.asearch(NS, query="needle")
    assert ((item.score or 0.0) > 0.99) is found


async def test_fewer_fields_leave_no_vector_behind(store: Store) -> None:
    many = {"parts": ["one", "two", "three", "four"]}
    await store.aput(NS, "a", many, index=["parts[*]"])
    await store.aput(NS, "b", {"parts": ["five"]}, index=["parts[*]"])
    await store.aput(NS, "a", {"parts": ["one", "six"]}, index=["parts[*]"])
    assert keys(await store.asearch(NS, query="six"))[0] == "a"
    found = await store.asearch(NS, query="four")
    assert sorted(keys(found)) == ["a", "b"]
    assert all((item.score or 0.0) < 0.9 for item in found)
    await store.adelete(NS, "a")
    assert keys(await store.asearch(NS, query="one")) == ["b"]
    assert keys(await store.asearch(NS)) == ["b"]


async def test_a_vector_left_over_by_another_writer_is_not_searched(
    open_embedded: OpenChroma, tmp_path: Path
) -> None:
    def reach(work: Callable[[Collection], T]) -> T:
        link = ChromaLink.embedded(tmp_path / "chroma")
        (shard,) = [c for name, c in link.collections().items() if name != "mnemo-meta"]
        done = work(shard)
        link.close()
        return done

    def second_row(shard: Collection) -> GetResult:
        (wanted,) = [row for row in shard.get(include=[])["ids"] if row.endswith("-1")]
        return shard.get(ids=[wanted], include=["metadatas", "embeddings"])

    async with open_embedded() as store:
        await store.aput(NS, "a", {"parts": ["one", "two"]}, index=["parts[*]"])
    old = await asyncio.to_thread(reach, second_row)
    async with open_embedded() as store:
        await store.aput(NS, "a", {"parts": ["three", "four"]}, index=["parts[*]"])
    await asyncio.to_thread(
        reach, lambda shard: shard.upsert(old["ids"], old["embeddings"], old["metadatas"])
    )
    async with open_embedded() as store:
        (item,) = await store.asearch(NS, query="two")
        assert (item.score or 0.0) < 0.1


@pytest.mark.parametrize(
    "text", ["这是中文", "これは日本語です", "이건 한국어야", "Это русский", "यह रूसी है", "🎉"]
)
async def test_text_of_any_script_is_found(store: Store, text: str) -> None:
    await store.aput(NS, "other", {"text": "plain words"}, index=["text"])
    await store.aput(NS, "it", {"text": text}, index=["text"])
    assert keys(await store.asearch(NS, query=text))[0] == "it"


async def test_a_text_the_model_knows_nothing_of_is_kept(open_store: OpenStore) -> None:
    class Broken(HashEmbeddings):
        def _embed(self, text: str) -> list[float]:
            return [float("nan")] * self.dimensions if "broken" in text else super()._embed(text)

    async with open_store(embeddings=Broken()) as store:
        await store.aput(NS, "nan", {"text": "broken"}, index=["text"])
        await store.aput(NS, "blank", {"text": " "}, index=["text"])
        await store.aput(NS, "fine", {"text": "red apple"}, index=["text"])
        assert sorted(keys(await store.asearch(NS))) == ["blank", "fine", "nan"]
        assert keys(await store.asearch(NS, query="red apple")) == ["fine"]
        assert [item.score for item in await store.asearch(NS, query="broken")] == [0.0]


# Namespaces.


async def test_namespaces_are_listed_by_prefix_suffix_depth_and_page(store: Store) -> None:
    names = [
        ("a", "b", "c"),
        ("a", "b", "d", "e"),
        ("a", "b", "d", "i"),
        ("a", "b", "f"),
        ("a", "c", "f"),
        ("b", "a", "f"),
        ("users", "123"),
        ("users", "456", "settings"),
    ]
    await store.abatch([PutOp(name, "k", {"n": 1}, index=False) for name in names])
    listing = store.alist_namespaces
    assert await listing() == sorted(names)
    assert await listing(prefix=("a", "b")) == names[:4]
    assert await listing(suffix=("f",)) == [names[3], names[4], names[5]]
    assert await listing(prefix=("a",), suffix=("f",)) == [names[3], names[4]]
    assert await listing(prefix=("a", "b"), max_depth=3) == [
        ("a", "b", "c"),
        ("a", "b", "d"),
        ("a", "b", "f"),
    ]
    assert await listing(prefix=("a", "b"), limit=2) == names[:2]
    assert await listing(prefix=("a", "b"), offset=2) == names[2:4]
    assert await listing(prefix=("a", "*", "f")) == [names[3], names[4]]
    assert await listing(suffix=("*", "settings")) == [names[7]]
    assert await listing(prefix=("*", "456")) == [names[7]]
    assert await listing(prefix=("none",)) == []
    assert await listing(max_depth=1) == [("a",), ("b",), ("users",)]
    both = (MatchCondition("prefix", ("a",)), MatchCondition("prefix", ("a", "c")))
    assert await store.abatch([ListNamespacesOp(both)]) == [[names[4]]]


async def test_a_namespace_is_gone_with_its_last_item(store: Store) -> None:
    assert await store.alist_namespaces() == []
    await store.aput(("a", "b"), "k", {"n": 1})
    await store.aput(("a", "c"), "k", {"n": 1})
    await store.adelete(("a", "b"), "k")
    await store.aget(("never", "written"), "k")
    assert await store.alist_namespaces() == [("a", "c")]


# Search by meaning among known keys.


@pytest.fixture
async def chroma(open_chroma: OpenChroma) -> AsyncIterator[ChromaStore]:
    """Give an empty Chroma store."""
    async with open_chroma() as opened:
        yield opened


async def put_many(store: ChromaStore, namespace: tuple[str, ...], count: int) -> list[str]:
    names = [f"k{number}" for number in range(count)]
    ops = [PutOp(namespace, name, {"text": f"text {name}"}, index=["text"]) for name in names]
    await store.abatch(ops)
    return names


async def test_known_keys_are_found_as_a_search_finds_their_items(chroma: ChromaStore) -> None:
    other = ("user", "others")
    wanted = [
        (NS, await put_many(chroma, NS, 300), 24),
        (other, await put_many(chroma, other, 7), 9),
    ]
    await put_many(chroma, ("user2", "notes"), 50)
    for query in ("text k7", "text k299", "anything"):
        found = await chroma.anearest_keys(query, wanted)
        for (namespace, _, limit), near in zip(wanted, found, strict=True):
            items = await chroma.asearch(namespace, query=query, limit=limit)
            assert [score for _, score in near] == pytest.approx([item.score for item in items])
        assert query == "anything" or query.endswith(found[0][0][0])


async def test_only_known_keys_are_found(chroma: ChromaStore) -> None:
    names = await put_many(chroma, NS, 20)
    ((*found,),) = await chroma.anearest_keys("text k7", [(NS, names[:5], 24)])
    assert sorted(key for key, _ in found) == names[:5]


async def test_a_key_that_is_gone_hides_no_other(chroma: ChromaStore) -> None:
    names = await put_many(chroma, NS, 20)
    await chroma.adelete(NS, "k3")
    ((*found,),) = await chroma.anearest_keys("text k7", [(NS, [*names, "never there"], 24)])
    assert sorted(key for key, _ in found) == sorted(set(names) - {"k3"})
    assert found[0][0] == "k7"


async def test_what_is_deleted_while_a_listing_is_read_hides_no_other(
    chroma: ChromaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = await put_many(chroma, NS, 450)
    read, deleted = Shard.rows, Event()

    def read_and_delete(shard: Shard, *args: Any, **named: Any) -> list[Entry]:
        rows = read(shard, *args, **named)
        if len(rows) > 1 and not deleted.is_set():
            deleted.set()
            shard.delete([row for row, _ in rows[:50]])
        return rows

    monkeypatch.setattr(Shard, "rows", read_and_delete)
    listed = keys(await chroma.asearch(NS, limit=1000))
    assert deleted.is_set() and listed == names
    assert keys(await chroma.asearch(NS, limit=1000)) == names[50:]


async def test_more_keys_than_one_read_takes_are_searched_too(chroma: ChromaStore) -> None:
    names = await put_many(chroma, NS, 1_100)
    ((*found,),) = await chroma.anearest_keys("text k7", [(NS, names, 24)])
    assert len({key for key, _ in found} & set(names)) == 24


async def test_keys_that_grow_by_one_a_search_are_held_once(chroma: ChromaStore) -> None:
    names = await put_many(chroma, NS, 60)
    names += [f"gone{number}" for number in range(2_000)]

    async def grow(first: int, last: int) -> None:
        for known in range(first, last):
            await chroma.anearest_keys("text k7", [(NS, names[:known], 1)])

    await grow(2_000, 2_005)
    tracemalloc.start()
    try:
        await grow(2_005, 2_025)
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


async def test_a_search_waits_for_no_thread_of_the_event_loop(chroma: ChromaStore) -> None:
    await chroma.aput(NS, "a", {"text": "red apple"})
    done = Event()
    try:
        busy = [asyncio.create_task(asyncio.to_thread(done.wait)) for _ in range(64)]
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert await chroma.aget(NS, "a") is not None
            ((*found,),) = await chroma.anearest_keys("red apple", [(NS, ["a"], 1)])
        assert [key for key, _ in found] == ["a"]
    finally:
        done.set()
        await asyncio.gather(*busy)
