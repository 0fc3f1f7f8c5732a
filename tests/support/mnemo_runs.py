"""Running `mnemo` for tests: a process of its own with pipes, or on a pseudo-terminal."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import pytest

from tests.support.warm_mnemo import Command

SECONDS = 200.0
PROMPT = "> "
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78])")


class Mnemo:
    """The program in a folder of its own, with nothing set but its data dir."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TERM": "xterm",
            "COLUMNS": "100",
            "MNEMO_DATA_DIR": str(self.data),
        }

    def run(
        self, *args: str, said: str | bytes = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with `said` on its standard input."""
        with TemporaryFile() as out, TemporaryFile() as err:
            source, sink = os.pipe()
            files = [source, out.fileno(), err.fileno()]
            command = Command([*args], files=files, folder=self.folder, env=self.env | (env or {}))
            os.close(source)
            try:
                _write(sink, said if isinstance(said, bytes) else said.encode())
                code = command.wait(SECONDS)
            finally:
                command.end()
            printed = [_read_again(file) for file in (out, err)]
        return subprocess.CompletedProcess(args, code, *printed)

    def json(self, *args: str, **more: Any) -> Any:
        """Run a command with `--json`; return what it printed."""
        done = self.run(*args, "--json", **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def chat(self, *messages: str, args: tuple[str, ...] = (), **more: Any) -> list[dict[str, Any]]:
        """Say these messages in one `mnemo chat --json`; return an object a turn."""
        done = self.run("chat", "--json", *args, said="\n".join([*messages, ""]), **more)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return [json.loads(line) for line in done.stdout.splitlines()]

    def terminal(self, *args: str, env: dict[str, str] | None = None) -> "Terminal":
        """Return a command to be run on a terminal."""
        return Terminal([*args], self.folder, {**self.env, **(env or {})})


class Terminal:
    """A program on a pseudo-terminal, for someone who reads and types."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self._command, self._folder, self._env = command, folder, env
        self.seen = ""
        """Everything printed so far, without escape sequences."""
        self._raw = b""
        self._mark = 0

    def __enter__(self) -> Self:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self._terminal = ours
        self._process = Command(
            self._command, files=[theirs] * 3, folder=self._folder, env=self._env
        )
        os.close(theirs)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.end()
        os.close(self._terminal)

    def _read(self, seconds: float) -> bool:
        """Read what is there; return whether the program may still print."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self._terminal, 65_536)
        except OSError:  # Linux says so when the last holder of the other end is gone.
            return False
        self._raw += chunk
        self.seen = ESCAPES.sub("", self._raw.decode(errors="replace")).replace("\r\n", "\n")
        return bool(chunk)

    def wait_for(self, text: str, seconds: float = 120.0) -> str:
        """Wait until `text` is printed after what was waited for before; return what came."""
        until = time.monotonic() + seconds
        while text not in self.seen[self._mark :]:
            if not self._read(0.1) or time.monotonic() > until:
                raise AssertionError(f"{text!r} did not come, but: {self.seen[self._mark :]!r}")
        end = self.seen.index(text, self._mark) + len(text)
        came = self.seen[self._mark : end]
        self._mark = end
        return came

    def type(self, text: str) -> None:
        """Type a line and Enter, at the prompt."""
        self.wait_for(PROMPT)
        os.write(self._terminal, text.encode())
        self.wait_for(text[-12:])
        os.write(self._terminal, b"\r")

    def answer(self, text: str) -> None:
        """Type a line and Enter, at a question."""
        os.write(self._terminal, text.encode() + b"\r")

    def press(self, key: str) -> None:
        """Press a control key, such as "C" for Ctrl-C."""
        os.write(self._terminal, bytes([ord(key) - 64]))

    def leave(self) -> int:
        """Press Ctrl-D at the prompt; return the exit code."""
        self.wait_for(PROMPT)
        self.press("D")
        return self.end()

    def end(self, seconds: float = SECONDS) -> int:
        """Read to the end of the program; return its exit code."""
        until = time.monotonic() + seconds
        while self._read(0.1) and time.monotonic() < until:
            pass
        return self._process.wait(timeout=60)


def _write(pipe: int, text: bytes) -> None:
    """Write all and close, also to a program that does not care to read it."""
    with suppress(BrokenPipeError), os.fdopen(pipe, "wb") as file:
        file.write(text)


def _read_again(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@pytest.fixture
def mnemo(tmp_path: Path) -> Mnemo:
    """Return the program in an empty folder."""
    return Mnemo(tmp_path)
