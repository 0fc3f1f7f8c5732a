"""What tests of faults and moves share: items to fill a store with, operations, a victim.

Nothing here is a test.
"""

import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from langgraph.store.base import PutOp

from stores.chroma.store import ChromaStore

NS = ("user", "notes")
USERS = [f"user{n}" for n in range(9)]
OPERATIONS: dict[str, Callable[[ChromaStore], Awaitable[object]]] = {
    "get": lambda store: store.aget(NS, "k0"),
    "put": lambda store: store.aput(NS, "k0", {"text": "new"}),
    "delete": lambda store: store.adelete(NS, "k1"),
    "search": lambda store: store.asearch(NS, query="word0"),
    "search everywhere": lambda store: store.asearch(()),
    "listing": lambda store: store.asearch(NS),
    "namespaces": lambda store: store.alist_namespaces(),
    "count": lambda store: store.count(),
}


async def fill(store: ChromaStore, count: int = 60) -> None:
    """Put enough that Chroma saves the index, whose files can then be torn."""
    await store.abatch(
        [PutOp(NS, f"k{n}", {"text": f"word{n} common"}, index=["text"]) for n in range(count)]
    )


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) < 400
    return text


def writer(folder: Path, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.stores.chroma_writer", str(folder), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


@contextmanager
def running_writer(folder: Path, seed: int) -> Iterator[subprocess.Popen[str]]:
    process = writer(folder, seed)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=120)
        if process.stdout:
            process.stdout.close()


async def fill_users(store: ChromaStore) -> None:
    """Put items of every kind: one vector, several, none, and the whole value."""
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
