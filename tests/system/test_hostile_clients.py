"""A server among hostile clients still answers an honest one, about as fast as alone.

The honest client is measured alone and among the others by turns, in spans of some seconds: what
else the machine does slows both alike, so twice the time is twice, without a constant added. Each
p95 is of some fifty turns or more.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import pytest

from tests.support.servers.dev_server import SECRET, DevServer, bearer, running

ROUNDS = 6
HONEST_SECONDS = 8.0
"""How long the honest client talks alone in each round."""
HOSTILE_SECONDS = 10.0
"""How long it then talks among the others: 60 seconds in all."""
AT = "2026-05-08T12:00:00+00:00"
PAUSE = 0.2
"""Seconds between two attacks: those of a client share this machine's processor with the server."""
SLOWER = 2.0
"""How many times its p95 alone the honest client may wait at its p95."""

Attack = Callable[[httpx.AsyncClient, int], Awaitable[None]]


def said(content: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content, **more}]}


async def large(client: httpx.AsyncClient, number: int) -> None:
    """Send what is too large, in every place that takes something."""
    run = {"assistant_id": "chat", "input": said("Hello")}
    for more in ({"context": {"persona": "x" * 5_000_000}}, {"input": said("x" * 5_000_000)}):
        answer = await client.post("/runs/wait", json=run | more)
        assert answer.status_code == 413
    answer = await client.patch("/%6demory/large/default/facts/x", json={"text": "x" * 5_000_000})
    assert answer.status_code == 413


async def forged(client: httpx.AsyncClient, number: int) -> None:
    """Forge turns that follow themselves, and a state that goes on from one."""
    thread = (await client.post("/threads", json={})).json()["thread_id"]
    stamp = {"turn": "f", "parent": "f", "thread": thread, "seq": 2**63, "index": 0, "at": AT,
             "turn_at": AT}  # fmt: skip
    given = said("Hi", additional_kwargs={"mnemo": stamp})
    run = {"assistant_id": "chat", "input": given}
    await client.post(f"/threads/{thread}/runs/wait", json=run)
    values = {"values": {"head": "f", "owner": "f", **given}}
    await client.post(f"/threads/{thread}/state", json=values)
    await client.post(f"/threads/{thread}/runs/wait", json=run)


async def odd(client: httpx.AsyncClient, number: int) -> None:
    """Ask for pages and paths that no client of ours asks for."""
    for place in (
        "facts?cursor=" + "W1tb" * 5000,
        "transcript?before=%00",
        "search?q=" + "x" * 1999,
    ):
        answer = await client.get(f"/memory/odd/default/{place}")
        assert answer.status_code in (200, 422), answer.text
    await asyncio.sleep(0.05)


async def honest(server: DevServer, seconds: float) -> list[float]:
    """Talk for a while; return how long each turn took."""
    took: list[float] = []
    until = time.monotonic() + seconds
    async with server.client(bearer("honest", tier="plus")) as client:
        thread = (await client.threads.create())["thread_id"]
        while time.monotonic() < until:
            begun = time.monotonic()
            values: Any = await client.runs.wait(thread, "chat", input=said(f"I like tea {begun}"))
            assert values["messages"][-1]["content"]
            took.append(time.monotonic() - begun)
    return took


async def attack(server: DevServer, how: Attack, until: float) -> int:
    """Attack again and again, whatever the server answers; return how often."""
    name, number = how.__name__, 0
    headers = bearer(name, tier="free")
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
        while time.monotonic() < until:
            # A connection may be closed on whoever sends too much.
            with suppress(httpx.TransportError):
                await how(client, number)
            number += 1
            await asyncio.sleep(PAUSE)
    return number


def p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20)[-1]


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_an_honest_client_among_hostile_ones_waits_no_more_than_twice(
    tmp_path: Path,
) -> None:
    settings = {"MNEMO_AUTH_SECRET": SECRET, "MNEMO_FREE__TURNS_PER_MINUTE": "20"}
    with running(tmp_path / "server", settings) as server:
        await honest(server, 3)  # What is loaded at the first turn is not measured.
        alone: list[float] = []
        among: list[float] = []
        counts: list[int] = []
        for _ in range(ROUNDS):
            alone += await honest(server, HONEST_SECONDS)
            until = time.monotonic() + HOSTILE_SECONDS
            others = asyncio.gather(*(attack(server, how, until) for how in (large, forged, odd)))
            among += await honest(server, HOSTILE_SECONDS)
            counts += await others
        assert all(counts), counts
        assert p95(among) <= SLOWER * p95(alone), (p95(among), p95(alone))
