"""Measure the Chroma store: `python -m tests.support.stores.measure_chroma --owners N`.

Loads owners of 40 items each, then times warm searches, puts, deletions and a purge. Nothing
here is a test.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from langgraph.store.base import PutOp

from stores.chroma.store import ChromaStore
from tests.support.servers.chroma_server import ChromaServer

ITEMS = 40


class Directions(Embeddings):
    """A random direction a text, 256 dimensions, in some 10 microseconds."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        return list(np.random.default_rng(seed).standard_normal(256))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.embed_documents(texts)

    async def aembed_query(self, text: str) -> list[float]:
        return self.embed_query(text)


def owner(number: int, kind: str) -> tuple[str, ...]:
    digest = blake2b(str(number).encode(), digest_size=16).hexdigest()
    return digest, digest[::-1], "0" * 32, kind


def batch(number: int) -> list[PutOp]:
    kinds = ("episodes", "facts", "facts", "entities")
    return [
        PutOp(
            owner(number, kinds[item % 4]),
            f"k{item}",
            {"text": f"owner {number} item {item}", "more": "some words " * 30},
            index=["text"],
        )
        for item in range(ITEMS)
    ]


async def timed(times: int, work: Callable[[], Awaitable[object]]) -> str:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - begun) * 1000)
    p95 = sorted(taken)[int(len(taken) * 0.95)]
    return f"p50 {statistics.median(taken):7.1f} ms   p95 {p95:7.1f} ms"


async def measure(store: ChromaStore, owners: int) -> None:
    chance = random.Random(1)
    puts = []
    for number in range(owners):
        begun = time.perf_counter()
        await store.abatch(batch(number))
        puts.append((time.perf_counter() - begun) * 1000)
    print(f"owners {owners}, items {owners * ITEMS}")
    print(f"put of 40, new        p50 {statistics.median(puts[-100:]):7.1f} ms (last 100)")

    def anyone() -> int:
        return chance.randrange(owners)

    def search(depth: int, **more: Any) -> Callable[[], Awaitable[object]]:
        return lambda: store.asearch(
            owner(anyone(), "facts")[:depth], query=f"item {anyone()}", limit=5, **more
        )

    await timed(200, search(2))
    print("search an owner       ", await timed(300, search(2)))
    print("search one kind       ", await timed(300, search(4)))
    print("search with a filter  ", await timed(100, search(2, filter={"text": {"$ne": ""}})))
    print(
        "get                   ", await timed(100, lambda: store.aget(batch(anyone())[0][0], "k0"))
    )
    print(
        "list an owner's items ",
        await timed(100, lambda: store.asearch(owner(anyone(), "")[:2], limit=100)),
    )
    print("put of 40, again      ", await timed(20, lambda: store.abatch(batch(anyone()))))
    gone = [op._replace(value=None) for op in batch(0)]
    print("delete 40             ", await timed(1, lambda: store.abatch(gone)))
    print("purge after it        ", await timed(1, store.purge))
    print("purge, nothing deleted", await timed(1, store.purge))


async def main(owners: int, served: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="mnemo-measure-") as folder:
        server = ChromaServer(Path(folder, "served"))
        place: dict[str, Any] = {"path": Path(folder, "chroma")}
        if served:
            server.start()
            place = {"url": server.url}
        try:
            async with ChromaStore.open(
                **place, embeddings=Directions(), embedding_name="directions", dimensions=256
            ) as store:
                await measure(store, owners)
        finally:
            server.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--owners", type=int, default=100)
    parser.add_argument("--server", action="store_true")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.owners, chosen.server))
