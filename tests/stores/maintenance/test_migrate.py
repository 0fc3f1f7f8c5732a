"""Promises of moving memories between Chroma and Postgres: whole, counted, resumable."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from langgraph.store.base import PutOp

from models.embeddings.open import open_embeddings
from service.ops.reindex import BetweenStores, Reindexed, reindex
from settings import Settings
from stores.errors import StoreMismatch, StoreUnavailable
from stores.long_term import open_long_term
from stores.maintenance.migrate import Progress, between, migrate
from tests.support.mnemo_runs import Mnemo, mnemo
from tests.support.servers.postgres_server import PASSWORD
from tests.support.stores.every_store import OpenStore, Store, opener_at

pytestmark = pytest.mark.deep

__all__ = ["mnemo"]

Items = dict[tuple[tuple[str, ...], str], Any]
BOTH_WAYS = [("embedded", "postgres"), ("server", "postgres"), ("postgres", "embedded")]


def silent(_done: int, _total: int) -> None:
    pass


class Interrupted(Exception):
    pass


def stopping_at(number: int) -> Progress:
    def progress(done: int, total: int) -> None:
        if done >= number:
            raise Interrupted

    return progress


async def fill(store: Store) -> None:
    users = [f"user{n}" for n in range(12)]
    await store.abatch(
        [
            PutOp((user, "notes"), f"k{n}", {"text": f"{user} word{n} common"}, ["text"])
            for user in users
            for n in range(15)
        ]
        + [PutOp((user, "many"), "k", {"parts": [user, "two"]}, ["parts[*]"]) for user in users]
        + [PutOp((user, "plain"), "k", {"text": "unseen"}, False) for user in users]
        + [PutOp(("odd\ud800",), "\x00", {"nul\x00": "\udfff"}, False)]
    )


async def everything(store: Store) -> Items:
    found = {(s.item.namespace, s.item.key): s.item.value async for s in store.rows()}
    return {place: value for place, value in found.items() if place[0] != ("mnemo-move",)}


async def nearest(store: Store) -> list[tuple[str, float]]:
    found = await store.asearch(("user3",), query="user3 word7 two", limit=40)
    return sorted((f"{one.namespace}/{one.key}", round(one.score or 0.0, 5)) for one in found)


@pytest.fixture(params=BOTH_WAYS, ids="-".join)
def ways(request: pytest.FixtureRequest, tmp_path: Any) -> tuple[OpenStore, OpenStore]:
    """Openers of a store that is moved from, and of an empty one that is moved to."""
    here, there = request.param
    return opener_at(here, request, tmp_path), opener_at(there, request, tmp_path)


async def moved(source: Store, target: Store, progress: Progress = silent) -> int:
    move = await between(source, target, here="Chroma here", there="Postgres there", how="go there")
    return await migrate(*move, progress) if move else 0


async def test_everything_is_moved_with_what_it_is_found_by(
    ways: tuple[OpenStore, OpenStore],
) -> None:
    here, there = ways
    async with here() as source, there() as target:
        await fill(source)
        before, found = await everything(source), await nearest(source)
        steps: list[tuple[int, int]] = []
        assert await moved(source, target, lambda *step: steps.append(step)) == len(before) == 205
        assert steps[-1] == (205, 205) and len(steps) == 5
        assert await everything(target) == await everything(source) == before
        assert await nearest(target) == found
        assert await target.count() == 205
        assert await moved(source, target) == 0, "it was done already"
        assert {
            one.key for one in await target.asearch(("user3", "plain"), query="unseen")
        } == set()


async def test_an_interruption_loses_nothing_and_the_same_again_finishes(
    ways: tuple[OpenStore, OpenStore],
) -> None:
    here, there = ways
    chance = random.Random(7)
    async with here() as source:
        await fill(source)
        for stop in (50, 150, 100, 190):
            async with there() as target:
                with pytest.raises(Interrupted):
                    await moved(source, target, stopping_at(stop))
            changed = f"user{chance.randrange(12)}"
            await source.aput((changed, "notes"), "k3", {"text": f"at {stop}"}, index=["text"])
            await source.adelete((changed, "notes"), f"k{4 + chance.randrange(10)}")
        before = await everything(source)
        async with there() as target:
            assert await moved(source, target) == len(before)
            assert await everything(target) == before == await everything(source)
            assert await nearest(target) == await nearest(source)


async def test_a_store_with_memories_of_its_own_is_not_overwritten(
    ways: tuple[OpenStore, OpenStore],
) -> None:
    here, there = ways
    async with here() as source, there() as target:
        await fill(source)
        await target.aput(("mine",), "k", {"text": "keep me"})
        with pytest.raises(StoreMismatch, match="holds 1 memories of its own"):
            await moved(source, target)
        assert await everything(target) == {(("mine",), "k"): {"text": "keep me"}}


async def test_a_move_is_not_taken_for_done_while_something_still_writes(
    ways: tuple[OpenStore, OpenStore],
) -> None:
    here, there = ways
    async with here() as source, there() as target:
        await fill(source)
        rows = source.rows

        @asynccontextmanager
        async def busy() -> AsyncIterator[None]:
            async def with_a_writer() -> Any:
                async for row in rows():
                    yield row
                await source.aput(("late",), "k", {"n": 1}, index=False)

            source.rows = with_a_writer  # type: ignore[method-assign]  # at once
            yield
            source.rows = rows  # type: ignore[method-assign]  # as it was

        async with busy():
            with pytest.raises(StoreUnavailable, match="Something wrote"):
                await moved(source, target)
        assert await moved(source, target) == 206
        assert (("late",), "k") in await everything(target)


# As a user moves.


@pytest.fixture
def both(tmp_path: Any, postgres_url: str) -> BetweenStores:
    return BetweenStores(_env_file=None, data_dir=tmp_path, postgres_url=postgres_url)


@asynccontextmanager
async def in_use(settings: Settings, kind: str) -> AsyncIterator[Any]:
    """Open long-term memory as the product does with only this store set."""
    url = settings.postgres_url if kind == "postgres" else None
    only = Settings(_env_file=None, data_dir=settings.data_dir, postgres_url=url, chroma_shards=4)
    async with open_long_term(only, await open_embeddings(only)) as store:
        yield store


async def go(settings: BetweenStores, to: str, progress: Progress = silent) -> Reindexed | None:
    return await reindex(settings, 4 if to == "chroma" else None, None, to, progress)


async def test_memories_go_there_and_back_and_what_is_out_of_date_does_not_open(
    both: BetweenStores,
) -> None:
    assert await go(both, "postgres") is None, "there is nothing yet"
    async with in_use(both, "chroma") as store:
        await fill(store)
    with pytest.raises(Interrupted):
        await go(both, "postgres", stopping_at(100))
    with pytest.raises(StoreMismatch, match="run `mnemo reindex --to postgres` until"):
        async with in_use(both, "postgres"):
            pass
    async with in_use(both, "chroma") as store:
        assert len(await everything(store)) == 205
    done = await go(both, "postgres")
    assert done is not None and done.items == 205 and PASSWORD not in str(done)
    with pytest.raises(StoreMismatch, match=r"moved to Postgres at .*: set MNEMO_POSTGRES_URL"):
        async with in_use(both, "chroma"):
            pass
    async with in_use(both, "postgres") as store:
        await store.adelete(("user3", "notes"), "k7")
        await store.aput(("user3", "notes"), "new", {"text": "fresh"}, index=["text"])
        after = await everything(store)
    again = await go(both, "postgres")
    assert again is not None and again.items == 0
    async with in_use(both, "postgres") as store:
        assert await everything(store) == after, "the copy left behind does not come back"
    done = await go(both, "chroma")
    assert done is not None and done.advice[0] == "MNEMO_POSTGRES_URL="
    async with in_use(both, "chroma") as store:
        assert await everything(store) == after, "what was deleted meanwhile is deleted here too"
    with pytest.raises(StoreMismatch, match="unset MNEMO_POSTGRES_URL"):
        async with in_use(both, "postgres"):
            pass


def test_the_settings_may_name_both_only_for_a_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMO_CHROMA_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MNEMO_POSTGRES_URL", "postgresql://h/d")
    with pytest.raises(ValueError, match="are both set"):
        Settings(_env_file=None)
    assert BetweenStores(_env_file=None).chroma_url == "http://127.0.0.1:1"


def test_the_command_moves_and_says_what_to_do(mnemo: Mnemo, postgres_url: str) -> None:
    mnemo.chat(*(f"I drank {number} cups of tea in Oslo" for number in range(13)))
    env = {"MNEMO_POSTGRES_URL": postgres_url}
    done = mnemo.run("reindex", "--to", "postgres", env=env)
    assert done.returncode == 0 and PASSWORD not in done.stdout + done.stderr
    assert "memories moved: they are in Postgres at 127.0.0.1" in done.stdout
    refused = mnemo.run("episodes")
    assert refused.returncode == 1 and "mnemo reindex --to chroma" in refused.stderr
    assert mnemo.json("episodes", env=env)
    rows = {row["name"]: row for row in mnemo.json("doctor", env=env)}
    assert rows["long-term memory"]["state"] == rows["owners"]["state"] == "ok"
    assert "pgvector" in rows["long-term memory"]["text"] and PASSWORD not in str(rows)
    assert mnemo.run("reindex", "--to", "nowhere", env=env).returncode == 1


def test_the_doctor_makes_nothing_in_an_empty_database(mnemo: Mnemo, postgres_url: str) -> None:
    env = {"MNEMO_POSTGRES_URL": postgres_url}
    rows = {row["name"]: row for row in mnemo.json("doctor", env=env)}
    assert "made at the first turn" in rows["long-term memory"]["text"]
    with psycopg.connect(postgres_url) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == (0,)
