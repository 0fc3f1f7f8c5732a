"""Promises when something is wrong: another process, a dead server, a crash, a torn index."""

import asyncio
import json
import logging
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from langgraph.store.base import PutOp

from stores.chroma import ChromaStore
from stores.chroma_link import ChromaLink
from stores.errors import StoreBusy, StoreMismatch, StoreUnavailable
from tests.chroma_server import ChromaServer, OpenStore, opener
from tests.hash_embeddings import HashEmbeddings

NS = ("user", "notes")
OPERATIONS: dict[str, Callable[[ChromaStore], Awaitable[object]]] = {
    "get": lambda store: store.aget(NS, "k0"),
    "put": lambda store: store.aput(NS, "k0", {"text": "new"}),
    "delete": lambda store: store.adelete(NS, "k1"),
    "search": lambda store: store.asearch(NS, query="word0"),
    "search everywhere": lambda store: store.asearch(()),
    "listing": lambda store: store.asearch(NS),
    "namespaces": lambda store: store.alist_namespaces(),
    "check": lambda store: store.check(),
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


# Another process.


def writer(folder: Path, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chroma_writer", str(folder), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )


@contextmanager
def running_writer(folder: Path, seed: int) -> Iterator[subprocess.Popen[str]]:
    process = writer(folder, seed)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)
        if process.stdout:
            process.stdout.close()


async def test_a_second_process_gets_one_sentence_until_the_first_one_dies(tmp_path: Path) -> None:
    open_store = opener(path=tmp_path / "chroma", shards=2)
    with running_writer(tmp_path / "chroma", 1) as process:
        assert process.stdout
        await asyncio.to_thread(process.stdout.readline)
        with pytest.raises(StoreBusy) as refused:
            async with open_store():
                pass
        assert "in use by another process" in one_sentence(refused.value)
    async with open_store() as store:
        await store.aput(NS, "k", {"text": "mine now"})


async def test_a_folder_is_open_once_also_within_one_process(open_embedded: OpenStore) -> None:
    async with open_embedded() as store:
        with pytest.raises(StoreBusy):
            async with open_embedded():
                pass
        await store.aput(NS, "k", {"text": "still open"})
    async with open_embedded():
        pass


async def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreUnavailable, match="cannot be used") as refused:
        async with opener(path=tmp_path / "file" / "chroma")():
            pass
    one_sentence(refused.value)


async def test_a_refused_layout_leaves_the_folder_free(open_embedded: OpenStore) -> None:
    async with open_embedded():
        pass
    for _ in range(2):
        with pytest.raises(StoreMismatch):
            async with open_embedded(shards=7):
                pass
    async with open_embedded():
        pass


# A server that does not answer.


async def test_a_server_that_is_away_is_one_sentence_at_opening() -> None:
    with pytest.raises(StoreUnavailable, match="chroma run") as refused:
        async with opener(url="http://127.0.0.1:9", timeout=2.0)():
            pass
    one_sentence(refused.value)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://user:secret@host", ""])
async def test_a_url_of_another_form_is_one_sentence_without_its_secrets(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="must look like") as refused:
        async with opener(url=url)():
            pass
    assert "secret" not in one_sentence(refused.value)


async def test_a_server_that_hangs_ends_every_operation_within_the_timeout(
    own_chroma_server: ChromaServer,
) -> None:
    open_store = opener(url=own_chroma_server.url, timeout=0.5)
    async with open_store() as store:
        await fill(store)
        own_chroma_server.pause()
        for name, operation in OPERATIONS.items():
            begun = time.monotonic()
            with pytest.raises(StoreUnavailable, match="took too long") as refused:
                await operation(store)
            assert time.monotonic() - begun < 2.0, name
            one_sentence(refused.value)
        with pytest.raises(StoreUnavailable, match="took too long"):
            async with open_store():
                pass
        own_chroma_server.resume()
        assert len(await store.asearch(NS, limit=100)) >= 59


async def test_a_server_that_died_is_one_sentence_and_its_return_is_noticed(
    own_chroma_server: ChromaServer,
) -> None:
    async with opener(url=own_chroma_server.url, timeout=2.0)() as store:
        await fill(store)
        own_chroma_server.kill()
        for operation in OPERATIONS.values():
            with pytest.raises(StoreUnavailable, match="is away") as refused:
                await operation(store)
            one_sentence(refused.value)
        own_chroma_server.start()
        assert len(await store.asearch(NS, limit=100)) == 60
        await store.aput(NS, "after", {"text": "written"})


class Stranger(BaseHTTPRequestHandler):
    """Answers everything in one way, noting the headers."""

    answer = (200, "text/html", b"<html>hello</html>")
    seen: str | None = None

    def do_GET(self) -> None:
        type(self).seen = self.headers.get("Authorization")
        status, kind, body = self.answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[str]:
    """Give the URL of a server that is no Chroma."""
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((200, "text/html", b"<html>hello</html>"), "is not Chroma"),
        ((200, "application/json", b"[]"), "is not Chroma"),
        ((200, "application/json", b"{}"), "is not Chroma"),
        ((404, "text/html", b"nothing here"), "not a working Chroma"),
        ((502, "text/plain", b"bad gateway"), "not a working Chroma"),
        ((500, "application/json", b'{"error": "Unheard"}'), "not a working Chroma"),
        ((401, "application/json", b"{}"), "MNEMO_CHROMA_TOKEN"),
        ((403, "text/plain", b""), "MNEMO_CHROMA_TOKEN"),
    ],
)
async def test_what_is_no_chroma_is_one_sentence_and_sees_the_token_as_a_bearer(
    stranger: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, str, bytes],
    sentence: str,
) -> None:
    monkeypatch.setattr(Stranger, "answer", answer)
    with pytest.raises(StoreUnavailable, match=sentence) as refused:
        async with opener(url=stranger, token="t0ken", timeout=2.0)():
            pass
    assert "t0ken" not in one_sentence(refused.value)
    assert Stranger.seen == "Bearer t0ken"


# A crash.


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
    process.wait(timeout=30)
    return [line for line in [*lines, *process.stdout.readlines()] if line.endswith("\n")]


async def test_no_acknowledged_write_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    chance = random.Random(20)
    state: dict[str, str | None] = {}
    for round_ in range(4):
        with running_writer(tmp_path / "chroma", round_) as process:
            lines = await asyncio.to_thread(
                read_until_killed, process, chance.randint(3, 25), chance.uniform(0, 0.1)
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
@pytest.mark.parametrize("first", ["get", "put", "search", "listing", "namespaces", "check"])
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
        assert await store.check() == []
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
        assert len(await store.check()) == 1
    own_chroma_server.start()
    async with opener(url=own_chroma_server.url)() as store:
        assert len(await store.asearch(NS, limit=100)) == 60
        assert (await store.asearch(NS, query="word7"))[0].key == "k7"


# Deleted text.


def holding(folder: Path, text: str) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if text.encode() in path.read_bytes()]


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


async def test_a_purge_waits_for_nobody_to_be_inside_and_keeps_others_waiting(
    open_embedded: OpenStore,
) -> None:
    async with open_embedded() as store:
        await fill(store)
        await store.adelete(NS, "k0")
        jobs = [store.aput(NS, f"more{n}", {"text": f"later{n}"}, index=["text"]) for n in range(8)]
        await asyncio.gather(store.purge(), *jobs, store.purge(), store.asearch(NS, query="word1"))
        assert len(await store.asearch(NS, limit=100)) == 67
