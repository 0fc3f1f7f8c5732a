"""Whatever a user says, at any length that is taken, keeps the others waiting for a moment only."""

import asyncio
import gc
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage

from domain.tiers import Tier
from graph.chat import build
from graph.parts import open_parts
from nodes.messages.refusal import TurnRefused
from nodes.state import ChatContext, Parts
from service.http.app import create_app
from service.serving import open_serving
from settings import Settings
from stores.maintenance.export import import_user
from tests.stores.maintenance.test_import_refusals import (
    EPISODE,
    HEAD,
    TURN,
    as_bytes,
    export,
)
from tests.support.held_loop import watched

MOST = 0.05
"""Seconds for which text of users may hold the event loop, or Python's lock."""
TRIES = 8
"""What holds them does so each time; what a busy machine adds does not."""
SIZE = 99_000
"""Bytes of a text just under the limit of a message."""
PIECES = [
    "x", ".", "login bob / ", " a", "hello world tea ", "4111 1111 1111 111 ", "4-", "not ",
    "my password to ", "我喜欢喝茶。", "\n", "2026-05-08 ", "sk-", "API_TOKEN=", "😀", '"', "a@",
    "- ", "A. ", "eyJ", "http://", "_-", "I like tea and ", "May ", "Anna ", "my name is ", "```",
    "key:", "/", "forget ", "1.", "7 ", "ab-", "пароль ", "是", "ก", "\u200b", "e\u0301", "x=y&",
    "4.", "4/", "12-", "4\u2011", "\u0664-", "\u096a/", "a-", "1:", "4-4.4/4 ",
]  # fmt: skip
"""What it says again and again: a few tokens, many words, or what a search may stumble over."""

Post = Callable[..., Awaitable[httpx.Response]]


@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("piece", PIECES, ids=repr)
async def test_a_long_text_holds_nobody_up(tmp_path: Path, piece: str) -> None:
    wide = Tier(context_budget=100_000)
    settings = Settings(_env_file=None, data_dir=tmp_path, chroma_shards=2, plus=wide)
    text = piece * (SIZE // len(piece.encode()))
    async with open_parts(settings) as parts:
        app = create_app(lambda: open_serving(parts))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x", timeout=300) as client,
        ):
            # What is loaded at the first turns is not measured.
            for said in ("I like tea", "What do I like?", "I like milk", "x" * 5000, "And now?"):
                await client.post("/chat/first/c", json={"message": said})
            with _what_is_loaded_left_out_of_collections():
                for name, way in WAYS.items():
                    held: list[float] = []
                    while len(held) < TRIES and min(held, default=MOST) >= MOST:
                        held.append(await _held(way, parts, client, text, f"{name}{len(held)}"))
                    assert min(held) < MOST, f"{name}: {held}"


@contextmanager
def _what_is_loaded_left_out_of_collections() -> Iterator[None]:
    """Do as `mnemo serve` and the LangGraph server do: collecting garbage holds the loop, too."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _held(way: Any, parts: Parts, client: httpx.AsyncClient, text: str, user: str) -> float:
    """Return how long the loop was held at most, by a turn and the next one."""
    async with watched() as held:
        await way(parts, client, text, user)
    return held.seconds


async def _message(parts: Parts, client: httpx.AsyncClient, text: str, user: str) -> None:
    await client.post(f"/chat/{user}/c", json={"message": text})
    await client.post(f"/chat/{user}/c", json={"message": "What did I say?"})


async def _persona(parts: Parts, client: httpx.AsyncClient, text: str, user: str) -> None:
    await client.post(f"/chat/{user}/c", json={"message": "Hello", "persona": text})


async def _openai(parts: Parts, client: httpx.AsyncClient, text: str, user: str) -> None:
    system = {"role": "system", "content": text}
    history = [{"role": role, "content": text} for role in ("user", "assistant")]
    newest = {"role": "user", "content": "Hello"}
    for messages in ([system, newest], [*history, newest], [{"role": "user", "content": text}]):
        body = {"model": "m", "user": user, "messages": messages}
        await client.post("/v1/chat/completions", json=body)


async def _graph(parts: Parts, client: httpx.AsyncClient, text: str, user: str) -> None:
    graph: Any = build(parts).compile(checkpointer=parts.stores.checkpointer)
    context = ChatContext(user_id=user, persona=text)
    thread = {"configurable": {"thread_id": user}}
    for said in (text, "Hello"):
        try:
            await graph.ainvoke({"messages": [HumanMessage(said)]}, thread, context=context)
        except TurnRefused:
            await asyncio.sleep(0)


async def _state(parts: Parts, client: httpx.AsyncClient, text: str, user: str) -> None:
    graph: Any = build(parts).compile(checkpointer=parts.stores.checkpointer)
    context, thread = ChatContext(user_id=user), {"configurable": {"thread_id": user}}
    for said in ("Hello", "And now?"):
        with suppress(TurnRefused):  # What was put there is too long for a message, or empty.
            await graph.ainvoke({"messages": [HumanMessage(said)]}, thread, context=context)
        await graph.aupdate_state(thread, {"messages": [HumanMessage(text)]}, as_node="finish")
        await graph.aget_state(thread)


async def _import(parts: Parts, client: httpx.AsyncClient, text: str, user: str) -> None:
    lines = json.loads(json.dumps(export()).replace('"t"', f'"{user}"'))
    lines[HEAD]["user_id"] = user
    for turn in (lines[TURN]["record"], *lines[EPISODE]["record"]["turns"]):
        turn["messages"][0]["text"] = text
    await import_user(parts.stores, as_bytes(lines))
    async with client.stream("GET", f"/memory/{user}/export") as answer:
        assert b"mnemograph-1" in await answer.aread()


WAYS = {"message": _message, "persona": _persona, "v1": _openai, "graph": _graph,
        "state": _state, "import": _import}  # fmt: skip


async def test_what_keeps_pythons_lock_is_seen_and_what_runs_without_it_is_not() -> None:
    letters = 18
    while _seconds(_search, letters) < 2 * MOST:
        letters += 1
    async with watched() as held:
        await asyncio.to_thread(_search, letters)
    assert held.seconds > MOST
    free: list[float] = []
    while len(free) < TRIES and min(free, default=MOST) >= MOST:
        async with watched() as held:
            await asyncio.to_thread(pbkdf2_hmac, "sha256", b"x", b"y", 300_000)
        free.append(held.seconds)
    assert min(free) < MOST


def _search(letters: int) -> None:
    """Do what takes twice as long for each letter more, and keeps the lock."""
    re.search(r"(a|aa)+$", "a" * letters + "b")


def _seconds(work: Callable[[int], None], size: int) -> float:
    begun = time.thread_time()
    work(size)
    return time.thread_time() - begun


async def test_what_is_too_long_is_refused_wherever_it_comes_in(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, chroma_shards=2, message_bytes=1000)
    long = "x" * 1001
    async with open_parts(settings) as parts:
        app = create_app(lambda: open_serving(parts))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            user, system = ({"role": role, "content": long} for role in ("user", "system"))
            hello = {"role": "user", "content": "Hello"}
            reply = {"role": "assistant", "content": long}
            half = {"role": "system", "content": "x" * 600}
            for messages in ([system, hello], [half, half, hello], [user], [hello, reply, hello],
                             [{"role": "user", "content": "x" * 600}] * 2):  # fmt: skip
                body = {"model": "m", "messages": messages}
                answer = await client.post("/v1/chat/completions", json=body)
                assert answer.status_code == 413, answer.text
            for more in ({"message": long}, {"message": "Hello", "persona": long}):
                assert (await client.post("/chat/a/c", json=more)).status_code == 413
        graph: Any = build(parts).compile()
        thread, context = {"configurable": {"thread_id": "t"}}, ChatContext(persona=long)
        with pytest.raises(TurnRefused, match="persona has 1,001 bytes and may have 1,000"):
            await graph.ainvoke({"messages": [HumanMessage("Hello")]}, thread, context=context)
