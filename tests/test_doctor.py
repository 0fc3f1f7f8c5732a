"""`mnemo doctor`: every row says what is, why, and what to do; it looks only, and never hangs."""

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from tests.mnemo_runs import Mnemo, mnemo
from tests.openai_server import Fault, OpenAIServer
from tests.redis_stack import RedisStack

__all__ = ["mnemo"]

Rows = dict[str, dict[str, str]]


def rows_of(mnemo: Mnemo, code: int = 0, /, **env: str) -> Rows:
    """Return the rows by name, and check the exit code that goes with them."""
    done = mnemo.run("doctor", "--json", env=env)
    assert done.returncode == code, done.stdout + done.stderr
    listed = json.loads(done.stdout)
    assert any(row["state"] == "fail" for row in listed) == bool(code)
    return {row["name"]: row for row in listed}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Return a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def test_a_fresh_installation_is_fine_and_nothing_is_made(mnemo: Mnemo) -> None:
    done = mnemo.run("doctor")
    assert done.returncode == 0 and done.stderr == ""
    assert "offline" in done.stdout and "OPENAI_API_KEY" in done.stdout
    assert "(MNEMO_DATA_DIR is set)" in " ".join(done.stdout.split())
    assert not mnemo.data.exists()


def test_every_row_is_named_and_says_one_sentence(mnemo: Mnemo) -> None:
    mnemo.chat("I like tea")
    rows = rows_of(mnemo)
    assert {"settings", "chat model", "memory model", "embeddings", "data dir"} < set(rows)
    assert {"journal", "checkpoints", "long-term memory", "owners", "sweep"} < set(rows)
    assert {"ollama", "tracing"} < set(rows)
    assert all(set(row) == {"name", "state", "text"} and row["text"] for row in rows.values())
    assert rows["owners"]["text"].startswith("1,")
    assert "Never yet" in rows["sweep"]["text"]


def test_after_a_sweep_its_time_is_shown(mnemo: Mnemo) -> None:
    mnemo.chat("I like tea")
    assert mnemo.json("sweep")["owners"] == 1
    assert f"{datetime.now():%Y-%m-%d}" in rows_of(mnemo)["sweep"]["text"]
    old = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    with closing(sqlite3.connect(mnemo.data / "journal.sqlite")) as db, db:
        db.execute("UPDATE marks SET value = ? WHERE name = 'swept'", (old,))
    assert rows_of(mnemo)["sweep"]["state"] == "warn"


def test_a_misspelt_setting_is_named(mnemo: Mnemo) -> None:
    (mnemo.folder / ".env").write_text("MNEMO_CHATMODEL=llama3\n")
    row = rows_of(mnemo)["settings"]
    assert row["state"] == "warn" and "MNEMO_CHATMODEL is no setting" in row["text"]


def test_a_model_that_answers_is_named_with_what_chose_it(
    mnemo: Mnemo, openai_server: OpenAIServer
) -> None:
    env = {"OPENAI_BASE_URL": f"{openai_server.url}/v1", "MNEMO_CHAT_MODEL": "test-model"}
    rows = rows_of(mnemo, **env, MNEMO_EMBEDDINGS="openai:test-embeddings")
    assert rows["chat model"]["text"] == "test-model answers (MNEMO_CHAT_MODEL is set)."
    assert "The chat model" in rows["memory model"]["text"]
    assert "openai:test-embeddings" in rows["embeddings"]["text"]


def test_a_model_that_fails_is_a_failure_in_one_sentence(
    mnemo: Mnemo, openai_server: OpenAIServer
) -> None:
    openai_server.answers(Fault(401, message="bad key", code="invalid_api_key"))
    env = {"OPENAI_BASE_URL": f"{openai_server.url}/v1", "MNEMO_CHAT_MODEL": "test-model"}
    row = rows_of(mnemo, 1, **env)["chat model"]
    assert row["state"] == "fail" and "Traceback" not in row["text"]


def test_what_never_answers_does_not_hang_it(mnemo: Mnemo, silent_port: int) -> None:
    here = f"127.0.0.1:{silent_port}"
    begun = time.monotonic()
    rows_of(mnemo)
    undisturbed = time.monotonic() - begun
    begun = time.monotonic()
    rows = rows_of(
        mnemo,
        1,
        OPENAI_BASE_URL=f"http://{here}/v1",
        MNEMO_CHAT_MODEL="test-model",
        MNEMO_REDIS_URL=f"redis://{here}",
        MNEMO_CHROMA_URL=f"http://{here}",
        MNEMO_EMBEDDINGS="openai:test-embeddings",
        LANGSMITH_TRACING="true",
        LANGSMITH_ENDPOINT=f"http://{here}",
    )
    assert time.monotonic() - begun < undisturbed + 10
    assert {name for name, row in rows.items() if row["state"] == "fail"} >= {
        "chat model", "embeddings", "redis", "long-term memory"
    }  # fmt: skip
    assert rows["tracing"]["state"] == "warn" and "13 seconds" in rows["tracing"]["text"]


def test_a_data_dir_that_cannot_be_is_a_failure(mnemo: Mnemo) -> None:
    mnemo.data.write_text("I am a file")
    assert rows_of(mnemo, 1)["data dir"]["state"] == "fail"


def test_a_broken_file_is_a_failure(mnemo: Mnemo) -> None:
    mnemo.chat("I like tea")
    for name in ("checkpoints.sqlite", "checkpoints.sqlite-wal", "checkpoints.sqlite-shm"):
        (mnemo.data / name).unlink(missing_ok=True)
    (mnemo.data / "checkpoints.sqlite").write_bytes(b"no database at all" * 100)
    row = rows_of(mnemo, 1)["checkpoints"]
    assert row["state"] == "fail" and "cannot be read" in row["text"]


def test_a_lost_journal_is_told_with_what_to_do(mnemo: Mnemo) -> None:
    mnemo.chat(*(f"I drank {number} cups of tea" for number in range(13)))
    assert mnemo.json("episodes")
    assert rows_of(mnemo)["owners"]["state"] == "ok"
    for path in mnemo.data.glob("journal.sqlite*"):
        path.unlink()
    row = rows_of(mnemo, 1)["owners"]
    assert row["state"] == "fail" and "mnemo recover" in row["text"]
    mnemo.chat("I like coffee")
    row = rows_of(mnemo, 1)["owners"]
    assert row["state"] == "fail", "a journal begun anew does not hide it"
    swept = mnemo.json("sweep")
    assert swept["lost"] == 1 and swept["episodes_deleted"] == 0


def test_other_embeddings_than_the_stored_ones_are_a_failure(
    mnemo: Mnemo, openai_server: OpenAIServer
) -> None:
    mnemo.chat("I like tea")
    env = {"OPENAI_BASE_URL": f"{openai_server.url}/v1", "MNEMO_CHAT_MODEL": "test-model"}
    row = rows_of(mnemo, 1, **env, MNEMO_EMBEDDINGS="openai:test-embeddings")["long-term memory"]
    assert row["state"] == "fail" and "mnemo reindex" in row["text"]


def test_a_redis_that_may_forget_is_a_warning(mnemo: Mnemo) -> None:
    with RedisStack() as server:
        rows = rows_of(mnemo, MNEMO_REDIS_URL=server.url)
        assert "with Search and JSON answers" in rows["redis"]["text"]
        assert rows["redis eviction"]["state"] == "ok"
        assert rows["redis persistence"]["state"] == "ok", "the fixture writes every command"
        assert "journal" not in rows, "no SQLite where there is Redis"
        with Redis.from_url(server.url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            client.config_set("appendonly", "no")
        rows = rows_of(mnemo, MNEMO_REDIS_URL=server.url)
        assert rows["redis eviction"]["state"] == rows["redis persistence"]["state"] == "warn"
        assert "noeviction" in rows["redis eviction"]["text"]


def test_a_redis_without_modules_is_a_failure(mnemo: Mnemo) -> None:
    with RedisStack(plain=True) as server:
        row = rows_of(mnemo, 1, MNEMO_REDIS_URL=server.url)["redis"]
        assert row["state"] == "fail" and "lacks Search and JSON" in row["text"]
