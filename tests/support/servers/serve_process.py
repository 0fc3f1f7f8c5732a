"""`mnemo serve` as a process on loopback. Test tooling only: nothing here is a test."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

MNEMO = Path(sys.executable).parent / "mnemo"
START_SECONDS = 240
"""A server that imports everything on a busy machine may take so long."""


@dataclass
class ServeProcess:
    """A running server."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path
    """What it writes; into a file, since a pipe that nobody empties would stop it."""

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop and return its exit code."""
        self.process.send_signal(how)
        return self.process.wait(START_SECONDS)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def serve_process(
    *options: str, cwd: Path, port: str = "", program: str = str(MNEMO), **settings: str
) -> Iterator[ServeProcess]:
    """Run `mnemo serve` with settings from the environment alone, until it answers."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MNEMO_", "OPENAI_"))}
    env |= {"MNEMO_DATA_DIR": str(cwd / "data"), **settings}
    port = port or str(free_port())
    command = [program, "serve", *options, "--port", port]
    log = cwd / f"serve-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=file, stderr=file)
    server = ServeProcess(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait(server)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait(server: ServeProcess) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert server.process.poll() is None, server.log.read_text("utf-8", "replace")
        try:
            if httpx.get(f"{server.url}/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("The server does not answer.")
