"""A real `langgraph dev` on loopback, and tokens for it.

Test tooling only: nothing here is a test.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

ROOT = Path(__file__).parents[3]
READY_SECONDS = 240.0
SECRET = "a secret for tests that is long enough"
OWN_NAMES = ("MNEMO_", "OPENAI_", "LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_")


def token(user: str, *, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """Return a token that is valid unless `claims` say otherwise; None leaves a claim out."""
    told = {
        "sub": user,
        "iss": "mnemograph",
        "aud": "mnemograph",
        "exp": int(time.time()) + 600,
        **claims,
    }
    kept = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(kept, secret, algorithm)


def bearer(user: str, **claims: Any) -> dict[str, str]:
    """Return the headers of a user's request."""
    return {"Authorization": f"Bearer {token(user, **claims)}"}


class DevServer:
    """One `langgraph dev` in a folder of its own, which keeps its data between starts."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Describe a server; `start` starts it."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        plain = {k: v for k, v in os.environ.items() if not k.startswith(OWN_NAMES)}
        self._env = plain | {
            "LANGGRAPH_CLI_NO_ANALYTICS": "1",
            "LANGGRAPH_NO_VERSION_CHECK": "1",
            "MNEMO_CHROMA_SHARDS": "2",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> str:
        """All that the server has logged."""
        return (self.folder / "server.log").read_text(errors="replace")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [str(Path(sys.executable).with_name("langgraph")), "dev", "--no-browser"]
        command += ["--no-reload", "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--config", str(ROOT / "langgraph.json")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self._env, stdout=log, stderr=log
            )
        give_up = time.monotonic() + READY_SECONDS
        while time.monotonic() < give_up and self._process.poll() is None:
            try:
                httpx.get(f"{self.url}/ok", timeout=5).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)
        self.stop()
        pytest.fail(f"langgraph dev does not start: {self.log[-3000:]}")

    def stop(self) -> None:
        """Stop the server as Ctrl-C would; it writes out what it holds."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=60)
            self._process = None

    def client(self, headers: Mapping[str, str] | None = None) -> LangGraphClient:
        """Return the LangGraph client of a user."""
        return get_client(url=self.url, headers=dict(headers or {}), api_key=None)


@contextmanager
def running(folder: Path, settings: Mapping[str, str]) -> Iterator[DevServer]:
    """Run a server as long as the context lasts."""
    server = DevServer(folder, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A server that asks nobody for a token."""
    with running(tmp_path_factory.mktemp("open-server"), {}) as server:
        yield server


@pytest.fixture(scope="module")
def closed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A server that asks everybody for a token."""
    settings = {
        "MNEMO_AUTH_SECRET": SECRET,
        "MNEMO_FREE__TURNS_PER_MINUTE": "3",
        "MNEMO_MESSAGE_BYTES": "2000",
    }
    with running(tmp_path_factory.mktemp("closed-server"), settings) as server:
        yield server
