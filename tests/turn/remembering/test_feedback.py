"""LangSmith: where tracing is on, runs carry what a person finds them by, and summaries scores."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from langsmith import Client
from langsmith.run_helpers import tracing_context

from domain.owner import Owner
from tests.support.house import Open


class LangSmith(ThreadingHTTPServer):
    """A LangSmith on loopback that keeps what feedback it is given."""

    def __init__(self) -> None:
        self.feedback: list[dict[str, Any]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        """The runs by id, as last written."""
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: LangSmith

    def do_GET(self) -> None:
        project: dict[str, Any] = {
            "id": str(UUID(int=1)),
            "name": "default",
            "tenant_id": str(UUID(int=2)),
        }
        project |= {"start_time": "2026-05-08T12:00:00Z", "reference_dataset_id": None}
        asked = "/sessions" in self.path
        self._answer(json.dumps([project] if asked else {}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/feedback"):
            self.server.feedback.append(json.loads(body))
        elif self.path.startswith("/runs"):
            run = json.loads(body)
            self.server.runs.setdefault(run["id"], {}).update(run)
        self._answer(body if self.path.endswith("/feedback") else b"{}")

    do_PATCH = do_POST

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def langsmith() -> Iterator[LangSmith]:
    server = LangSmith()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("backend", [{}], ids=["embedded"])
async def test_a_traced_run_carries_whose_it_is_what_it_cost_and_how_good_its_summary_is(
    open_house: Open, langsmith: LangSmith
) -> None:
    client = Client(
        api_url=f"http://127.0.0.1:{langsmith.server_port}", api_key="x", auto_batch_tracing=False
    )
    async with open_house(fold_turns=4, extract_turns=100) as house:
        await house.talk(1, 3)
        assert langsmith.feedback == []
        with tracing_context(enabled=True, client=client):
            await house.talk(4, 4)
    client.close()
    sent = {score["key"]: score["score"] for score in langsmith.feedback}
    assert set(sent) == {"summary_coverage", "summary_score"}
    assert all(score["run_id"] for score in langsmith.feedback)
    labels = {run["name"]: run["extra"]["metadata"] for run in langsmith.runs.values()}
    assert labels["generate"]["user"] == Owner("alex").user_key
    assert labels["assemble_context"]["tokens_buffer"] > 0
    assert labels["summarize"]["episode"] and labels["summarize"]["folded_turns"] > 0
    assert "alex" not in json.dumps(labels)
