"""Promises after a crash: no acknowledged write is lost, and a damaged index is rebuilt."""

import asyncio
import json
import logging
import random
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from langgraph.store.base import PutOp

from stores.chroma.client import ChromaLink
from stores.errors import StoreUnavailable
from tests.support.servers.chroma_server import ChromaServer, OpenStore, opener
from tests.support.stores.chroma_faults import NS, OPERATIONS, fill, one_sentence, running_writer

pytestmark = pytest.mark.deep


def acknowledged(lines: list[str], state: dict[str, str | None]) -> dict[str, str | None]:
    """Bring `state` up to date; return what the batch in flight at the end would have written."""
    flight: dict[str, str | None] = {}
    for line in lines:
        entry = json.loads(line)
        flight = entry.get("try", {})
        state.update(entry.get("done", {}))
    return flight


def read_until_killed(process: subprocess.Popen[str], batches: int, pause: float) -> list[str]:
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(2 * batches)]
    time.sleep(pause)
    process.kill()
    process.wait(timeout=120)
    return [line for line in [*lines, *process.stdout.readlines()] if line.endswith("\n")]


async def test_no_acknowledged_write_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    chance = random.Random(20)
    state: dict[str, str | None] = {}
    for round_ in range(3):
        with running_writer(tmp_path / "chroma", round_) as process:
            lines = await asyncio.to_thread(
                read_until_killed, process, chance.randint(3, 12), chance.uniform(0, 0.1)
            )
        flight = acknowledged(lines, state)
        async with opener(path=tmp_path / "chroma", shards=2)() as store:
            found = {
                f"{item.namespace[0].removeprefix('user')}/{item.key}": item.value["text"]
                for item in await store.asearch((), limit=1_000)
            }
            for place, text in state.items():
                if place not in flight:
                    assert found.get(place) == text, (round_, place)
            sure = [place for place in found if place not in flight][:10]
            for place in sure:
                user, key = place.split("/")
                hits = await store.asearch((f"user{user}",), query=found[place], limit=100)
                assert {hit.key: hit.score for hit in hits}[key] == pytest.approx(1.0, abs=1e-5)
        for place in flight:
            state[place] = found.get(place)


def tear(folder: Path) -> int:
    """Cut the indexes' tables short, as a crash while they are written does; say how many."""
    torn = list(folder.glob("*/index_metadata.pickle"))
    for path in torn:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    return len(torn)


async def leave_torn(open_store: OpenStore, folder: Path) -> None:
    """Leave 70 items and an index whose table was cut short."""
    async with open_store() as store:
        await fill(store, 80)
        await store.abatch([PutOp(NS, f"k{n}", None) for n in range(70, 80)])
    assert tear(folder) == 1


async def leave_half_saved(open_store: OpenStore, folder: Path) -> None:
    """Leave 70 items and an index saved up to its vectors, but not its table of ids."""
    async with open_store() as store:
        await fill(store)
        await store.abatch(
            [PutOp(NS, f"k{n}", {"text": f"word{n} common"}, index=["text"]) for n in range(60, 80)]
        )
        await store.abatch([PutOp(NS, f"k{n}", None) for n in range(70, 80)])
    before = folder.with_name("before")
    shutil.copytree(folder, before)
    async with open_store() as store:  # enough writes to have the index saved
        await store.abatch([PutOp(NS, f"later{n}", {"n": n}, index=False) for n in range(60)])
    go_back_but_keep_vectors(folder, before)


def go_back_but_keep_vectors(folder: Path, before: Path) -> None:
    (saved,) = {path.parent for path in folder.glob("*/*.bin")}
    for path in saved.glob("*.bin"):
        shutil.copy(path, before / saved.name / path.name)
    shutil.rmtree(folder)
    before.rename(folder)


@pytest.mark.parametrize("damage", [leave_torn, leave_half_saved])
@pytest.mark.parametrize("first", ["get", "put", "search", "listing", "namespaces"])
async def test_a_damaged_index_is_rebuilt_from_its_rows_at_the_first_use(
    open_embedded: OpenStore,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[OpenStore, Path], Awaitable[None]],
    first: str,
) -> None:
    await damage(open_embedded, tmp_path / "chroma")
    async with open_embedded() as store:
        with caplog.at_level(logging.WARNING):
            await OPERATIONS[first](store)
        assert "is damaged" in caplog.text
        assert "has its 70 rows again" in caplog.text
        items = await store.asearch(NS, limit=100)
        assert [item.key for item in items] == [f"k{n}" for n in range(70)]
        assert [item.value["text"] for item in items[1:]] == [
            f"word{n} common" for n in range(1, 70)
        ]
        assert (await store.asearch(NS, query="word7", limit=1))[0].key == "k7"
        assert len(await store.asearch(NS, query="common", limit=100)) == 70
    caplog.clear()
    async with open_embedded() as store:
        assert len(await store.asearch(NS, limit=100)) == 70
        assert len(await store.asearch(NS, query="common", limit=100)) == 70
    assert caplog.text == ""


async def test_each_torn_shard_is_rebuilt_with_items_of_several_vectors(
    open_embedded: OpenStore, tmp_path: Path
) -> None:
    users = [f"user{n}" for n in range(12)]
    async with open_embedded(shards=2) as store:
        for user in users:
            value = {"parts": [f"{user}a", f"{user}b", f"{user}c"]}
            ops = [PutOp((user, "x"), f"k{n}", value, index=["parts[*]"]) for n in range(20)]
            plain = PutOp((user, "x"), "plain", {"n": 1}, index=False)
            await store.abatch([*ops, plain])
    assert tear(tmp_path / "chroma") == 2
    async with open_embedded(shards=2) as store:
        assert len(await store.asearch((), limit=1_000)) == 12 * 21
        for user in users:
            found = await store.asearch((user,), query=f"{user}c", limit=30)
            assert sorted(item.key for item in found) == sorted(f"k{n}" for n in range(20))
            assert found[0].score == pytest.approx(1.0, abs=1e-5)


async def test_readers_that_meet_a_torn_index_together_all_get_their_answer(
    open_embedded: OpenStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_embedded() as store:
        await fill(store)
    assert tear(tmp_path / "chroma") == 1
    async with open_embedded() as store:
        found = await asyncio.gather(*(store.asearch(NS, query=f"word{n}") for n in range(8)))
    assert [items[0].key for items in found] == [f"k{n}" for n in range(8)]
    assert caplog.text.count("rows again") == 1


async def test_a_rebuild_that_was_interrupted_leaves_nothing_behind(
    open_embedded: OpenStore, tmp_path: Path
) -> None:
    async with open_embedded() as store:
        await fill(store)
    link = ChromaLink.embedded(tmp_path / "chroma")
    (serving,) = [name for name in link.collections() if name.endswith("-0")]
    unfinished = serving.removesuffix("0") + "1"
    link.create(unfinished, {"complete": 0})
    link.close()
    async with open_embedded() as store:
        assert len(await store.asearch(NS, limit=100)) == 60
    link = ChromaLink.embedded(tmp_path / "chroma")
    assert unfinished not in link.collections()
    assert serving in link.collections()
    link.close()


async def test_a_torn_index_of_a_server_says_how_it_is_mended(
    own_chroma_server: ChromaServer,
) -> None:
    async with opener(url=own_chroma_server.url)() as store:
        await fill(store)
        own_chroma_server.kill()
        assert tear(own_chroma_server.folder) == 1
        own_chroma_server.start()
        with pytest.raises(StoreUnavailable, match="stop the Chroma server") as refused:
            await store.asearch(NS)
        one_sentence(refused.value)
    own_chroma_server.kill()
    async with opener(path=own_chroma_server.folder)() as store:
        assert await store.aget(NS, "k0") is not None
    own_chroma_server.start()
    async with opener(url=own_chroma_server.url)() as store:
        assert len(await store.asearch(NS, limit=100)) == 60
        assert (await store.asearch(NS, query="word7"))[0].key == "k7"
