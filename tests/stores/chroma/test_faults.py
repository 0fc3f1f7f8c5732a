"""Promises when something is wrong: another process, a dead server, a crash, a torn index."""

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from evals.speed.counting_proxy import counting_proxy
from stores.chroma.client import ChromaLink
from stores.errors import StoreBusy, StoreMismatch, StoreUnavailable
from tests.support.pace import took
from tests.support.servers.chroma_server import ChromaServer, OpenStore, opener
from tests.support.stores.chroma_faults import NS, OPERATIONS, fill, one_sentence, running_writer


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


@pytest.mark.deep
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
            assert took(begun) < 4.0, name
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


async def test_what_else_a_server_holds_is_not_read_for_an_owner_who_is_new_to_it(
    chroma_url: str,
) -> None:
    at = urlsplit(chroma_url)
    link = ChromaLink.server(chroma_url, None, 30.0)
    for number in range(12):
        link.create(f"of-another-program-{number}", {"anything": "x" * 500})
    link.close()
    async with (
        counting_proxy(at.hostname or "", at.port or 0) as trips,
        opener(url=f"http://127.0.0.1:{trips.port}")() as one,
        opener(url=chroma_url)() as another,
    ):
        assert await one.asearch(NS) == []
        before = trips.received
        assert await one.asearch(NS) == []
        assert trips.received - before < 5_000
        await another.aput(NS, "k", {"text": "tea"}, index=["text"])
        before = trips.received
        assert [item.key for item in await one.asearch(NS)] == ["k"]
        assert trips.received - before < 5_000
