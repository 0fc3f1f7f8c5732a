"""A `mnemo` that has imported everything and forks for each command, as nobody else needs it.

A command takes two seconds to import what it stands on; tests run a hundred. What a fork cannot
show (that the installed program starts, and how fast) is tested with the program itself.
"""

import atexit
import fcntl
import gc
import io
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

WARM = (
    "graph.chat", "graph.remember", "service.cli.app", "service.conversation", "service.ops.doctor",
    "service.ops.reindex", "service.ops.sweep", "stores.maintenance.export",
    "stores.maintenance.recover",
    "langchain_openai", "models.memory.llm", "prompt_toolkit", "rich.live",
    "rich.markdown", "rich.progress", "rich.table",
)  # fmt: skip


class Command:
    """A running command."""

    def __init__(
        self, args: list[str], *, files: list[int], folder: Path, env: dict[str, str]
    ) -> None:
        """Start it.

        Args:
            args: The words after `mnemo`.
            files: Its standard input, output and error; a terminal becomes its own.
            folder: Where it runs.
            env: All of its environment.
        """
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.connect(_address())
        asked = json.dumps({"args": args, "folder": str(folder), "env": env}).encode()
        socket.send_fds(self._line, [asked], files)
        self._pid = int(self._line.recv(100))
        self._code: int | None = None

    def wait(self, timeout: float) -> int:
        """Return its exit code once it has ended; negative: the signal that ended it.

        Raises:
            TimeoutError: If it has not within `timeout` seconds.
        """
        if self._code is None:
            self._line.settimeout(timeout)
            self._code = int(self._line.recv(100))
            self._line.close()
        return self._code

    def end(self) -> None:
        """Kill it, if it still runs."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self.wait(60)


@cache
def _address() -> str:
    """Return where the warm program of this process listens."""
    path = Path(tempfile.mkdtemp(prefix="warm-"), "mnemo")
    warm = subprocess.Popen(
        [sys.executable, "-m", "tests.support.warm_mnemo", path], stdin=subprocess.PIPE
    )
    atexit.register(_leave, warm, path)
    until = time.monotonic() + 240
    while not path.exists():
        assert warm.poll() is None and time.monotonic() < until, "the warm program did not start"
        time.sleep(0.05)
    return str(path)


def _leave(warm: subprocess.Popen[bytes], path: Path) -> None:
    warm.communicate()
    shutil.rmtree(path.parent)


def _serve(path: Path) -> tuple[dict[str, Any], list[int]] | None:
    """Fork for each command; return it in the fork, and nothing once nobody wants more."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    early = path.with_suffix(".early")
    listener.bind(str(early))
    listener.listen()
    early.rename(path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with selectors.DefaultSelector() as ready:
        ready.register(listener, selectors.EVENT_READ)
        ready.register(0, selectors.EVENT_READ)
        while all(key.fd != 0 for key, _ in ready.select()):
            line, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _mind(line)
            line.close()
    return None


def _mind(line: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork the command; in it return it, outside it report how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked, files, _, _ = socket.recv_fds(line, 1_000_000, 3)
    pid = os.fork()
    if pid == 0:
        line.close()
        return json.loads(asked), files
    for file in files:
        os.close(file)
    line.send(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        line.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(asked: dict[str, Any], files: list[int]) -> None:
    """Take the place of the process that was asked for."""
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = ["mnemo", *asked["args"]]
    sys.stdin, sys.stdout, sys.stderr = (_stream(number) for number in range(3))


def _stream(number: int) -> IO[str]:
    """Return a standard stream as Python opens it where no language is set."""
    binary = open(number, "rb" if number == 0 else "wb", closefd=False)  # noqa: SIM115
    errors = "backslashreplace" if number == 2 else "surrogateescape"
    buffered = number != 2 and not os.isatty(number)
    return io.TextIOWrapper(binary, "utf-8", errors, line_buffering=not buffered)


def main() -> None:
    """Be warm until standard input ends."""
    from importlib import import_module

    for name in WARM:
        import_module(name)
    from models.tokens import open_counter
    from service.cli.app import app

    open_counter("")
    gc.collect()
    gc.freeze()
    command = _serve(Path(sys.argv[1]))
    if command is not None:
        _become(*command)
        app(prog_name="mnemo")


if __name__ == "__main__":
    main()
