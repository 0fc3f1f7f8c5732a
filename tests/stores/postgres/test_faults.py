"""Whatever Postgres does, turns go on, say what they lack, and lose nothing."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from domain.owner import Owner
from models.embeddings.open import open_embeddings
from settings import Settings
from stores.errors import StoreUnavailable
from stores.long_term import open_long_term
from tests.support.house import House, Open
from tests.support.mnemo_runs import Mnemo, mnemo
from tests.support.pace import slowness, took
from tests.support.servers.postgres_server import PASSWORD, PostgresServer
from tests.support.stores.every_store import Store, postgres_opener

pytestmark = pytest.mark.deep

__all__ = ["mnemo"]

NS = ("user", "notes")
LIMIT = 1.0
Ends = tuple[Callable[[], None], Callable[[], None]]


@pytest.fixture(params=["sqlite", "redis"])
def backend(request: pytest.FixtureRequest, own_postgres_server: PostgresServer) -> dict[str, Any]:
    """Settings of a Postgres that may go away, beside each home of threads and journal."""
    found: dict[str, Any] = {"postgres_url": own_postgres_server.url(), "store_timeout": LIMIT}
    if request.param == "redis":
        found["redis_url"] = request.getfixturevalue("redis_url")
    return found


@pytest.fixture(params=["gone", "hanging"])
def outage(request: pytest.FixtureRequest, own_postgres_server: PostgresServer) -> Ends:
    """How a server goes, and how it comes back."""
    if request.param == "gone":
        return own_postgres_server.kill, own_postgres_server.start
    return own_postgres_server.pause, own_postgres_server.resume


async def kept(house: House) -> set[str]:
    """Return the first words of every turn in journal and episodes, none of them twice."""
    view = await house.parts.stores.journal.read(Owner("alex"))
    folded = [turn for episode in await house.episodes() for turn in episode.turns]
    assert len({turn.id for turn in folded}) == len(folded)
    every = {turn.id: turn for turn in (*view.turns.values(), *folded)}
    return {turn.messages[0].text for turn in every.values()}


async def test_turns_go_on_without_it_say_so_and_nothing_is_lost(
    open_house: Open, outage: Ends
) -> None:
    goes, comes = outage
    said = [f"Let us speak of mark{number} now" for number in range(1, 25)]
    async with open_house(fold_turns=6, extract_turns=100) as house:
        for text in said[:9]:
            assert (await house.say(text))["degraded"] == []
        assert await house.episodes()
        await asyncio.to_thread(goes)
        for text in said[9:14]:
            begun = time.monotonic()
            result = await house.say(text)
            assert took(begun) < 6 * LIMIT
            assert result["messages"][-1].text.startswith("Reply to")
            assert {"vectors", "memories"} <= set(result["degraded"])
        await asyncio.to_thread(comes)
        house.clock.passes(minutes=4)  # the lease of the window that could not be folded
        back = [await house.say(text) for text in said[14:]]
        assert back[-1]["degraded"] == []
        assert await kept(house) == set(said)
        assert len(await house.episodes()) >= 2
    async with open_house(fold_turns=6, extract_turns=100) as house:
        assert await kept(house) == set(said)


async def test_calls_in_an_outage_end_within_the_limit_and_the_loop_goes_on(
    own_postgres_server: PostgresServer, outage: Ends
) -> None:
    goes, comes = outage
    async with postgres_opener(own_postgres_server.url())(timeout=LIMIT) as store:
        await store.aput(NS, "k", {"text": "red apple"}, index=["text"])
        await asyncio.gather(*(store.aget(NS, "k") for _ in range(20)))
        await asyncio.to_thread(goes)
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        clock = asyncio.ensure_future(tick())
        begun = time.monotonic()
        calls = [store.asearch(NS, query="apple") for _ in range(20)]
        failed = await asyncio.gather(*calls, return_exceptions=True)
        passed = time.monotonic() - begun
        clock.cancel()
        assert took(begun) < LIMIT + 1
        assert all(isinstance(one, StoreUnavailable) for one in failed)
        assert ticks > passed / slowness() / 0.01 / 5
        await asyncio.to_thread(comes)
        await until_it_answers(store)
        found = await asyncio.gather(*(store.aget(NS, "k") for _ in range(30)))
        assert all(found)


async def until_it_answers(store: Store) -> None:
    for _ in range(5):
        try:
            await store.aget(NS, "k")
            return
        except StoreUnavailable:
            continue
    pytest.fail("It does not come back.")


async def test_a_restart_between_two_calls_is_not_noticed(
    own_postgres_server: PostgresServer,
) -> None:
    async with postgres_opener(own_postgres_server.url())() as store:
        await store.aput(NS, "k", {"text": "red apple"}, index=["text"])
        await asyncio.gather(*(store.aget(NS, "k") for _ in range(30)))
        for _ in range(2):
            await asyncio.to_thread(own_postgres_server.kill)
            await asyncio.to_thread(own_postgres_server.start)
            await store.aput(NS, "k2", {"text": "green apple"}, index=["text"])
            found = await asyncio.gather(*(store.aget(NS, "k") for _ in range(30)))
            assert all(found)


async def test_who_gives_up_waiting_leaves_no_connection_behind(
    own_postgres_server: PostgresServer,
) -> None:
    async with postgres_opener(own_postgres_server.url())(timeout=5) as store:
        await store.aput(NS, "k", {"text": "red apple"}, index=["text"])
        await asyncio.to_thread(own_postgres_server.pause)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await asyncio.gather(*(store.aget(NS, "k") for _ in range(12)))
        await asyncio.to_thread(own_postgres_server.resume)
        found = await asyncio.gather(*(store.aget(NS, "k") for _ in range(40)))
        assert all(found)


async def test_what_cannot_be_opened_is_one_sentence_in_time_and_without_the_password(
    own_postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = own_postgres_server
    urls = {
        server.url("nowhere"): 'database "nowhere" does not exist',
        server.url(password=f"{PASSWORD}2"): "password authentication failed",
        f"postgresql://mnemo:{PASSWORD}@127.0.0.1:1/x": "Connection refused",
        f"postgresql://mnemo:{PASSWORD}@127.0.0.1:99999/x": "invalid port",
        f"postgres+psycopg://mnemo:{PASSWORD}@127.0.0.1/x": "must look like",
        f"{PASSWORD}": "must look like",
    }
    with caplog.at_level(logging.DEBUG):
        for url, reason in urls.items():
            await refused(url, reason)
        await asyncio.to_thread(server.pause)
        await refused(server.url(), "does not answer")
        await asyncio.to_thread(server.resume)
    assert PASSWORD not in caplog.text


async def refused(url: str, reason: str) -> None:
    settings = Settings(_env_file=None, postgres_url=url)
    embedding = await open_embeddings(settings)
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable, match=reason) as raised:
        async with open_long_term(settings, embedding):
            pass
    assert took(begun) < 5
    said = str(raised.value)
    assert said.endswith(".") and "\n" not in said and PASSWORD not in said


def test_a_command_says_it_in_one_line(mnemo: Mnemo) -> None:
    env = {"MNEMO_POSTGRES_URL": f"postgresql://mnemo:{PASSWORD}@127.0.0.1:1/memories"}
    done = mnemo.run("facts", env=env)
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "127.0.0.1:1/memories" in done.stderr and PASSWORD not in done.stderr


def test_without_the_extra_one_sentence_names_it() -> None:
    script = """
import asyncio, sys
sys.modules["psycopg"] = None  # as if it were not installed
from models.embeddings.open import open_embeddings
from settings import Settings
from stores.long_term import open_long_term

async def main():
    settings = Settings(_env_file=None, postgres_url="postgresql://h/d")
    async with open_long_term(settings, await open_embeddings(settings)):
        pass

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=250, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "StoreUnavailable" in last and "uv sync --extra postgres" in last
