"""`mnemo serve` as an operator meets it: it starts, answers, and stops without losing a reply."""

import asyncio
import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from service.http.alone import create
from tests.support.mnemo_runs import Mnemo, mnemo
from tests.support.servers.openai_server import OpenAIServer, Reply
from tests.support.servers.serve_process import serve_process

__all__ = ["mnemo"]


def test_a_server_answers_remembers_and_ends_a_stream_before_it_stops(tmp_path: Path) -> None:
    with serve_process(cwd=tmp_path, MNEMO_SWEEP_EVERY="PT1S") as server:
        said = {"message": "My dog is called Biscuit."}
        first = httpx.post(f"{server.url}/chat/alex/default", json=said, timeout=60)
        assert first.status_code == 200 and first.headers["x-request-id"]
        asked = {"message": "What is my dog called?", "stream": True}
        with httpx.stream("POST", f"{server.url}/chat/alex/default", json=asked, timeout=60) as s:
            sent = s.iter_lines()
            next(sent)
            server.process.send_signal(signal.SIGTERM)
            rest = list(sent)
        assert "Biscuit" in rest[-2] and '"error": null' in rest[-2]
        assert server.process.wait(60) in (0, -signal.SIGTERM)
        lines = server.log.read_text().splitlines()
        logged = [json.loads(line) for line in lines if line.startswith("{")]
        turns = [line for line in logged if line["route"] == "/chat/{user_id}/{character_id}"]
        assert len(turns) == 2 and all("alex" not in json.dumps(line) for line in turns)
        others = [line for line in lines if not line.startswith("{")]
        assert len(others) == 2, "where it serves, and that nobody is asked for a token"
    with closing(sqlite3.connect(next(tmp_path.rglob("journal.sqlite")))) as journal:
        assert journal.execute("SELECT value FROM marks WHERE name = 'swept'").fetchone()


@pytest.mark.parametrize(
    ("options", "env", "named"),
    [
        (["--host", "0.0.0.0"], {}, "--allow-anyone"),
        (["--workers", "2"], {}, "MNEMO_REDIS_URL"),
        ([], {"MNEMO_AUTH_PUBLIC_KEY": "nowhere.pem"}, "neither a public key in PEM form nor"),
    ],
)
def test_what_must_not_be_served_is_refused_in_one_sentence(
    mnemo: Mnemo, options: list[str], env: dict[str, str], named: str
) -> None:
    done: subprocess.CompletedProcess[str] = mnemo.run("serve", *options, env=env)
    assert done.returncode == 2
    assert named in done.stderr and len(done.stderr.strip().splitlines()) == 1


async def test_only_the_web_pages_that_are_named_may_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMO_CORS_ORIGINS", '["https://chat.example"]')
    transport = httpx.ASGITransport(create())
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-thread-id",
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://alone") as client:
        for origin, allowed in (("https://chat.example", True), ("https://other.example", False)):
            named = {"origin": origin}
            first = await client.options("/v1/chat/completions", headers=named | asked)
            then = await client.get("/openapi.json", headers=named)
            for answer in (first, then):
                assert answer.headers.get("access-control-allow-origin") == (
                    origin if allowed else None
                )
            named["sec-fetch-site"] = "cross-site"
            changed = await client.post("/docs", headers=named)  # which can be changed by nobody
            assert changed.status_code == (405 if allowed else 403)
            from_a_program = await client.post("/docs", headers=named, json={})
            assert from_a_program.status_code == 405
            assert "retry-after" in then.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"origin": "http://other.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://alone:81"}, 403),
        ({"origin": "http://alone"}, 405),
        ({"origin": "https://chat.example", "x-forwarded-host": "chat.example"}, 405),
        ({"origin": "http://elsewhere", "sec-fetch-site": "same-origin"}, 405),
        ({}, 405),
    ],
)
async def test_over_plain_http_the_origin_tells_a_page_of_another_site(
    sent: dict[str, str], status: int
) -> None:
    transport = httpx.ASGITransport(create())
    async with httpx.AsyncClient(transport=transport, base_url="http://alone") as client:
        posted = await client.post("/docs", headers=sent)  # which can be changed by nobody
        assert posted.status_code == status


@pytest.mark.parametrize(
    ("at", "named", "status"),
    [
        ("127.0.0.1", "rebound.example:8000", 421),
        ("[::1]", "rebound.example", 421),
        ("127.0.0.1", "127.0.0.1.rebound.example", 421),
        ("127.0.0.1", "localhost.", 200),
        ("127.0.0.1", "LOCALHOST:8000", 200),
        ("127.0.0.1", "[::1]:8000", 200),
        ("127.0.0.1", "192.168.0.7:8000", 200),
        ("127.0.0.1", "host.docker.internal:8000", 200),
        ("127.0.0.1", "mnemo:8000", 200),
        ("127.0.0.1", "chat.example", 200),
        ("127.0.0.1", "nas.local:8000", 200),
        ("127.0.0.1", "pi.home.arpa", 200),
        ("172.17.0.2", "rebound.example", 200),
    ],
)
@pytest.mark.parametrize("path", ["/openapi.json", "/inspector/static/page.js"])
async def test_a_site_that_gives_its_own_name_to_this_machine_reads_nothing(
    monkeypatch: pytest.MonkeyPatch, at: str, named: str, status: int, path: str
) -> None:
    monkeypatch.setenv("MNEMO_CORS_ORIGINS", '["https://chat.example"]')
    transport = httpx.ASGITransport(create())
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{at}:8000") as client:
        answer = await client.get(path, headers={"host": named})
        assert (answer.status_code == 421) is (status == 421)
    monkeypatch.setenv("MNEMO_AUTH_SECRET", "s" * 32)
    transport = httpx.ASGITransport(create())
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{at}:8000") as client:
        assert (await client.get("/openapi.json", headers={"host": named})).status_code == 200


@pytest.mark.deep
async def test_workers_that_are_told_to_stop_end_their_streams_and_take_no_more_requests(
    tmp_path: Path, redis_url: str, chroma_url: str, openai_server: OpenAIServer
) -> None:
    openai_server.answers(Reply("one two three four five six seven eight", delay=0.5))
    stores = {"MNEMO_REDIS_URL": redis_url, "MNEMO_CHROMA_URL": chroma_url,
              "OPENAI_BASE_URL": f"{openai_server.url}/v1", "MNEMO_CHAT_MODEL": "scripted",
              "MNEMO_CHROMA_SHARDS": "2", "TMPDIR": str(tmp_path)}  # fmt: skip
    with serve_process("--workers", "2", cwd=tmp_path, **stores) as server:
        asked = {"message": "Count.", "stream": True}
        async with (
            httpx.AsyncClient(base_url=server.url, timeout=60) as client,
            client.stream("POST", "/chat/alex/default", json=asked) as stream,
        ):
            lines = stream.aiter_lines()
            await anext(lines)
            server.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(1.5)  # it looks for signals every half second
            with pytest.raises((httpx.ConnectError, httpx.ReadError)):  # at once, not in time
                await httpx.AsyncClient(timeout=5).get(f"{server.url}/ready")
            rest = [line async for line in lines]
        assert "eight" in rest[-2] and '"error": null' in rest[-2]
        assert server.process.wait(60) == 0
    left = await asyncio.to_thread(lambda: list(tmp_path.glob("mnemo-metrics-*")))
    assert not left


@pytest.mark.deep
def test_why_a_server_cannot_start_is_said_in_one_sentence(mnemo: Mnemo) -> None:
    done = mnemo.run("serve", "--port", "0", env={"MNEMO_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert done.returncode != 0
    assert "No Redis answers" in done.stderr and "Traceback" not in done.stderr
