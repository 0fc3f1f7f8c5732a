"""A whole Mnemograph for tests: real stores, the scriptable model server, and a clock to turn."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig

from domain.owner import Owner
from graph.chat import build
from graph.parts import open_parts
from nodes.state import ChatContext, Parts
from settings import Settings
from tests.support.deep import deep
from tests.support.servers.openai_server import Behaviour, Body, OpenAIServer, Reply, Structured

MARKER = re.compile(r"mark\d+[a-z]*")


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 5, 8, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def passes(self, **span: float) -> None:
        self.at += timedelta(**span)


def is_reply(body: Body) -> bool:
    """Return whether a request asks for a reply, rather than for memory work."""
    return "memory of a chat agent" not in str(body["messages"][0]["content"])


def message_in(body: Body) -> str:
    """Return the message that a request for a reply asks to answer, without what is remembered."""
    return str(body["messages"][-1]["content"]).rpartition("</memory")[2].partition(">\n\n")[2]


def answer(body: Body) -> Behaviour:
    """Reply to what was said; summarize by the markers that the window holds; know no facts."""
    if is_reply(body):
        return Reply(f"Reply to {message_in(body)[:40]}.")
    if "response_format" in body or "tools" in body:
        schema = str(body.get("response_format") or body.get("tools"))
        empty: dict[str, Any] = {"facts": [], "entities": []}
        return Structured(empty if "facts" in schema else {"value": 1.0, "missing": []})
    window = str(body["messages"][-1]["content"])
    return Reply("They spoke of " + ", ".join(dict.fromkeys(MARKER.findall(window))) + ".")


class House:
    """One process of the product, and what a test does with it."""

    def __init__(self, parts: Parts, clock: Clock, server: OpenAIServer) -> None:
        self.parts, self.clock, self.server = parts, clock, server
        self.graph = build(parts).compile(
            checkpointer=parts.stores.checkpointer, store=parts.stores.long_term
        )

    @staticmethod
    def config(thread: str = "t") -> RunnableConfig:
        return {"configurable": {"thread_id": thread}}

    async def say(
        self,
        text: str | list[Any] | None,
        thread: str = "t",
        *,
        user: str = "alex",
        at: RunnableConfig | None = None,
        durability: Any = "async",
        **context: Any,
    ) -> dict[str, Any]:
        """Run a turn; `at` a checkpoint's config to edit or, without text, to regenerate."""
        message: Any = {"messages": [HumanMessage(text, id=uuid4().hex)]} if text else None
        self.clock.passes(seconds=20)
        result = await self.graph.ainvoke(
            message,
            at or self.config(thread),
            context=ChatContext(user_id=user, **context),
            durability=durability,
        )
        return dict(result)

    async def talk(
        self, first: int, last: int, thread: str = "t", **more: Any
    ) -> list[RunnableConfig]:
        """Say mark1, mark2, ... one a turn; return the checkpoint after each."""
        after = []
        for number in range(first, last + 1):
            await self.say(f"Let us speak of mark{number} now", thread, **more)
            after.append(await self.here(thread))
        return after

    def prompt(self) -> str:
        """Return the text of the last prompt that asked for a reply."""
        streamed = [body for body in self.server.requests if is_reply(body)]
        return "\n".join(str(m["content"]) for m in streamed[-1]["messages"])

    def shown(self) -> set[str]:
        """Return the markers in the last prompt."""
        return set(MARKER.findall(self.prompt()))

    async def here(self, thread: str = "t") -> RunnableConfig:
        """Return the thread's newest checkpoint, to come back to."""
        return (await self.graph.aget_state(self.config(thread))).config

    async def episodes(self, user: str = "alex") -> list[Any]:
        view = await self.parts.stores.journal.read(Owner(user))
        return list(await self.parts.stores.memories.episodes(Owner(user), view.generation))


Open = Callable[..., Any]


def settings_for(server: OpenAIServer, data_dir: Path, **more: Any) -> Settings:
    """Return settings that use the model server and the default embeddings."""
    usual: dict[str, Any] = {
        "openai_base_url": f"{server.url}/v1",
        "chat_model": "test-model",
        "data_dir": data_dir,
        "chroma_shards": 2,
        "model_retries": 0,
        "model_timeout": 5,
        "search_memory": False,
    }
    return Settings(_env_file=None, **{**usual, **more})


@pytest.fixture(params=["embedded", deep("servers")])
def backend(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of the stores: embedded, or real Redis and a real Chroma server."""
    if request.param == "embedded":
        return {}
    return {
        "redis_url": request.getfixturevalue("redis_url"),
        "chroma_url": request.getfixturevalue("chroma_url"),
    }


@pytest.fixture(params=["embedded", deep("servers"), deep("postgres")])
def every_backend(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of all stores there are: SQLite and Chroma, Redis and Chroma, Redis and Postgres."""
    if request.param == "embedded":
        return {}
    redis = {"redis_url": request.getfixturevalue("redis_url")}
    if request.param == "servers":
        return redis | {"chroma_url": request.getfixturevalue("chroma_url")}
    return redis | {"postgres_url": request.getfixturevalue("postgres_url")}


@pytest.fixture
def open_house(openai_server: OpenAIServer, tmp_path: Path, backend: dict[str, Any]) -> Open:
    """Return an async context manager that opens a house; the same stores each time."""
    openai_server.default = answer

    @asynccontextmanager
    async def opened(**more: Any) -> AsyncIterator[House]:
        clock = more.pop("clock", None) or Clock()
        settings = settings_for(openai_server, tmp_path / "data", **{**backend, **more})
        async with open_parts(settings) as parts:
            yield House(replace(parts, now=clock), clock, openai_server)

    return opened
