"""A real Postgres with pgvector on loopback, from PyPI's `pgserver`, and fixtures that offer it.

Test tooling only: nothing of the application imports this, and nothing here is a test.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

READY_SECONDS = 120.0
ROLE = "mnemo"
PASSWORD = "not-to-be-shown"


class PostgresServer:
    """A Postgres on a free loopback port; its data survive `stop`, `kill` and `start`.

    It never runs as root, which Postgres refuses: where the tests do, it runs as `nobody`.
    """

    def __init__(self, folder: Path, *, without_pgvector: bool = False) -> None:
        """Make an empty cluster in `folder`; `start` starts it."""
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._user = "nobody" if os.geteuid() == 0 else None
        self._programs = self._reachable_programs(without_pgvector)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._give(folder)
        password = folder / "password"
        password.write_text(PASSWORD)
        self._give(password)
        made = ["-D", str(folder / "data"), "-U", ROLE, "--pwfile", str(password)]
        made += ["-A", "scram-sha-256", "-E", "UTF8", "--locale", "C", "--no-sync"]
        done = subprocess.run(
            [str(self._programs / "initdb"), *made],
            capture_output=True,
            text=True,
            user=self._user,
            cwd=folder,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"initdb failed: {done.stderr[-500:]}")

    @classmethod
    def in_a_folder(cls, **more: bool) -> Self:
        """Make an empty cluster in a folder of its own, which `remove` deletes."""
        return cls(Path(tempfile.mkdtemp(prefix="mnemograph-postgres-")), **more)

    def _reachable_programs(self, without_pgvector: bool) -> Path:
        """Return the folder of the programs, or of a copy where another user cannot read them."""
        package = importlib.util.find_spec("pgserver")
        if package is None or not package.submodule_search_locations:
            pytest.fail("pgserver is not installed: run `make setup`.")
        installed = Path(package.submodule_search_locations[0]) / "pginstall"
        reachable = all(parent.stat().st_mode & stat.S_IXOTH for parent in installed.parents)
        if not without_pgvector and (self._user is None or reachable):
            return installed / "bin"
        left_out = shutil.ignore_patterns("vector*") if without_pgvector else None
        copy = self.folder / "pgserver" / "pginstall"
        shutil.copytree(installed, copy, symlinks=True, ignore=left_out)
        libraries = installed.parent.with_name("pgserver.libs")
        if libraries.exists():  # the programs look for them where the wheel puts them
            shutil.copytree(libraries, self.folder / "pgserver.libs")
        return copy / "bin"

    def _give(self, path: Path) -> None:
        if self._user is not None:
            user = pwd.getpwnam(self._user)
            os.chown(path, user.pw_uid, user.pw_gid)

    def url(self, database: str = "postgres", *, password: str = PASSWORD) -> str:
        """Return the URL of a database, which holds the role's password."""
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, on the same port and data as before, and wait until it answers."""
        options = ["-p", str(self.port), "-c", "max_connections=60"]
        options += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        options += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        log = self.folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *options],
                stdout=output,
                stderr=output,
                user=self._user,
                cwd=self.folder,
            )
        give_up = time.monotonic() + READY_SECONDS
        while time.monotonic() < give_up and self._process.poll() is None:
            try:
                psycopg.connect(self.url(), connect_timeout=10).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        self.kill()
        pytest.fail(f"Postgres does not start: {log.read_text(errors='replace')[-500:]}")

    def pause(self) -> None:
        """Let connections be accepted and never answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the server at once, in the middle of whatever it does; nothing is written first."""
        if self._process is not None:
            self._signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=120)
            self._process = None

    def remove(self) -> None:
        """End the server and delete all it had."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement by hand; return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement))
            return cursor.fetchall() if cursor.description else []

    def make_database(self) -> str:
        """Make an empty database; return its name."""
        name = f"t{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Delete a database, whoever uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and to each of its processes."""
        assert self._process is not None, "the server is not running"
        if self._process.poll() is not None:
            return
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in [pid, *map(int, children)]:
            with suppress(ProcessLookupError):  # a backend may have just ended
                os.kill(each, number)


def a_server() -> PostgresServer:
    """Return a started server in a folder of its own; whoever takes it removes it."""
    server = PostgresServer.in_a_folder()
    server.start()
    return server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One Postgres for this test process."""
    server = a_server()
    yield server
    server.remove()


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A server for one test, which may pause or kill it."""
    server = a_server()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Return the URL of an empty database."""
    name = postgres_server.make_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)
