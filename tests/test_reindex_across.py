"""Promises of moving memories from one store to another."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import Item, PutOp
from langgraph.store.memory import InMemoryStore

from stores.chroma import ChromaStore
from stores.chroma_link import ChromaLink
from stores.errors import StoreBusy, StoreMismatch, StoreUnavailable
from stores.reindex import recorded_layout, reindex, reindex_in_place
from tests.chroma_server import OpenStore, opener
from tests.hash_embeddings import HashEmbeddings

USERS = [f"user{n}" for n in range(9)]
    "embedding_name": "other",
    "embeddings": HashEmbeddings(256, salt="other "),
}



async def fill(store: ChromaStore) -> None:
    for user in USERS:
        value = {"text": f"{user} apple", "parts": [f"{user}one", f"{user}two"]}
        await store.abatch(
            [
                PutOp((user, "a", "facts"), "one", value, index=["text"]),
                PutOp((user, "a", "facts"), "many", value, index=["parts[*]"]),
                PutOp((user, "b"), "plain", value, index=False),
                PutOp((user, "b"), "whole", value),
            ]
        )


async def test_items_go_to_any_store_and_come_back(open_embedded: OpenStore) -> None:
    model = HashEmbeddings()
    memory = InMemoryStore(index={"dims": 512, "embed": model})
    async with open_embedded() as store:
        await fill(store)
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
