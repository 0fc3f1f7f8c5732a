"""`mnemo serve` as an operator meets it: it starts, answers, and stops without losing a reply."""

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.mnemo_runs import Mnemo, mnemo
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
    with closing(sqlite3.connect(next(tmp_path.rglob("journal.sqlite")))) as journal:
        assert journal.execute("SELECT value FROM marks WHERE name = 'swept'").fetchone()


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--host", "0.0.0.0"], "--allow-anyone"), (["--workers", "2"], "MNEMO_REDIS_URL")],
)
def test_what_must_not_be_served_is_refused_in_one_sentence(
    mnemo: Mnemo, options: list[str], named: str
) -> None:
    done: subprocess.CompletedProcess[str] = mnemo.run("serve", *options)
    assert done.returncode == 2
    assert named in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.deep
def test_why_a_server_cannot_start_is_said_in_one_sentence(mnemo: Mnemo) -> None:
    done = mnemo.run("serve", "--port", "0", env={"MNEMO_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert done.returncode != 0
    assert "No Redis answers" in done.stderr and "Traceback" not in done.stderr
