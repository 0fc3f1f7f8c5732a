"""Promises of every store as a complete `BaseStore`: Chroma embedded and served, Postgres."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import pytest
from blockbuster import blockbuster_ctx
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    PutOp,
    SearchItem,
    SearchOp,
)

from stores.errors import StoreMismatch
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


async def test_an_item_is_put_read_replaced_and_deleted(store: Store) -> None:
    value = {"title": "First", "deep": {"list": [1, 2.5, None, True, "x"]}, "empty": {}}
    await store.aput(NS, "a", value)
    first = await store.aget(NS, "a")
    assert first is not None
    assert (first.namespace, first.key, first.value) == (NS, "a", value)
    assert first.created_at == first.updated_at
    await store.aput(NS, "a", {"title": "Second"})
    second = await store.aget(NS, "a")
    assert second is not None
    assert second.value == {"title": "Second"}
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert await store.aget(("user", "other"), "a") is None
    await store.adelete(NS, "a")
    await store.adelete(NS, "a")
    assert await store.aget(NS, "a") is None
    assert await store.asearch(NS) == []


async def test_items_outlive_the_process_that_put_them(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.aput(NS, "a", {"text": "red apple"}, index=["text"])
        await store.aput(("other",), "b", {"text": "blue car"}, index=False)
        before = [await store.aget(NS, "a"), await store.aget(("other",), "b")]
    async with open_store() as store:
        assert [await store.aget(NS, "a"), await store.aget(("other",), "b")] == before
        assert keys(await store.asearch((), query="red apple")) == ["a"]


async def test_a_long_value_comes_back_whole(store: Store) -> None:
    value = {"text": "word " * 8_000, "unicode": "ünï → 中文 🎉", "escape": 'a"b\\c\n\x00\x7f'}
    await store.aput(NS, "long", value, index=False)
    found = await store.aget(NS, "long")
    assert found is not None
    assert found.value == value


async def test_sync_calls_do_what_async_calls_do(open_embedded: OpenChroma) -> None:
    async with open_embedded() as store:

        def by_hand() -> tuple[Item | None, list[SearchItem], list[tuple[str, ...]]]:
            store.put(NS, "a", {"text": "red apple"})
            store.put(NS, "b", {"text": "blue car"})
            store.delete(NS, "b")
            return store.get(NS, "a"), store.search(NS, query="apple"), store.list_namespaces()

        item, found, namespaces = await asyncio.to_thread(by_hand)
        assert item == await store.aget(NS, "a")
        assert found == await store.asearch(NS, query="apple")
        assert namespaces == await store.alist_namespaces() == [NS]


# Batches.


async def test_a_batch_answers_in_the_order_asked(store: Store) -> None:
    await store.aput(("t", "foo"), "k1", {"data": "v1"})
    await store.aput(("t", "bar"), "k2", {"data": "v2"})
    results = await store.abatch(
        [
            GetOp(("t", "foo"), "k1"),
            PutOp(("t", "bar"), "k2", {"data": "v2"}),
            SearchOp(("t",), filter={"data": "v1"}),
            ListNamespacesOp(),
            GetOp(("t",), "k3"),
            GetOp((), "k3"),
            SearchOp(("t",), limit=1),
        ]
    )
    assert isinstance(results[0], Item)
    assert results[0].value == {"data": "v1"}
    assert results[1] is None
    assert keys(results[2]) == ["k1"]
    assert results[3] == [("t", "bar"), ("t", "foo")]
    assert results[4:6] == [None, None]
    assert isinstance(results[6], list)
    assert len(results[6]) == 1
    assert await store.abatch([]) == []


async def test_reads_of_a_batch_see_what_was_there_before_its_puts(store: Store) -> None:
    await store.aput(NS, "a", {"n": 1})
    results = await store.abatch(
        [
            PutOp(NS, "a", {"n": 2}),
            PutOp(NS, "b", {"n": 2}),
            GetOp(NS, "a"),
            GetOp(NS, "b"),
            SearchOp(NS),
            ListNamespacesOp(),
            PutOp(("new",), "c", {"n": 2}),
        ]
    )
    assert isinstance(results[2], Item)
    assert results[2].value == {"n": 1}
    assert results[3] is None
    assert keys(results[4]) == ["a"]
    assert results[5] == [NS]


async def test_the_last_put_of_a_batch_to_one_key_counts(store: Store) -> None:
    await store.aput(NS, "gone", {"n": 0})
    await store.abatch(
        [
            PutOp(NS, "a", {"n": 1}),
            PutOp(NS, "a", {"n": 2}),
            PutOp(NS, "gone", {"n": 1}),
            PutOp(NS, "gone", None),
            PutOp(NS, "back", None),
            PutOp(NS, "back", {"n": 3}),
        ]
    )
    found = {item.key: item.value["n"] for item in await store.asearch(NS)}
    assert found == {"a": 2, "back": 3}


async def test_a_batch_embeds_each_text_once_in_one_call(open_embedded: OpenChroma) -> None:
    model = HashEmbeddings()
    async with open_embedded(embeddings=model) as store:
        await store.abatch(
            [
                PutOp(NS, "a", {"text": "red apple"}, index=["text"]),
                PutOp(NS, "b", {"text": "red apple", "more": "pear"}, index=["text", "more"]),
                PutOp(NS, "b", {"text": "green pear"}, index=["text"]),
                PutOp(("else",), "c", {"text": "unseen"}, index=False),
                PutOp(("else",), "d", None),
                SearchOp(NS, query="apple"),
                SearchOp(("else",), query="apple"),
                SearchOp(NS, query="pear"),
                SearchOp(NS, query=""),
            ]
        )
        assert [sorted(call) for call in model.documents] == [["green pear", "red apple"]]
        assert sorted(model.queries) == ["apple", "pear"]
        assert model.awaited == 3
        await store.aget(NS, "a")
        assert model.awaited == 3


async def test_a_large_batch_is_written_whole(store: Store) -> None:
    await store.abatch([PutOp(NS, f"k{n:04}", {"n": n}, index=False) for n in range(1_200)])
    found = await store.asearch(NS, limit=2_000)
    assert keys(found) == [f"k{n:04}" for n in range(1_200)]
    assert await store.count() == 1_200


async def test_concurrent_puts_and_searches_all_succeed(store: Store) -> None:
    async def write(number: int) -> None:
        await store.aput(NS, f"k{number}", {"text": f"apple number{number}"}, index=["text"])
        if number % 3 == 0:
            await store.adelete(NS, f"k{number}")

    async def read() -> None:
        for item in await store.asearch(NS, query="apple", limit=50):
            assert item.score

    await asyncio.gather(*(job for n in range(24) for job in (write(n), read())))
    assert set(keys(await store.asearch(NS, limit=50))) == {f"k{n}" for n in range(24) if n % 3}


# What is refused.


@pytest.mark.parametrize("namespace", [(), ("a.b",), ("a", ""), ("a\x00",), ("langgraph", "a")])
async def test_a_bad_namespace_is_refused(store: Store, namespace: tuple[str, ...]) -> None:
    with pytest.raises(InvalidNamespaceError):
        await store.aput(namespace, "k", {"n": 1})
    if namespace[:1] != ("langgraph",):
        with pytest.raises(InvalidNamespaceError):
            await store.abatch([PutOp(namespace, "k", {"n": 1})])


async def test_a_time_to_live_is_refused(store: Store) -> None:
    with pytest.raises(NotImplementedError, match="TTL"):
        await store.aput(NS, "k", {"n": 1}, ttl=5)
    with pytest.raises(NotImplementedError, match="ttl=None"):
        await store.abatch([PutOp(NS, "k", {"n": 1}, ttl=5)])
    assert await store.aget(NS, "k") is None


async def test_a_value_that_is_no_json_is_refused_and_nothing_of_its_batch_is_kept(
    store: Store,
) -> None:
    with pytest.raises(TypeError, match="'bad' cannot be stored as JSON"):
        await store.abatch([PutOp(("x",), "good", {"n": 1}), PutOp(NS, "bad", {"n": object()})])
    assert await store.asearch(()) == []


async def test_an_unknown_operator_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match=r"\$near"):
        await store.asearch(NS, filter={"n": {"$near": 1}})


async def test_vectors_of_another_length_are_refused(open_store: OpenStore) -> None:
    async with open_store(dimensions=32) as store:
        with pytest.raises(StoreMismatch, match="512 numbers a text where 32 were expected"):
            await store.aput(NS, "k", {"text": "x"})
        with pytest.raises(StoreMismatch, match="512 numbers"):
            await store.asearch(NS, query="x")


@pytest.mark.parametrize(
    ("change", "command"),
    [
        ({"embedding_name": "other"}, "mnemo reindex --embeddings other"),
        ({"embeddings": HashEmbeddings(32)}, "mnemo reindex --embeddings hash"),
    ],
)
async def test_other_embeddings_are_refused_with_the_command_that_moves_the_data(
    open_store: OpenStore, change: dict[str, Any], command: str
) -> None:
    await check_refused(open_store, change, command)


@pytest.mark.parametrize(
    ("change", "command"),
    [
        ({"shards": 5}, "mnemo reindex --shards 5"),
        (
            {"shards": 5, "embedding_name": "other"},
            "mnemo reindex --shards 5 --embeddings other",
        ),
    ],
)
async def test_another_number_of_shards_is_refused_with_the_command_that_moves_the_data(
    open_chroma: OpenStore, change: dict[str, Any], command: str
) -> None:
    await check_refused(open_chroma, change, command)


async def check_refused(open_store: OpenStore, change: dict[str, Any], command: str) -> None:
    async with open_store() as store:
        await store.aput(NS, "k", {"text": "x"})
    with pytest.raises(StoreMismatch, match=command):
        async with open_store(**change):
            pass
    async with open_store() as store:
        assert await store.aget(NS, "k") is not None


async def test_a_place_must_be_given_once(open_embedded: OpenChroma) -> None:
    for place in ({"path": None}, {"url": "http://127.0.0.1:8000"}):
        with pytest.raises(ValueError, match="either the path"):
            async with open_embedded(**place):
                pass


async def test_a_closed_store_says_so(open_store: OpenStore) -> None:
    async with open_store() as store:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await store.aget(NS, "k")
    with pytest.raises(RuntimeError, match="closed"):
        await store.aput(NS, "k", {"n": 1})


async def test_the_event_loop_is_never_blocked(open_store: OpenStore) -> None:
    with blockbuster_ctx():
        async with open_store() as store:
            await store.aput(NS, "a", {"text": "red apple"})
            await store.asearch((), query="apple")
            await store.alist_namespaces()
            await store.adelete(NS, "a")
            await store.purge()
            assert [item async for item in store.rows()] == []
