"""A scriptable OpenAI-compatible server on loopback, for tests of everything that talks to one.

It answers chat completions (streamed or not, with usage, tools and JSON schema), embeddings and
the list of models, and shows every fault of a real provider. It knows nothing of this project.
"""

import asyncio
import json
import threading
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Body = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """A good answer, or nearly one. Streamed word by word when the request asks for a stream."""

    text: str | None = ""
    tool_calls: tuple[tuple[str, Body], ...] = ()
    """(name, arguments) of each call."""
    finish_reason: str | None = None
    """None: "tool_calls" or "stop", whichever fits."""
    refusal: str | None = None
    cut_after: int | None = None
    """Break the connection after so many streamed words."""
    end_after: int | None = None
    """End the stream after so many words, politely but without a finish reason."""
    error_event: Body | None = None
    """End the stream with an error event instead."""
    malformed: bool = False
    """Send what is not JSON."""
    streams: bool = True
    """False: answer whole, though the request asks for a stream."""
    delay: float = 0.0
    """Seconds before the answer, or before each streamed word."""
    usage: bool = True
    counted: Callable[[int], int] = int
    """What the server counts for so many words of a prompt."""


@dataclass(frozen=True)
class Structured:
    """An answer in the form that the request asks for: by JSON schema, or by a call of its tool."""

    value: Any


@dataclass(frozen=True)
class Fault:
    """An error answer."""

    status: int
    message: str = "something is wrong"
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass(frozen=True)
class Events:
    """A stream of just these events: JSON, a line as it is, or seconds of silence."""

    events: tuple[Any, ...]
    again: int = 1
    """How often they come."""


@dataclass(frozen=True)
class Raw:
    """These bytes, whatever was asked for."""

    body: str | bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    stays: float | None = None
    """Seconds for which the connection stays open then; None: it ends as it should."""
    breaks: bool = False
    """Whether the connection breaks then."""


Behaviour = Reply | Structured | Fault | Events | Raw


def too_long(message: str = "too long", code: str | None = "context_length_exceeded") -> Fault:
    """Return the answer to a prompt that does not fit."""
    return Fault(400, message, code)


class OpenAIServer:
    """The server as a test sees it: what it was asked, and what it shall answer next."""

    def __init__(self) -> None:
        """Make one; its address is known once it runs."""
        self.url = ""
        """Where it listens; the OpenAI endpoint is `/v1` below."""
        self.forget()

    def forget(self) -> None:
        """Forget what was asked and scripted: a test begins."""
        self.requests: list[Body] = []
        """Bodies of all chat requests, in order."""
        self.headers: list[dict[str, str]] = []
        self.embedded: list[list[str]] = []
        """The texts of each embeddings request, in order."""
        self.queue: deque[Behaviour] = deque()
        self.embedding_faults: deque[Fault] = deque()
        self.dimensions = 8
        self.models = ["test-model"]
        self.tags: Body | None = None
        """What Ollama's own list of models says; None: this is not Ollama."""
        self.shown: Body | None = None
        """What Ollama says of a model; None: this is not Ollama."""
        self.default: Callable[[Body], Behaviour] = lambda body: Reply("Hello there.")

    def answers(self, *behaviours: Behaviour | str) -> None:
        """Answer the next chat requests so, in this order; after that, by `default`."""
        self.queue.extend(Reply(b) if isinstance(b, str) else b for b in behaviours)

    async def asked(self, count: int) -> None:
        """Wait until so many chat requests have come in all."""
        for _ in range(10_000):
            if len(self.requests) >= count:
                return
            await asyncio.sleep(0.01)
        raise TimeoutError(f"{count} requests did not come")

    def prompt(self, index: int = -1) -> str:
        """Return all text of one recorded prompt."""
        return "\n".join(str(m.get("content")) for m in self.requests[index]["messages"])

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        body: Body = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        behaviour = self.queue.popleft() if self.queue else self.default(body)
        if isinstance(behaviour, Structured):
            behaviour = _in_form(behaviour.value, body)
        if isinstance(behaviour, Fault):
            return await _fault(behaviour)
        if isinstance(behaviour, Raw):
            return StreamingResponse(_raw(behaviour), behaviour.status, behaviour.headers)
        if isinstance(behaviour, Events):
            return StreamingResponse(_events(behaviour), media_type="text/event-stream")
        if body.get("stream") and behaviour.streams:
            return StreamingResponse(_stream(behaviour, body), media_type="text/event-stream")
        await asyncio.sleep(behaviour.delay)
        if behaviour.malformed:
            return Response('{"choices": [', media_type="application/json")
        choice = {"index": 0, "message": _message(behaviour), "finish_reason": _finish(behaviour)}
        usage = {"usage": _usage(behaviour, body)} if behaviour.usage else {}
        return JSONResponse(_envelope(body, "chat.completion", [choice]) | usage)

    async def embeddings(self, request: Request) -> Response:
        """POST /v1/embeddings: each word adds to one dimension, so like texts are alike."""
        body: Body = await request.json()
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        self.embedded.append(texts)
        if self.embedding_faults:
            return await _fault(self.embedding_faults.popleft())
        size = body.get("dimensions") or self.dimensions
        data = [
            {"object": "embedding", "index": index, "embedding": _vector(str(text), size)}
            for index, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return JSONResponse(
            {"object": "list", "model": body["model"], "data": data, "usage": usage}
        )

    async def list_models(self, request: Request) -> Response:
        """GET /v1/models."""
        data = [{"id": name, "object": "model"} for name in self.models]
        return JSONResponse({"object": "list", "data": data})

    async def list_tags(self, request: Request) -> Response:
        """GET /api/tags, as Ollama has it."""
        return Response(status_code=404) if self.tags is None else JSONResponse(self.tags)

    async def show(self, request: Request) -> Response:
        """POST /api/show, as Ollama has it."""
        return Response(status_code=404) if self.shown is None else JSONResponse(self.shown)

    async def list_loaded(self, request: Request) -> Response:
        """GET /api/ps, as Ollama has it: nothing is loaded."""
        return JSONResponse({"models": []})

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/embeddings", self.embeddings, methods=["POST"]),
                Route("/v1/models", self.list_models),
                Route("/api/tags", self.list_tags),
                Route("/api/show", self.show, methods=["POST"]),
                Route("/api/ps", self.list_loaded),
            ]
        )


async def _fault(fault: Fault) -> Response:
    await asyncio.sleep(fault.delay)
    error = {"message": fault.message, "type": "error", "param": None, "code": fault.code}
    return JSONResponse({"error": error}, fault.status, headers=fault.headers)


def _in_form(value: Any, body: Body) -> Reply:
    if tools := body.get("tools"):
        return Reply(None, tool_calls=((tools[0]["function"]["name"], value),))
    return Reply(json.dumps(value))


def _message(reply: Reply) -> Body:
    message: Body = {"role": "assistant", "content": reply.text}
    if reply.refusal:
        message["refusal"] = reply.refusal
    if reply.tool_calls:
        message["tool_calls"] = _calls(reply)
    return message


def _calls(reply: Reply) -> list[Body]:
    return [
        {
            "index": index,
            "id": f"call-{index}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for index, (name, arguments) in enumerate(reply.tool_calls)
    ]


def _finish(reply: Reply) -> str:
    return reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")


def _usage(reply: Reply, body: Body) -> Body:
    """Count words: what matters is that the numbers arrive."""
    read = reply.counted(sum(len(str(m.get("content")).split()) for m in body["messages"]))
    written = len((reply.text or "").split())
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }


def _envelope(body: Body, kind: str, choices: list[Body]) -> Body:
    return {
        "id": "chat-1",
        "object": kind,
        "created": 1,
        "model": body["model"],
        "choices": choices,
    }


async def _events(script: Events) -> AsyncIterator[str]:
    for _ in range(script.again):
        for event in script.events:
            if isinstance(event, float):
                await asyncio.sleep(event)
            else:
                yield f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n"


async def _raw(script: Raw) -> AsyncIterator[str | bytes]:
    yield script.body
    if script.stays:
        await asyncio.sleep(script.stays)
    if script.breaks:
        raise asyncio.CancelledError


async def _stream(reply: Reply, body: Body) -> AsyncIterator[str]:
    def event(delta: Body, finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps(_envelope(body, 'chat.completion.chunk', [choice]))}\n\n"

    yield event({"role": "assistant", "content": ""})
    if reply.malformed:
        yield "data: {not json\n\n"
        return
    words = (reply.text or "").split(" ")
    for count, word in enumerate(words):
        await asyncio.sleep(reply.delay)
        if count == reply.cut_after:
            raise asyncio.CancelledError  # the server drops the connection in mid-answer
        if count == reply.end_after:
            return
        yield event({"content": word if count == 0 else f" {word}"})
    if reply.error_event:
        yield f"data: {json.dumps({'error': reply.error_event})}\n\n"
        return
    if reply.tool_calls:
        yield event({"tool_calls": _calls(reply)})
    if reply.refusal:
        yield event({"refusal": reply.refusal})
    yield event({}, _finish(reply))
    if reply.usage and (body.get("stream_options") or {}).get("include_usage"):
        closing = _envelope(body, "chat.completion.chunk", []) | {"usage": _usage(reply, body)}
        yield f"data: {json.dumps(closing)}\n\n"
    yield "data: [DONE]\n\n"


def _vector(text: str, size: int) -> list[float]:
    vector = [0.0] * size
    for word in text.casefold().split():
        vector[zlib.crc32(word.encode()) % size] += 1.0
    length = sum(x * x for x in vector) ** 0.5 or 1.0
    return [x / length for x in vector]


@contextmanager
def running_openai_server() -> Iterator[OpenAIServer]:
    """Run a server in a thread until the end."""
    server = OpenAIServer()
    config = uvicorn.Config(
        server.app(),
        host="127.0.0.1",
        port=0,
        log_level="critical",
        lifespan="off",
        ws="none",
        timeout_keep_alive=75,
    )
    runner = uvicorn.Server(config)
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    while not runner.started:
        thread.join(0.01)
        assert thread.is_alive(), "the test server did not start"
    port = runner.servers[0].sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        runner.should_exit = runner.force_exit = True
        thread.join(5)


@pytest.fixture(scope="session")
def openai_server_process() -> Iterator[OpenAIServer]:
    with running_openai_server() as server:
        yield server


@pytest.fixture
def openai_server(openai_server_process: OpenAIServer) -> OpenAIServer:
    """The loopback server, with nothing scripted: one server a session, its state a test."""
    openai_server_process.forget()
    return openai_server_process
