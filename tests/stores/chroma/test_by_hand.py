"""Promises when another program wrote into Chroma, or deleted what was in it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from chromadb.api.models.Collection import Collection
from langgraph.store.base import PutOp

from domain.owner import Owner
from domain.records import Fact
from stores.chroma.client import ChromaLink
from stores.errors import StoreUnavailable
from stores.memories import Memories
from tests.support.servers.chroma_server import opener
from tests.support.stores.chroma_faults import NS, one_sentence

BROKEN: list[dict[str, Any]] = [
    {"value": "{not json"},
    {"value": "[1, 2]"},
    {"value": "zlib:AAAA"},
    {"value": "zlib:é"},
    {"value": "zlib:eJyrVkpUslJQSlSqBQAQpwM5"[:-8]},
    {"index": "null", "vectors": -3},
    {"created_at": "yesterday", "updated_at": 7},
    {"updated_at": "2026-01-01T00:00:00"},
]


def by_hand(url: str, work: Callable[[Collection], object]) -> None:
    """Do something with every collection of memories, as another program would."""
    link = ChromaLink.server(url, None, 30.0)
    for name, collection in link.collections().items():
        if name != "mnemo-meta":
            work(collection)
    link.close()


@pytest.mark.parametrize("damage", BROKEN, ids=str)
async def test_a_broken_row_hides_no_other_and_can_be_deleted(
    chroma_url: str, damage: dict[str, Any]
) -> None:
    async with opener(url=chroma_url)() as store:
        await store.aput(NS, "broken", {"text": "broken one"}, index=["text"])
        by_hand(chroma_url, lambda c: c.update(c.get()["ids"], metadatas=[damage]))
        await store.aput(NS, "whole", {"text": "whole one"}, index=["text"])
        assert {item.key for item in await store.asearch(NS)} == {"broken", "whole"}
        found = await store.asearch(NS, query="whole one")
        assert found[0].key == "whole"
        assert await store.alist_namespaces() == [NS]
        assert await store.count() == 2
        await store.abatch([PutOp(NS, key, None) for key in ("broken", "whole")])
        assert await store.count() == 0


@pytest.mark.parametrize("text", ["x" * 9_000, "\U0001f600" * 9_000, "\ud800" * 9_000], ids=len)
async def test_a_long_value_comes_back_as_it_was_however_it_was_written(
    chroma_url: str, text: str
) -> None:
    value = {"text": text, "n": [1, None]}
    async with opener(url=chroma_url)() as store:
        await store.aput(NS, "k", value, index=False)
        assert [item.value for item in await store.asearch(NS)] == [value]
        plain = json.dumps(value)  # as earlier versions wrote it
        by_hand(chroma_url, lambda c: c.update(c.get()["ids"], metadatas=[{"value": plain}]))
        assert [item.value for item in await store.asearch(NS)] == [value]


UNNAMED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "no key": lambda metadata: {"key": None},
    "a broken key": lambda metadata: {"key": "{"},
    "nothing at all": lambda metadata: dict.fromkeys(metadata),
}


@pytest.mark.parametrize("damage", UNNAMED.values(), ids=UNNAMED.keys())
async def test_a_row_that_names_no_item_is_left_out_and_counted(
    chroma_url: str, damage: Callable[[Any], dict[str, Any]]
) -> None:
    def harm(collection: Collection) -> None:
        rows = collection.get()
        changed: Any = [damage(metadata) for metadata in rows["metadatas"] or []]
        if changed:
            collection.update(rows["ids"], metadatas=changed)

    async with opener(url=chroma_url)() as store:
        await store.aput(NS, "broken", {"text": "broken one"}, index=["text"])
        by_hand(chroma_url, harm)
        await store.aput(NS, "whole", {"text": "whole one"}, index=["text"])
        for space in (NS, ()):
            assert [item.key for item in await store.asearch(space)] == ["whole"]
            assert [item.key for item in await store.asearch(space, query="one")] == ["whole"]
        assert await store.alist_namespaces() == [NS]
        assert [stored.item.key async for stored in store.rows()] == ["whole"]
        assert await store.count() == 2


@pytest.mark.parametrize("damage", [{"value": "{"}, {"key": "{"}, {"namespace": "[5]"}], ids=str)
async def test_an_owner_with_a_broken_row_can_still_be_reset(
    chroma_url: str, damage: dict[str, Any]
) -> None:
    owner = Owner("alex")
    async with opener(url=chroma_url)() as store:
        memories = Memories(store)
        await store.aput(owner.namespace(None, "fact"), "f1", {"text": "tea"}, index=["text"])
        by_hand(chroma_url, lambda c: c.update(c.get()["ids"], metadatas=[damage]))
        facts: tuple[Fact, ...] = await memories.facts(owner, None)
        assert facts == ()
        assert await memories.clear(owner) == 1
        assert await store.count() == 0


async def test_collections_deleted_meanwhile_are_said_to_be_gone(chroma_url: str) -> None:
    async with opener(url=chroma_url)() as store:
        await store.aput(NS, "k", {"text": "tea"}, index=["text"])
        link = ChromaLink.server(chroma_url, None, 30.0)
        for name in link.collections():
            if name != "mnemo-meta":
                link.drop(name)
        for _ in range(2):  # It is no empty memory, at no later call either.
            with pytest.raises(StoreUnavailable, match="no longer has the collection") as refused:
                await store.asearch(NS, query="tea")
            one_sentence(refused.value)
            with pytest.raises(StoreUnavailable, match="no longer has the collection"):
                await store.aput(NS, "k2", {"text": "milk"})
        link.drop("mnemo-meta")
        link.close()
        with pytest.raises(StoreUnavailable, match="no longer has the memories"):
            await store.asearch(NS, query="tea")
