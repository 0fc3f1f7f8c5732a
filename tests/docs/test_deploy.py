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
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import Counter, Histogram

from service.ops.misnamed import misnamed
from service.usage import metrics
from settings import Settings
from tests.support.house import is_reply, message_in
from tests.support.mnemo_runs import Mnemo, mnemo
from tests.support.servers.openai_server import (
    Behaviour,
    Body,
    OpenAIServer,
    Reply,
    Structured,
)
from tests.support.servers.serve_process import ServeProcess, free_port, serve_process

__all__ = ["mnemo"]

ROOT = Path(__file__).parents[2]
COLLECTED = re.compile(r"I collect (\w+)")
FILES = ["Dockerfile", "compose.yaml", "deploy/kubernetes.yaml"]
COMPOSE: Any = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))


def test_every_setting_that_is_set_exists() -> None:
    known = {f"MNEMO_{name}".upper() for name in Settings.model_fields}
    for name in FILES:
        text = re.sub(r"#.*", "", (ROOT / name).read_text("utf-8"))
        assert set(re.findall(r"\bMNEMO_[A-Z_]+", text)) <= known


def test_what_kubernetes_calls_after_a_service_is_taken_for_no_setting() -> None:
    deployment, service = yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text("utf-8"))
    variable = f"{service['metadata']['name']}_SERVICE_HOST".upper()
    pod = deployment["spec"]["template"]["spec"]
    assert not misnamed([variable]) or pod["enableServiceLinks"] is False


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


def noted(body: Body) -> Behaviour:
    """Note each thing that is collected, and repeat it in a summary and a reply."""
    data = str(body["messages"][-1]["content"])
    if is_reply(body):
        return Reply(f"So you say: {message_in(body)}")
    if "response_format" not in body:
        return Reply("They spoke of " + " and ".join(dict.fromkeys(COLLECTED.findall(data))) + ".")
    if "facts" not in str(body["response_format"]):
        return Structured({"value": 1.0, "missing": []})
    plain = {"op": "add", "target": None, "kind": "preference", "subject": "user", "slot": None,
             "when": None}  # fmt: skip
    facts = [
        plain | {"text": f"The user collects {thing}.", "source": source}
        for source, text in re.findall(r"^(m\d+) [^:]*: (.*)$", data, re.MULTILINE)
        for thing in COLLECTED.findall(text)
    ]
    return Structured({"facts": facts, "entities": []})


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
async def test_two_replicas_behind_a_proxy_remember_as_one_and_lose_nothing_to_kills(
    tmp_path: Path, redis_url: str, chroma_url: str, openai_server: OpenAIServer
) -> None:
    slow: list[str] = []
    asked: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def scripted(body: Body) -> Behaviour:
        """Answer at once, but at leisure where the replica is to be killed; say which one asks."""
        kind = "reply" if is_reply(body) else "summary"
        if kind in slow and "response_format" not in body:
            slow.remove(kind)
            loop.call_soon_threadsafe(asked.put_nowait, str(body["model"]))
            return Reply("word " * 100, delay=0.1 if body.get("stream") else 10.0)
        return noted(body)

    openai_server.default = scripted
    stores = {
        "OPENAI_BASE_URL": f"{openai_server.url}/v1",
        "MNEMO_REDIS_URL": redis_url,
        "MNEMO_CHROMA_URL": chroma_url,
        "MNEMO_CHROMA_SHARDS": "2",
        "MNEMO_FOLD_TURNS": "4",
        "MNEMO_EXTRACT_TURNS": "2",
        "MNEMO_MODEL_RETRIES": "0",
    }
    with ExitStack() as stack:

        def start(model: str, port: str = "") -> ServeProcess:
            named = stores | {"MNEMO_CHAT_MODEL": model}
            return stack.enter_context(serve_process(cwd=tmp_path, port=port, **named))

        replicas = {model: start(model) for model in ("one", "two")}
        url = stack.enter_context(proxy(tmp_path, *(each.url for each in replicas.values())))
        async with httpx.AsyncClient(timeout=60) as client:

            async def say(place: str, user: str, message: str) -> str:
                body = {"message": message, "thread_id": user, "stream": True}
                answer = await client.post(f"{place}/chat/{user}/default", json=body)
                assert answer.status_code == 200 and '"error": null' in answer.text, answer.text
                return answer.text

            async def memories(user: str, what: str) -> list[Any]:
                shown = await client.get(
                    f"{url}/memory/{user}/default/{what}", params={"limit": 500, "evidence": True}
                )
                return list(shown.json()["items"])

            async def talk(user: str, *places: str) -> None:
                for number in range(40):
                    await say(places[number % len(places)], user, f"I collect thing{number}.")

            places = [each.url for each in replicas.values()]
            await asyncio.gather(talk("alex", *places), talk("blake", places[0]))
            for what, text in (("episodes", "summary"), ("facts", "text")):
                ours = [memory[text] for memory in await memories("alex", what)]
                theirs = [memory[text] for memory in await memories("blake", what)]
                assert ours == theirs and len(ours) > 5

            said: list[str] = []
            for kind in ("reply", "summary"):
                slow.append(kind)
                killed = None
                while killed is None:
                    message = f"I collect {kind}{len(said)}."
                    said.append(message)
                    turn = asyncio.create_task(say(url, "casey", message))
                    died = asyncio.create_task(asked.get())
                    await asyncio.wait([turn, died], return_when=asyncio.FIRST_COMPLETED)
                    if died.done():
                        killed = died.result()
                    died.cancel()
                    if turn.done():
                        turn.result()
                victim = replicas[killed]
                await asyncio.sleep(0.3)
                victim.process.send_signal(signal.SIGKILL)
                with pytest.raises((httpx.TransportError, AssertionError)):
                    await turn
                kept = [t["messages"][0]["text"] for t in await memories("casey", "transcript")]
                if message not in kept:
                    await say(url, "casey", message)
                await asyncio.to_thread(victim.process.wait)
                replicas[killed] = start(killed, victim.url.rpartition(":")[2])
            for number in range(8):
                said.append(f"I collect last{number}.")
                await say(url, "casey", said[-1])
            kept = [t["messages"][0]["text"] for t in await memories("casey", "transcript")]
            assert kept == said


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
async def test_what_a_replica_answers_with_an_error_is_not_said_to_the_other_one(
    tmp_path: Path,
) -> None:
    asked = 0

    async def failing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    ports = free_port(), free_port()
    async with AsyncExitStack() as stack:
        for port in ports:
            server = await asyncio.start_server(failing, "127.0.0.1", port)
            await stack.enter_async_context(server)
        url = stack.enter_context(proxy(tmp_path, *(f"http://127.0.0.1:{port}" for port in ports)))
        await asyncio.sleep(1)
        async with httpx.AsyncClient(base_url=url) as client:
            assert [(await client.post("/chat")).status_code for _ in range(4)] == [503] * 4
    assert asked == 4


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
