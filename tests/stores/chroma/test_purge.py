"""Promises of a purge: what was deleted is in no file any more, and nothing else is lost."""

import asyncio
import zlib
from pathlib import Path

import numpy as np
from langgraph.store.base import PutOp

from tests.support.models.hash_embeddings import HashEmbeddings
from tests.support.servers.chroma_server import OpenStore
from tests.support.stores.chroma_faults import NS, fill


def holding(folder: Path, wanted: str | bytes) -> list[str]:
    content = wanted.encode() if isinstance(wanted, str) else wanted
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if content in path.read_bytes()]


async def test_after_a_purge_no_file_holds_deleted_or_replaced_text(
    open_embedded: OpenStore, tmp_path: Path
) -> None:
    folder = tmp_path / "chroma"
    model = HashEmbeddings()
    async with open_embedded(embeddings=model) as store:
        for user in ("alex", "sam"):
            texts = [f"{user} secret{n} " + "filler " * 50 for n in range(70)]
            ops = [
                PutOp((user, "x"), f"k{n}", {"text": t}, index=["text"])
                for n, t in enumerate(texts)
            ]
            await store.abatch(ops)
        await store.aput(("sam", "x"), "k0", {"text": "sam replacedtext"}, index=["text"])
        await store.aput(("sam", "x"), "k0", {"text": "sam stays"}, index=["text"])
        await store.abatch([PutOp(("alex", "x"), f"k{n}", None) for n in range(70)])
        assert holding(folder, "alex secret")
        assert holding(folder, "sam replacedtext")
        calls = len(model.documents)
        await store.purge()
        assert len(model.documents) == calls, "vectors that can be read are kept"
        for text in ("alex secret", "sam replacedtext", "sam secret0 "):
            assert holding(folder, text) == []
        assert holding(folder, "sam stays")
        assert await store.asearch(("alex",)) == []
        assert (await store.asearch(("sam",), query="secret7", limit=1))[0].key == "k7"
        await store.aput(("alex", "x"), "again", {"text": "written after"}, index=["text"])
        await store.purge()
        assert (await store.asearch(("alex",), query="written"))[0].key == "again"
    async with open_embedded() as store:
        assert len(await store.asearch(("sam",), limit=100)) == 70
        assert (await store.asearch(("sam",), query="secret7", limit=1))[0].key == "k7"
    assert holding(folder, "alex secret") == []


async def test_no_file_holds_what_lay_in_the_unused_room_of_an_index(
    open_embedded: OpenStore, tmp_path: Path
) -> None:
    """An index is saved with room for more elements, and that room as it lies in memory."""
    folder = tmp_path / "chroma"
    async with open_embedded() as store:
        await fill(store, 70)
        await store.purge()  # saves the index
    for name in ("length.bin", "data_level0.bin"):
        [file] = folder.rglob(name)
        file.write_bytes(file.read_bytes()[:-32] + b"a secret that was deleted before")
    async with open_embedded() as store:
        await fill(store, 5)
        assert {*holding(folder, "a secret")} == {"length.bin", "data_level0.bin"}
        await store.purge()
        assert holding(folder, "a secret") == []
        assert len(await store.asearch(NS, query="text 3", limit=100)) == 70
    assert holding(folder, "a secret") == []


class Signs(HashEmbeddings):
    """A vector of length 1 whose numbers are exact, so that it can be found in a file."""

    def _embed(self, text: str) -> list[float]:
        random = np.random.default_rng(zlib.crc32(text.encode()))
        return [float(number) for number in random.choice([-0.0625, 0.0625], 256)]


async def test_after_a_purge_no_file_holds_a_deleted_vector(
    open_embedded: OpenStore, tmp_path: Path
) -> None:
    model = Signs(256)

    def vector(text: str) -> bytes:
        return np.asarray(model.embed_query(text), dtype=np.float32).tobytes()

    async with open_embedded(embeddings=model) as store:
        await store.abatch(
            [PutOp(NS, f"k{n}", {"text": f"word{n}"}, index=["text"]) for n in range(70)]
        )
        await store.adelete(NS, "k3")
        assert holding(tmp_path / "chroma", vector("word3"))
        await store.purge()
        assert holding(tmp_path / "chroma", vector("word3")) == []
        assert holding(tmp_path / "chroma", vector("word4"))


async def test_a_purge_waits_for_nobody_to_be_inside_and_keeps_others_waiting(
    open_embedded: OpenStore,
) -> None:
    async with open_embedded() as store:
        await fill(store)
        await store.adelete(NS, "k0")
        jobs = [store.aput(NS, f"more{n}", {"text": f"later{n}"}, index=["text"]) for n in range(8)]
        await asyncio.gather(store.purge(), *jobs, store.purge(), store.asearch(NS, query="word1"))
        assert len(await store.asearch(NS, limit=100)) == 67
