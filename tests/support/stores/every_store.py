"""Every store of long-term memory behind one door: Chroma here, Chroma on a server, Postgres.

Nothing here is a test.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from stores.chroma.store import ChromaStore
from stores.postgres.store import PostgresStore
from tests.support.deep import deep
from tests.support.models.hash_embeddings import HashEmbeddings
from tests.support.servers.chroma_server import opener

Store = ChromaStore | PostgresStore
OpenStore = Callable[..., AbstractAsyncContextManager[Store]]
PLACES = ("embedded", deep("server"), deep("postgres"))
"""Where a store may lie: embedded in the quick run, on servers in the deep one too."""


def postgres_opener(url: str) -> OpenStore:
    """Return what opens a store in a database, with settings that tests may replace."""

    def opened(**more: Any) -> AbstractAsyncContextManager[Store]:
        model = more.pop("embeddings", None) or HashEmbeddings()
        more.pop("shards", None)
        settings: dict[str, Any] = {
            "url": url,
            "embeddings": model,
            "embedding_name": "hash",
            "dimensions": more.pop("dimensions", None) or model.dimensions,
        }
        return PostgresStore.open(**(settings | more))

    return opened


@pytest.fixture(params=PLACES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """Return what opens the same store each time."""
    return opener_at(request.param, request, tmp_path)


def opener_at(place: str, request: pytest.FixtureRequest, folder: Path) -> OpenStore:
    """Return what opens an empty store at one of `PLACES`."""
    if place == "embedded":
        return opener(path=folder / "chroma")
    if place == "server":
        return opener(url=request.getfixturevalue("chroma_url"))
    return postgres_opener(request.getfixturevalue("postgres_url"))


@contextmanager
def held_open(open_store: OpenStore) -> Iterator[Store]:
    """Open a store on an event loop in another thread, for tests that call it as they are."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    context = open_store()
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result()
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
