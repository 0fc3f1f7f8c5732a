"""A real `chroma run` on loopback, and fixtures that open a store embedded or on it.

Test tooling only: nothing here is a test.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from stores.chroma.client import ChromaLink
from stores.chroma.store import ChromaStore
from tests.support.deep import deep
from tests.support.models.hash_embeddings import HashEmbeddings

READY_SECONDS = 120.0

OpenStore = Callable[..., AbstractAsyncContextManager[ChromaStore]]


class ChromaServer:
    """A Chroma server on a free loopback port; its data survive `stop`, `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        """Describe a server; `start` starts it."""
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server, on the same port and data as before, and wait until it answers."""
        command = [str(Path(sys.executable).with_name("chroma")), "run"]
        command += ["--path", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port)]
        log = self.folder.with_suffix(".log")
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        give_up = time.monotonic() + READY_SECONDS
        while time.monotonic() < give_up and self._process.poll() is None:
            try:
                httpx.get(f"{self.url}/api/v2/heartbeat", timeout=5).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.05)
        self.kill()
        pytest.fail(f"chroma run does not start: {log.read_text(errors='replace')[-500:]}")

    def pause(self) -> None:
        """Let connections be accepted and never answered, from now on."""
        self._signal(signal.SIGSTOP)
        if self._process is not None:  # On a busy machine it may go on for a moment.
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """Answer again."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the server in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=120)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server is not running"
        self._process.send_signal(number)


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    """One Chroma server for this test process."""
    server = ChromaServer(tmp_path_factory.mktemp("chroma-server") / "data")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_chroma_server(tmp_path: Path) -> Iterator[ChromaServer]:
    """A server for one test, which may pause or kill it."""
    server = ChromaServer(tmp_path / "served")
    server.start()
    yield server
    server.kill()


def empty(url: str) -> None:
    """Delete every collection of a server."""
    link = ChromaLink.server(url, None, 30.0)
    for name in link.collections():
        link.drop(name)
    link.close()


@pytest.fixture
def chroma_url(chroma_server: ChromaServer) -> str:
    """Return the URL of an empty Chroma server."""
    empty(chroma_server.url)
    return chroma_server.url


def opener(**place: Any) -> OpenStore:
    """Return what opens a store at a `path` or `url`, with settings that tests may replace."""

    def opened(**more: Any) -> AbstractAsyncContextManager[ChromaStore]:
        model = more.pop("embeddings", None) or HashEmbeddings()
        settings: dict[str, Any] = {
            "embeddings": model,
            "embedding_name": "hash",
            "dimensions": more.pop("dimensions", None) or model.dimensions,
            "shards": 4,
        }
        return ChromaStore.open(**(settings | place | more))

    return opened


@pytest.fixture(params=["embedded", deep("server")])
def open_chroma(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """Return what opens the same Chroma each time: in a folder, or on a real server."""
    if request.param == "embedded":
        return opener(path=tmp_path / "chroma")
    return opener(url=request.getfixturevalue("chroma_url"))


@pytest.fixture
def open_embedded(tmp_path: Path) -> OpenStore:
    """Return what opens the same embedded store each time."""
    return opener(path=tmp_path / "chroma")
