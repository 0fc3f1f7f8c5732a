"""`mnemo doctor` counts and names the rows that another program damaged; a reset removes them."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis

from domain.owner import Owner, digest, owner_to_json
from nodes.messages.refusal import TurnRefused
from service.ops import damaged_rows, doctor
from service.ops.doctor import Check, examine
from service.ops.doctor_stores import checks_of
from settings import Settings
from stores.chroma.client import ChromaLink
from stores.chroma.shard import Shard
from stores.maintenance.erase import forget, reset
from stores.maintenance.export import export_user
from tests.support.house import Open

ALEX, EVE = Owner("alex"), Owner("eve")
BROKEN = "not JSON"


@pytest.fixture(autouse=True)
def time_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine look through everything."""
    monkeypatch.setattr(damaged_rows, "SECONDS", 60.0)
    monkeypatch.setattr(doctor, "ALL_SECONDS", 60.0)


@pytest.fixture
def backend(every_backend: dict[str, Any]) -> dict[str, Any]:
    """Every kind of store there is."""
    return every_backend


def damage_journal(backend: dict[str, Any], data_dir: Path) -> None:
    """Write over a turn, the claim and a ref of Alex, and over all his checkpoints."""
    if "redis_url" in backend:
        base = f"mnemo:{{{ALEX.key}}}:first:"
        with Redis.from_url(backend["redis_url"]) as redis:
            redis.hset(f"{base}turns", redis.hkeys(f"{base}turns")[0], BROKEN)
            redis.hset(f"{base}book", mapping={"claim": BROKEN, 'ref:"t"': "5"})
            for key in redis.scan_iter(match="mnemo:checkpoint-rows:{t}"):
                for name in redis.hkeys(key):
                    if name.startswith(b"checkpoint:"):
                        redis.hset(key, name, BROKEN)
        return
    with closing(sqlite3.connect(data_dir / "journal.sqlite")) as db, db:
        at = "WHERE owner = ?"
        one = f"UPDATE turns SET value = ? {at} AND id = (SELECT min(id) FROM turns {at})"
        db.execute(one, (BROKEN, ALEX.key, ALEX.key))
        for field, value in (("claim", BROKEN), ('ref:"t"', "5")):
            row = (ALEX.key, "first", field, value)
            db.execute("INSERT OR REPLACE INTO book VALUES (?, ?, ?, ?)", row)
    with closing(sqlite3.connect(data_dir / "checkpoints.sqlite")) as db, db:
        db.execute("UPDATE checkpoints SET checkpoint = ? WHERE thread_id = 't'", (b"\x05",))


def damage_memories(backend: dict[str, Any], data_dir: Path) -> None:
    """Write over a memory of Alex; in Chroma also over what says whose another is."""
    if "postgres_url" in backend:
        with psycopg.connect(backend["postgres_url"]) as db:
            db.execute(
                "UPDATE store SET value = '[5]' WHERE ctid = (SELECT min(ctid) FROM store "
                "WHERE starts_with(prefix, %s))",
                (ALEX.user_key,),
            )
        return
    link = ChromaLink.open(
        path=None if "chroma_url" in backend else data_dir / "chroma",
        url=backend.get("chroma_url"),
        timeout=9,
    )
    rows = [
        (collection, row)
        for name, collection in link.collections().items()
        if name != "mnemo-meta"
        for row, metadata in Shard(collection).rows()
        if ALEX.user_key in str(metadata.get("namespace"))
    ]
    (first, one), (second, other) = rows[:2]
    first.update([one], metadatas=[{"value": BROKEN}])
    second.update([other], metadatas=[{"key": "{"}])
    link.close()


async def row_of(settings: Settings) -> Check:
    checks, _ = await examine(settings, *checks_of(settings))
    return next(check for check in checks if check.name == "damaged rows")


@pytest.mark.deep
async def test_damaged_rows_are_counted_named_passed_over_and_removed(
    open_house: Open, backend: dict[str, Any], tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    async with open_house(fold_turns=4, extract_turns=2) as house:
        await house.talk(1, 12)
        await house.talk(20, 21, "e", user="eve")
        settings = house.parts.settings
    assert (await row_of(settings)).state == "ok"
    damage_journal(backend, data_dir)
    damage_memories(backend, data_dir)
    row = await row_of(settings)
    assert row.state == "warn"
    memories = 1 if "postgres_url" in backend else 2
    for part in (f"{memories} of memories", "of journals", "entry claim", "of checkpoints",
                 "of thread t", "alex with default", "mnemo reset"):  # fmt: skip
        assert part in row.text, row.text
    async with open_house(fold_turns=4, extract_turns=2) as house:
        result = await house.say("Go on to mark13")
        assert "mark13" in house.shown() and not house.shown() & {"mark20", "mark21"}
        assert "checkpoints" in result["degraded"]
        await reset(house.parts.stores, ALEX)
        await house.say("Begin with mark90")
        assert house.shown() == {"mark90"}
        await forget(house.parts.stores, "alex")
        await house.say("And mark22", "e", user="eve")
        assert house.shown() == {"mark20", "mark21", "mark22"}
    assert (await row_of(settings)).text == "None was found."


def damage_lists(backend: dict[str, Any], data_dir: Path) -> None:
    """Put the name of Eve into Alex's place, and garbage into that of his thread's owner."""
    named = owner_to_json(EVE)
    if "redis_url" in backend:
        with Redis.from_url(backend["redis_url"]) as redis:
            redis.hset("mnemo:owners", ALEX.key, named)
            redis.hset(f"mnemo:user:{ALEX.user_key}", ALEX.key, named)
            redis.set(f"mnemo:thread:{digest('t')}", BROKEN)
        return
    with closing(sqlite3.connect(data_dir / "journal.sqlite")) as db, db:
        db.execute("UPDATE owners SET value = ? WHERE owner = ?", (named, ALEX.key))
        db.execute("UPDATE threads SET owner = ? WHERE thread = ?", (BROKEN, digest("t")))


@pytest.mark.deep
async def test_damage_to_what_lists_owners_is_named_and_leads_to_nobody_else(
    open_house: Open, backend: dict[str, Any], tmp_path: Path
) -> None:
    async with open_house() as house:
        await house.talk(1, 3)
        await house.talk(20, 21, "e", user="eve")
        settings = house.parts.settings
    damage_lists(backend, tmp_path / "data")
    row = await row_of(settings)
    assert row.state == "warn"
    for part in (f"the name of owner {ALEX.key}", f"the owner of thread {digest('t')}"):
        assert part in row.text, row.text
    async with open_house() as house:
        stores = house.parts.stores
        assert EVE not in await stores.journal.backend.owners_of("alex")
        assert [line async for line in export_user(stores, "alex")][1:] == []
        await house.say("Go on to mark4")
        assert house.shown() == {"mark1", "mark2", "mark3", "mark4"}
        await forget(stores, "alex")
        assert await stores.journal.backend.owners() == [EVE]
        await house.say("And mark22", "e", user="eve")
        assert house.shown() == {"mark20", "mark21", "mark22"}
    assert (await row_of(settings)).text == "None was found."


@pytest.mark.deep
async def test_a_thread_whose_owner_cannot_be_read_goes_with_nobody_elses_reset(
    open_house: Open, backend: dict[str, Any], tmp_path: Path
) -> None:
    async with open_house() as house:
        await house.talk(1, 3)
    damage_lists(backend, tmp_path / "data")
    async with open_house() as house:
        for _ in range(2):
            with pytest.raises(TurnRefused):
                await house.say("Say mark9", user="eve")
            await reset(house.parts.stores, EVE)
            state = await house.graph.aget_state(house.config("t"))
            assert "mark3" in str(state.values["messages"])
        await house.say("Go on to mark4")
        assert house.shown() == {"mark1", "mark2", "mark3", "mark4"}
