"""What is shipped for operators fits the product: names, folders, options, and a real proxy."""

import asyncio
import json
import re
import shlex
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import Counter, Histogram

from service.usage import metrics
from settings import Settings
from tests.support.mnemo_runs import Mnemo, mnemo
from tests.support.servers.serve_process import ServeProcess, free_port, serve_process

__all__ = ["mnemo"]

ROOT = Path(__file__).parents[2]
FILES = ["Dockerfile", "compose.yaml", "deploy/kubernetes.yaml"]
COMPOSE: Any = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))


def test_every_setting_that_is_set_exists() -> None:
    known = {f"MNEMO_{name}".upper() for name in Settings.model_fields}
    for name in FILES:
        assert set(re.findall(r"\bMNEMO_[A-Z_]+", (ROOT / name).read_text("utf-8"))) <= known


def test_the_image_holds_every_folder_of_the_product() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    folders = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    copied = re.findall(r"^COPY (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert set(folders) <= set(copied)


def test_the_servers_of_compose_are_told_what_the_program_knows(mnemo: Mnemo) -> None:
    shown = mnemo.run("serve", "--help").stdout
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    command = re.search(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert command is not None
    for words in (COMPOSE["services"]["mnemo"]["command"], json.loads(command[1])):
        assert words[:2] == ["mnemo", "serve"]
        assert all(word in shown for word in words if word.startswith("--"))


def test_redis_is_run_as_its_data_deserve() -> None:
    command = shlex.join(COMPOSE["services"]["redis"]["command"])
    assert "--appendonly yes" in command and "--maxmemory-policy noeviction" in command


@contextmanager
def proxy(folder: Path, *replicas: str) -> Iterator[str]:
    """Run nginx as shipped, on other ports."""
    program = shutil.which("nginx")
    assert program, "nginx is not installed: apt-get install nginx-light."
    port = free_port()
    text = (ROOT / "deploy/nginx.conf").read_text("utf-8")
    text = text.replace("listen 127.0.0.1:8000", f"listen 127.0.0.1:{port}")
    for shipped, replica in zip((8001, 8002), replicas, strict=True):
        text = text.replace(f"127.0.0.1:{shipped}", replica.removeprefix("http://"))
    config = folder / "nginx.conf"
    config.write_text(text, "utf-8")
    running = subprocess.Popen([program, "-p", folder, "-c", config, "-g", "daemon off;"])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_two_replicas_behind_a_proxy_remember_as_one_and_survive_a_kill(
    tmp_path: Path, redis_url: str, chroma_url: str
) -> None:
    stores = {
        "MNEMO_REDIS_URL": redis_url,
        "MNEMO_CHROMA_URL": chroma_url,
        "MNEMO_CHROMA_SHARDS": "2",
        "MNEMO_FOLD_TURNS": "4",
        "MNEMO_EXTRACT_TURNS": "2",
    }
    with ExitStack() as stack:
        one, two = (stack.enter_context(serve_process(cwd=tmp_path, **stores)) for _ in range(2))
        url = stack.enter_context(proxy(tmp_path, one.url, two.url))
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:

            async def say(message: str) -> Any:
                body = {"message": message, "thread_id": "t"}
                answer = await client.post("/chat/alex/default", json=body)
                assert answer.status_code == 200, answer.text
                return answer.json()

            for number in range(12):
                assert (await say(f"I planted tree number {number} today."))["error"] is None
            one.process.send_signal(signal.SIGKILL)
            for number in range(12, 16):
                assert (await say(f"I planted tree number {number} today."))["error"] is None
            kept = (await client.get("/memory/alex/default/transcript?limit=500")).json()["items"]
        said = [m["text"] for turn in kept for m in turn["messages"] if m["role"] == "user"]
        assert said == [f"I planted tree number {number} today." for number in range(16)]


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_messages_on_one_thread_wait_for_each_other_across_replicas(
    tmp_path: Path, redis_url: str, chroma_url: str
) -> None:
    stores = {"MNEMO_REDIS_URL": redis_url, "MNEMO_CHROMA_URL": chroma_url,
              "MNEMO_CHROMA_SHARDS": "2"}  # fmt: skip
    with ExitStack() as stack:
        replicas = [stack.enter_context(serve_process(cwd=tmp_path, **stores)) for _ in range(2)]
        async with httpx.AsyncClient(timeout=100) as client:
            answers = await asyncio.gather(
                *(
                    client.post(
                        f"{replicas[number % 2].url}/chat/alex/default",
                        json={"message": f"Note number {number}.", "thread_id": "t"},
                    )
                    for number in range(10)
                )
            )
            assert all(answer.json()["error"] is None for answer in answers)
            kept = await client.get(f"{replicas[0].url}/memory/alex/default/transcript?limit=500")
        turns = kept.json()["items"]
        assert len(turns) == 10
        assert [t["parent"] for t in turns[1:]] == [t["id"] for t in turns[:-1]]


@pytest.mark.deep
async def test_a_replica_that_is_back_takes_requests_before_the_next_one_stops(
    tmp_path: Path,
) -> None:
    async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    ports = free_port(), free_port()
    with proxy(tmp_path, *(f"http://127.0.0.1:{port}" for port in ports)) as url:
        await asyncio.sleep(1)
        async with httpx.AsyncClient(base_url=url) as client:
            for port in (*ports, *ports):
                async with await asyncio.start_server(fine, "127.0.0.1", port):
                    statuses = [(await client.post("/chat")).status_code for _ in range(4)]
                assert statuses == [200] * 4


@pytest.mark.deep
@pytest.mark.timeout(900)
async def test_replicas_that_are_restarted_in_turn_lose_no_request(
    tmp_path: Path, redis_url: str, chroma_url: str
) -> None:
    stores = {"MNEMO_REDIS_URL": redis_url, "MNEMO_CHROMA_URL": chroma_url,
              "MNEMO_CHROMA_SHARDS": "2"}  # fmt: skip
    with ExitStack() as stack:

        def start(port: str = "") -> ServeProcess:
            return stack.enter_context(serve_process(cwd=tmp_path, port=port, **stores))

        replicas = [start() for _ in range(2)]
        url = stack.enter_context(proxy(tmp_path, *(replica.url for replica in replicas)))
        restarted = asyncio.Event()

        async def talk(client: httpx.AsyncClient, user: str) -> int:
            number = 0
            while not restarted.is_set():
                body = {"message": f"Note number {number}.", "thread_id": user}
                answer = await client.post(f"/chat/{user}/default", json=body)
                assert answer.status_code == 200, answer.text
                assert answer.json()["error"] is None
                number += 1
                await asyncio.sleep(0.3)
            return number

        async with httpx.AsyncClient(base_url=url, timeout=100) as client:
            users = ["alex", "blake"]
            talks = [asyncio.create_task(talk(client, user)) for user in users]
            for replica in replicas:
                assert await asyncio.to_thread(replica.stop) in (0, -signal.SIGTERM)
                await asyncio.to_thread(start, replica.url.rpartition(":")[2])
            restarted.set()
            for user, sent in zip(users, await asyncio.gather(*talks), strict=True):
                kept = await client.get(f"/memory/{user}/default/transcript?limit=500")
                said = [turn["messages"][0]["text"] for turn in kept.json()["items"]]
                assert sent > 5 and said == [f"Note number {number}." for number in range(sent)]


def test_every_figure_of_the_dashboard_is_one_that_is_measured() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text("utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = set(re.findall(r"mnemo_\w+", " ".join(queries)))
    measured = {
        sample
        for metric in vars(metrics).values()
        if isinstance(metric, Counter | Histogram)
        for family in metric.describe()
        for sample in (f"{family.name}_total", f"{family.name}_bucket")
    }
    assert len(asked) > 10 and asked <= measured
    labels = {label for query in queries for by in re.findall(r"by \(([\w, ]+)\)", query)
              for label in by.split(", ")}  # fmt: skip
    assert labels <= {"le", "outcome", "step", "store", "call", "part", "error", "layer",
                      "direction", "limit"}  # fmt: skip
