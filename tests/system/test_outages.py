"""A server goes away at the start, between two turns, or within one, and comes back."""

import asyncio
import re
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from graph.parts import open_parts
from stores.errors import StoreUnavailable
from tests.support.deep import deep
from tests.support.house import House, Open, is_reply, settings_for
from tests.support.pace import took
from tests.support.servers.chroma_server import ChromaServer
from tests.support.servers.openai_server import Body, OpenAIServer, Reply
from tests.support.servers.redis_stack import RedisStack

Ends = tuple[Callable[[], None], Callable[[], None]]
ALEX = Owner("alex")
HOW = ("killed", deep("hanging"))


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisStack]:
    """A Redis that may go away."""
    with RedisStack() as redis:
        yield redis


async def kept(house: House) -> list[str]:
    """Return the first words of every turn in journal and episodes."""
    view = await house.parts.stores.journal.read(ALEX)
    folded = [turn for episode in await house.episodes() for turn in episode.turns]
    return sorted(turn.messages[0].text for turn in (*view.turns.values(), *folded))


async def is_refused_at_once(house: House, text: str) -> None:
    """Say something that gets no reply, but one sentence within five seconds."""
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable) as raised:
        await house.say(text)
    assert took(begun) < 5
    assert re.fullmatch(r"[^\n]*Redis[^\n]*\.", str(raised.value))


@pytest.mark.parametrize("backend", [{}], ids=["own"])
@pytest.mark.parametrize("how", HOW)
async def test_without_redis_a_turn_is_refused_and_goes_on_when_it_is_back(
    open_house: Open, own_redis: RedisStack, how: str
) -> None:
    goes, comes = _ends(own_redis, how)
    said = [f"{how}: let us speak of mark{number} now" for number in range(12)]
    thread = f"thread-{how}"
    async with open_house(redis_url=own_redis.url, fold_turns=6, extract_turns=100) as house:
        before = await kept(house)
        for text in said[:4]:
            await house.say(text, thread)
        await asyncio.to_thread(goes)
        await is_refused_at_once(house, said[4])
        await is_refused_at_once(house, said[4])
        await asyncio.to_thread(comes)
        for text in said[4:8]:
            await house.say(text, thread)

        def goes_within(body: Body) -> Reply:
            house.server.default = usual
            goes()
            return Reply("Nobody will keep this.")

        usual = house.server.default
        house.server.default = lambda body: goes_within(body) if is_reply(body) else usual(body)
        await is_refused_at_once(house, said[8])
        await asyncio.to_thread(comes)
        for text in said[8:]:
            await house.say(text, thread)
        told = await kept(house)
        assert sorted(set(told)) == sorted([*before, *said])
        # A server that hung with the write before it writes when it goes on, though nobody waits.
        assert len(told) - len(set(told)) <= (how == "hanging")
        assert await house.episodes()


@pytest.mark.parametrize("how", HOW)
async def test_a_redis_that_is_away_at_the_start_is_one_sentence(
    openai_server: OpenAIServer, own_redis: RedisStack, tmp_path: Path, how: str
) -> None:
    goes, comes = _ends(own_redis, how)
    settings = settings_for(openai_server, tmp_path, redis_url=own_redis.url)
    await asyncio.to_thread(goes)
    begun = time.monotonic()
    try:
        with pytest.raises(StoreUnavailable, match=r"^No Redis answers at [^\n]*\.$"):
            async with open_parts(settings):
                pass
        assert took(begun) < 5
    finally:
        await asyncio.to_thread(comes)
    async with open_parts(settings) as parts:
        assert (await parts.stores.journal.read(Owner("nobody"))).turns == {}


@pytest.mark.deep
@pytest.mark.parametrize("backend", [{}], ids=["own"])
@pytest.mark.parametrize("how", HOW)
async def test_without_chroma_turns_go_on_and_say_so_and_lose_nothing(
    open_house: Open, own_chroma_server: ChromaServer, how: str
) -> None:
    goes, comes = _ends(own_chroma_server, how)
    said = [f"Let us speak of mark{number} now" for number in range(1, 19)]
    rules: dict[str, Any] = {"fold_turns": 6, "extract_turns": 100, "store_timeout": 1}
    async with open_house(chroma_url=own_chroma_server.url, **rules) as house:
        for text in said[:8]:
            assert (await house.say(text))["degraded"] == []
        assert await house.episodes()
        await asyncio.to_thread(goes)
        for text in said[8:12]:
            result = await house.say(text)
            assert result["messages"][-1].text.startswith("Reply to") and result["degraded"]
        await asyncio.to_thread(comes)
        house.clock.passes(minutes=4)  # the lease of the window that could not be folded
        back = [await house.say(text) for text in said[12:]]
        assert back[-1]["degraded"] == []
        assert await kept(house) == sorted(said) and len(await house.episodes()) >= 2


@pytest.mark.parametrize("backend", [{}], ids=["embedded"])
@pytest.mark.parametrize("durability", [deep("async"), "exit"])
@pytest.mark.parametrize("file", ["checkpoints.sqlite", "journal.sqlite"])
async def test_a_file_that_another_program_locks_makes_a_turn_wait_once(
    open_house: Open, tmp_path: Path, file: str, durability: str
) -> None:
    async with open_house(store_timeout=1) as house:
        await house.say("Let us speak of mark1 now", durability=durability)
        with closing(sqlite3.connect(tmp_path / "data" / file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            begun = time.monotonic()
            with pytest.raises(StoreUnavailable, match=r"another program is writing"):
                await house.say("Let us speak of mark2 now", durability=durability)
            assert time.monotonic() - begun < 2.5
            other.execute("ROLLBACK")
        await house.say("Let us speak of mark3 now", durability=durability)
        assert {"mark1", "mark3"} <= house.shown() and len(await kept(house)) >= 2


async def test_redis_is_given_up_after_the_time_in_the_settings(
    openai_server: OpenAIServer, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        settings = settings_for(openai_server, tmp_path, redis_url=url, store_timeout=0.5)
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"No Redis answers"):
            async with open_parts(settings):
                pass
        assert time.monotonic() - begun < 2


@pytest.mark.parametrize("backend", [{}], ids=["embedded"])
@pytest.mark.parametrize("days", [deep(-400), 400])
async def test_a_clock_that_jumps_stops_no_fold_and_loses_nothing(
    open_house: Open, days: int
) -> None:
    said = [f"Let us speak of mark{number} now" for number in range(1, 15)]
    async with open_house(fold_turns=6, extract_turns=100) as house:
        for text in said[:5]:
            await house.say(text)
        view = await house.parts.stores.journal.read(ALEX)
        now = house.clock()
        held = await house.parts.stores.journal.claim(
            ALEX,
            None,
            list(view.turns)[:2],
            "t",
            now=now,
            until=now + house.parts.settings.fold_lease,
        )
        assert held is not None  # by a process that ends here
        house.clock.passes(days=days)
        for text in said[5:]:
            await house.say(text)
        assert await kept(house) == sorted(said)
        assert len(await house.episodes()) >= 2


def _ends(server: RedisStack | ChromaServer, how: str) -> Ends:
    """Return how a server goes, and how it comes back."""
    if how == "killed":
        return server.kill, server.start
    return server.pause, server.resume
