"""`mnemo doctor`: every row says what is, why, and what to do; it looks only, and never hangs."""

import asyncio
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from domain.owner import Owner
from graph.parts import open_parts
from service.conversation import Conversation
from service.ops.doctor import ALL_SECONDS, Check, check_chat_model, check_ollama, examine
from service.ops.doctor_stores import checks_of
from service.ops.doctor_telegram import check_telegram
from service.ops.sweep import sweep
from settings import Settings
from tests.support.mnemo_runs import Mnemo, mnemo
from tests.support.servers.bot_api import TOKEN, BotAPI, open_bot_api
from tests.support.servers.openai_server import Fault, OpenAIServer
from tests.support.servers.redis_stack import RedisStack

__all__ = ["mnemo"]

Rows = dict[str, Check]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data dir that is not there yet, in a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def embedded(data_dir: Path, **more: object) -> Settings:
    return Settings.model_validate({"data_dir": data_dir, "chroma_shards": 2, **more})


def modelled(data_dir: Path, server: OpenAIServer, **more: object) -> Settings:
    url = f"{server.url}/v1"
    return embedded(data_dir, openai_base_url=url, chat_model="test-model", **more)


async def rows_of(settings: Settings) -> Rows:
    rows, hangs = await examine(settings, *checks_of(settings))
    assert not hangs and all(row.text for row in rows)
    assert len({row.name for row in rows}) == len(rows)
    return {row.name: row for row in rows}


async def say(settings: Settings, *messages: str) -> None:
    async with open_parts(settings) as parts:
        conversation = Conversation(parts)
        for message in messages:
            async for _ in conversation.turn(Owner("local"), "t", message):
                pass


def remove(data_dir: Path, name: str) -> None:
    """Delete a SQLite database of the data dir."""
    for path in data_dir.glob(f"{name}.sqlite*"):
        path.unlink()


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


# The command


@pytest.mark.timeout(300)
def test_a_fresh_installation_is_fine_and_nothing_is_made(mnemo: Mnemo) -> None:
    done = mnemo.run("doctor")
    assert done.returncode == 0 and done.stderr == ""
    assert "offline" in done.stdout and "OPENAI_API_KEY" in done.stdout
    assert "(MNEMO_DATA_DIR is set)" in " ".join(done.stdout.split())
    assert not mnemo.data.exists()


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_what_never_answers_is_a_failure_and_holds_nothing_up(mnemo: Mnemo, silent: int) -> None:
    here = f"127.0.0.1:{silent}"
    begun = time.monotonic()
    assert mnemo.run("doctor").returncode == 0
    undisturbed = time.monotonic() - begun
    env = {
        "OPENAI_BASE_URL": f"http://{here}/v1",
        "MNEMO_CHAT_MODEL": "test-model",
        "MNEMO_REDIS_URL": f"redis://{here}",
        "MNEMO_CHROMA_URL": f"http://{here}",
        "MNEMO_EMBEDDINGS": "openai:test-embeddings",
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": f"http://{here}",
    }
    begun = time.monotonic()
    done = mnemo.run("doctor", env=env)
    assert time.monotonic() - begun < 3 * undisturbed + ALL_SECONDS + 2
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    states = {line.split("  ")[1].strip(): line[:4].strip() for line in done.stdout.splitlines()
              if line[:4].strip()}  # fmt: skip
    assert all(states[name] == "fail" for name in ("chat model", "embeddings", "redis"))
    assert states["long-term memory"] == "fail" and states["tracing"] == "warn"
    assert "13 seconds" in " ".join(done.stdout.split())


@pytest.fixture
def silent() -> Iterator[int]:
    """Return a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for connection in held:
            connection.close()


async def test_a_check_that_hangs_is_left_behind(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.ops.doctor.ALL_SECONDS", 3.0)

    async def hang(settings: Settings) -> list[Check]:
        await asyncio.sleep(60)
        return []

    rows, hangs = await examine(embedded(data_dir), ("hanging", hang))
    assert hangs
    (row,) = [row for row in rows if row.name == "hanging"]
    assert row.state == "fail" and "No answer within" in row.text


# What it says


async def test_all_parts_have_a_row(data_dir: Path) -> None:
    settings = embedded(data_dir)
    await say(settings, "I like tea")
    rows = await rows_of(settings)
    assert list(rows) == [
        "settings", "chat model", "memory model", "embeddings", "data dir", "journal",
        "checkpoints", "long-term memory", "owners", "damaged rows", "sweep", "ollama", "tracing",
    ]  # fmt: skip
    assert {row.state for row in rows.values()} == {"ok"}
    assert rows["owners"].text.startswith("1,") and "Never yet" in rows["sweep"].text


async def test_the_time_of_the_last_sweep_is_shown_and_warned_of_when_long_ago(
    data_dir: Path,
) -> None:
    settings = embedded(data_dir)
    async with open_parts(settings) as parts:
        await sweep(parts)
    (data_dir / "chroma").mkdir(exist_ok=True)
    row = (await rows_of(settings))["sweep"]
    assert row.state == "ok" and f"{datetime.now():%Y-%m-%d}" in row.text
    old = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    with closing(sqlite3.connect(data_dir / "journal.sqlite")) as db, db:
        db.execute("UPDATE marks SET value = ? WHERE name = 'swept'", (old,))
    row = (await rows_of(settings))["sweep"]
    assert row.state == "warn" and "mnemo sweep" in row.text


async def test_a_misspelt_setting_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMO_CHATMODEL", "llama3")
    monkeypatch.setenv("MNEMO_FREE__CONTEXT_BUDGET", "1000")
    row = (await rows_of(embedded(data_dir)))["settings"]
    assert row.state == "warn" and row.text.startswith("MNEMO_CHATMODEL is no setting")


async def test_a_model_that_answers_is_named_with_what_chose_it(
    data_dir: Path, openai_server: OpenAIServer
) -> None:
    settings = modelled(data_dir, openai_server, embeddings="openai:test-embeddings")
    rows = await rows_of(settings)
    assert rows["chat model"].text == "test-model answers (MNEMO_CHAT_MODEL is set)."
    assert "The chat model" in rows["memory model"].text
    assert "openai:test-embeddings" in rows["embeddings"].text
    assert "MNEMO_EMBEDDINGS is set" in rows["embeddings"].text


async def test_a_model_that_fails_is_a_failure_in_one_sentence(
    data_dir: Path, openai_server: OpenAIServer
) -> None:
    openai_server.answers(Fault(401, message="bad key", code="invalid_api_key"))
    row = (await rows_of(modelled(data_dir, openai_server)))["chat model"]
    assert row.state == "fail" and "\n" not in row.text


async def test_a_model_that_is_still_loading_is_waited_for_a_moment(
    data_dir: Path, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = modelled(data_dir, openai_server)
    monkeypatch.setattr("models.provider.loading.PAUSE", 0.01)
    openai_server.answers(Fault(503, "Loading model"))
    (row,) = await check_chat_model(settings)
    assert row.state == "ok" and "answers, once loaded after" in row.text
    monkeypatch.setattr("service.ops.doctor.LOADING_SECONDS", 0.1)
    openai_server.default = lambda body: Fault(503, "Loading model")
    (row,) = await check_chat_model(settings)
    assert row.state == "warn" and "still loading" in row.text


async def test_what_a_model_turned_out_to_be_like_is_told(
    data_dir: Path, openai_server: OpenAIServer
) -> None:
    settings = modelled(data_dir, openai_server, reply_reserve=100)
    call = '<tool_call>{"name": "search_memory", "arguments": {"query": "bike"}}</tool_call>'
    openai_server.answers(
        Fault(400, "System role not supported"),
        "Hello.",
        Fault(400, "This model's maximum context length is 1200 tokens"),
        call,
    )
    await say(settings, "Hello, hello!" * 300, "Where is my bike?")
    text = (await rows_of(settings))["learned"].text
    assert "writes tool calls as text" in text and "system role" in text
    assert "MNEMO_CONTEXT_WINDOW=1200" in text and "test-model" in text


@pytest.mark.parametrize(("parameters", "reads"), [("num_ctx 2048", 2048), ("stop x", 4096)])
async def test_an_ollama_that_would_cut_prompts_in_silence_is_a_warning(
    data_dir: Path, openai_server: OpenAIServer, parameters: str, reads: int
) -> None:
    openai_server.shown = {"model_info": {}, "parameters": parameters}
    row = (await check_ollama(modelled(data_dir, openai_server)))[-1]
    assert row.state == "warn" and f"MNEMO_CONTEXT_WINDOW={reads}" in row.text
    rows = await check_ollama(modelled(data_dir, openai_server, context_window=reads))
    assert all(row.state == "ok" for row in rows)


async def test_an_endpoint_without_a_model_says_what_to_set(data_dir: Path) -> None:
    row = (await rows_of(embedded(data_dir, openai_base_url="http://127.0.0.1:9/v1")))["chat model"]
    assert row.state == "fail" and "MNEMO_CHAT_MODEL" in row.text


async def test_a_data_dir_that_cannot_be_is_a_failure(data_dir: Path) -> None:
    write(data_dir, b"I am a file")
    assert (await rows_of(embedded(data_dir)))["data dir"].state == "fail"


async def test_a_broken_file_is_a_failure(data_dir: Path) -> None:
    settings = embedded(data_dir)
    await say(settings, "I like tea")
    remove(data_dir, "checkpoints")
    write(data_dir / "checkpoints.sqlite", b"no database at all" * 100)
    row = (await rows_of(settings))["checkpoints"]
    assert row.state == "fail" and "cannot be read" in row.text


async def test_a_data_dir_in_use_can_be_looked_at(data_dir: Path) -> None:
    settings = embedded(data_dir)
    async with open_parts(settings):
        rows = await rows_of(settings)
    assert rows["long-term memory"].state == rows["owners"].state == "ok"
    assert rows["journal"].state == rows["checkpoints"].state == "ok"


async def test_a_lost_journal_is_told_also_when_another_one_was_begun(data_dir: Path) -> None:
    settings = embedded(data_dir, fold_turns=4)
    await say(settings, *(f"I drank {number} cups of tea" for number in range(6)))
    assert (await rows_of(settings))["owners"].state == "ok"
    remove(data_dir, "journal")
    row = (await rows_of(settings))["owners"]
    assert row.state == "fail" and "mnemo recover" in row.text
    remove(data_dir, "checkpoints")
    await say(settings, "I like coffee")
    assert (await rows_of(settings))["owners"].state == "fail"


async def test_long_term_memory_that_was_lost_is_told(data_dir: Path) -> None:
    settings = embedded(data_dir, fold_turns=4)
    await say(settings, *(f"I drank {number} cups of tea" for number in range(6)))
    shutil.rmtree(data_dir / "chroma")
    row = (await rows_of(settings))["owners"]
    assert row.state == "fail" and "backup" in row.text
    async with open_parts(settings):
        pass  # Makes an empty one.
    row = (await rows_of(settings))["owners"]
    assert row.state == "fail" and "backup" in row.text


async def test_other_embeddings_than_the_stored_ones_are_a_failure(
    data_dir: Path, openai_server: OpenAIServer
) -> None:
    await say(embedded(data_dir), "I like tea")
    other = modelled(data_dir, openai_server, embeddings="openai:test-embeddings")
    row = (await rows_of(other))["long-term memory"]
    assert row.state == "fail" and "mnemo reindex" in row.text


async def test_a_redis_that_may_forget_is_a_warning(data_dir: Path) -> None:
    with RedisStack() as server:
        settings = embedded(data_dir, redis_url=server.url)
        rows = await rows_of(settings)
        assert "answers at" in rows["redis"].text
        assert rows["redis eviction"].state == rows["redis persistence"].state == "ok"
        assert "journal" not in rows, "no SQLite where there is Redis"
        with Redis.from_url(server.url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            client.config_set("appendonly", "no")
        rows = await rows_of(settings)
        assert rows["redis eviction"].state == rows["redis persistence"].state == "warn"
        assert "noeviction" in rows["redis eviction"].text
        with Redis.from_url(server.url) as client:
            client.config_set("maxmemory", "100mb")
        assert (await rows_of(settings))["redis eviction"].state == "fail"


async def test_a_redis_without_modules_will_do(data_dir: Path) -> None:
    with RedisStack(plain=True) as server:
        row = (await rows_of(embedded(data_dir, redis_url=server.url)))["redis"]
        assert row.state == "ok"


async def test_a_password_is_never_shown(data_dir: Path) -> None:
    settings = embedded(data_dir, redis_url="redis://someone:hunter2@127.0.0.1:9/0")
    rows = await rows_of(settings)
    assert rows["redis"].state == "fail"
    assert not any("hunter2" in row.text for row in rows.values())


# Telegram


async def test_telegrams_bot_is_known_and_so_is_a_webhook() -> None:
    async with open_bot_api() as api:
        await _look_at(api)


async def _look_at(api: BotAPI) -> None:
    def settings(token: str | None, url: str = api.url) -> Settings:
        return Settings.model_validate({"telegram_token": token, "telegram_api_url": url})

    async def row(settings: Settings) -> tuple[str, str]:
        (check,) = await check_telegram(settings)
        assert "AAtest" not in check.text, "the token is a secret"
        return check.state, check.text

    api.write("Hello")
    state, text = await row(settings(TOKEN))
    assert state == "ok" and "@memory_bot" in text and "1 message" in text
    api.webhook = "https://example.com/hook"
    state, text = await row(settings(TOKEN))
    assert state == "warn" and "webhook" in text
    state, text = await row(settings("42:AAtest-another"))
    assert state == "fail" and "BotFather" in text
    state, text = await row(settings(TOKEN, "http://127.0.0.1:9"))
    assert state == "fail" and "127.0.0.1:9" in text
    assert (await row(settings(None)))[0] == "ok"
