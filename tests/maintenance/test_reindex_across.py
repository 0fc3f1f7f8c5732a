"""Promises of moving memories from one store to another."""

from typing import Any

import pytest
from langgraph.store.base import Item
from langgraph.store.memory import InMemoryStore

from stores.maintenance.reindex import reindex
from tests.support.chroma_faults import fill_users
from tests.support.chroma_server import OpenStore
from tests.support.hash_embeddings import HashEmbeddings


async def test_items_go_to_any_store_and_come_back(open_embedded: OpenStore) -> None:
    model = HashEmbeddings()
    memory = InMemoryStore(index={"dims": 512, "embed": model})
    async with open_embedded() as store:
        await fill_users(store)
        steps: list[tuple[int, int]] = []
        assert await reindex(store, memory, progress=lambda *step: steps.append(step)) == 36
        assert steps[-1] == (36, 36)
        best = await memory.asearch(("user3",), query="user3two", limit=1)
        assert best[0].key == "many"
        assert best[0].score == pytest.approx(1.0, abs=1e-5)

        def values(items: list[Any]) -> dict[Any, Any]:
            return {(item.namespace, item.key): item.value for item in items}

        kept = values(await memory.asearch((), limit=1_000))
        assert kept == values(await store.asearch((), limit=1_000))
        for item in await store.asearch((), limit=1_000):
            await store.adelete(item.namespace, item.key)
        assert await reindex(memory, store, index=["parts[*]"]) == 36
        assert values(await store.asearch((), limit=1_000)) == kept
        best_back: list[Any] = await store.asearch(("user3",), query="user3two", limit=1)
        assert best_back[0].score == pytest.approx(1.0, abs=1e-5)


async def test_a_namespace_above_another_gives_its_own_items_once(
    open_embedded: OpenStore,
) -> None:
    memory = InMemoryStore()
    for depth in range(1, 4):
        for number in range(60):
            memory.put(("a", "b", "c")[:depth], f"k{number}", {"depth": depth})
    put: list[Item] = []
    async with open_embedded() as store:
        assert await reindex(memory, store, index=False) == 180
        put = [stored.item async for stored in store.rows()]
    assert len(put) == 180
    assert {(item.namespace, item.value["depth"]) for item in put} == {
        (("a", "b", "c")[:depth], depth) for depth in range(1, 4)
    }
