"""A thread whose checkpoints are lost or damaged goes on from its last turn, and says so."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from redis import Redis

from domain.owner import Owner
from stores.maintenance.erase import forget
from stores.redis.checkpoint_layout import checkpoint_value, loaded
from stores.summaries import path_of
from tests.support.deep import deep
from tests.support.house import Open

GARBLED = {"no checkpoint": b"\x05", "cut": b"\xdf\xff", "text": b"not a checkpoint"}
METADATA: dict[str, dict[str, Any]] = {"no step": {}, "a text for a step": {"step": "x"}}


def newest(redis: Any, key: bytes) -> Any:
    names = [name for name in redis.hkeys(key) if name.startswith(b"checkpoint::")]
    return max(names, key=lambda name: name.split(b":")[2])


def harm(backend: dict[str, Any], data_dir: Path, how: str) -> None:
    """Take or garble the thread's newest checkpoint, or take all of them, as an accident does."""
    if "redis_url" in backend:
        with Redis.from_url(backend["redis_url"]) as redis:
            (key,) = redis.scan_iter(match="mnemo:checkpoint-rows:*")
            if how == "all":
                redis.delete(key)
            elif how == "newest":
                redis.hdel(key, newest(redis, key))
            elif how in METADATA:
                serde, field = JsonPlusSerializer(), newest(redis, key).decode()
                value = redis.hget(key, field)
                assert isinstance(value, bytes)
                checkpoint = loaded(serde, "t", field, value, {}).checkpoint
                changed: Any = METADATA[how]
                redis.hset(key, field, checkpoint_value(serde, checkpoint, changed))
            else:
                redis.hset(key, newest(redis, key), GARBLED[how])
        return
    with closing(sqlite3.connect(data_dir / "checkpoints.sqlite")) as db, db:
        last = "WHERE checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints)"
        if how in GARBLED:
            db.execute(f"UPDATE checkpoints SET checkpoint = ? {last}", (GARBLED[how],))
        elif how in METADATA:
            value = json.dumps(METADATA[how]).encode()
            db.execute(f"UPDATE checkpoints SET metadata = ? {last}", (value,))
        elif how == "bytes for an id":
            db.execute(f"UPDATE checkpoints SET checkpoint_id = ? {last}", (b"\xff",))
        else:
            db.execute(f"DELETE FROM checkpoints {last if how == 'newest' else ''}")


@pytest.mark.deep
@pytest.mark.parametrize(
    "how", ["newest", "no checkpoint", *map(deep, ("all", "cut", "text", *METADATA))]
)
async def test_a_thread_without_its_newest_checkpoint_goes_on_from_its_last_turn(
    open_house: Open, backend: dict[str, Any], tmp_path: Path, how: str
) -> None:
    async with open_house(fold_turns=100) as house:
        await house.talk(1, 3)
        harm(backend, tmp_path / "data", how)
        # Who merely looks sees the newest that can be read.
        seen = (await house.graph.aget_state(house.config())).values
        assert bool(seen.get("messages")) == (how != "all")
        result = await house.say("Let us speak of mark4 now")
        assert house.shown() == {f"mark{number}" for number in range(1, 5)}
        assert result["degraded"] == ["checkpoints"]
        assert (await house.say("Let us speak of mark5 now"))["degraded"] == []
        assert len(house.shown()) == 5
        history = house.graph.aget_state_history(house.config())
        assert [state async for state in history]
        saver = house.parts.stores.checkpointer
        await saver.acopy_thread("t", "copy")
        await forget(house.parts.stores, "alex")
        assert [row async for row in saver.damaged()] == []


@pytest.mark.deep
@pytest.mark.parametrize("backend", ["embedded"], indirect=True)
async def test_a_checkpoint_whose_id_is_no_text_stops_no_turn_and_is_named(
    open_house: Open, tmp_path: Path
) -> None:
    async with open_house(fold_turns=100) as house:
        await house.talk(1, 3)
        harm({}, tmp_path / "data", "bytes for an id")
        for number in range(4, 6):
            await house.say(f"Let us speak of mark{number} now")
            assert house.shown() == {f"mark{n}" for n in range(1, number + 1)}
        saver = house.parts.stores.checkpointer
        assert [row async for row in saver.damaged() if row]
        await forget(house.parts.stores, "alex")
        assert [row async for row in saver.damaged()] == []


@pytest.mark.deep
async def test_threads_that_were_cut_back_on_purpose_are_not_lost(open_house: Open) -> None:
    async with open_house(fold_turns=100) as house:
        saver = house.parts.stores.checkpointer
        await house.talk(1, 2)
        run = house.config()
        run["metadata"] = {"run_id": "r"}
        await house.say("Let us speak of mark3 now", at=run)
        await saver.adelete_for_runs(["r"])
        assert (await house.say("Let us speak of mark4 now"))["degraded"] == []
        await saver.aprune(["t"])
        assert (await house.say("Let us speak of mark5 now"))["degraded"] == []


@pytest.fixture(params=["embedded", "redis"])
def backend(request: pytest.FixtureRequest) -> dict[str, str]:
    """SQLite or Redis, and Chroma in the data dir."""
    if request.param == "embedded":
        return {}
    return {"redis_url": request.getfixturevalue("redis_url")}


async def test_a_turn_whose_process_died_after_its_reply_stays_in_its_conversation(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(fold_turns=100) as house:

        async def killed(text: str) -> None:
            async def unsaved(config: Any, *_: Any) -> Any:
                return config

            with monkeypatch.context() as patch:
                patch.setattr(house.parts.stores.checkpointer, "aput", unsaved)
                patch.setattr(house.parts.stores.checkpointer, "aput_writes", unsaved)
                await house.say(text, durability="exit")

        await house.talk(1, 2)
        await killed("Let us speak of mark3 now")
        await house.say("Let us speak of mark4 now")
        assert house.shown() == {f"mark{number}" for number in range(1, 5)}
        await killed("Let us speak of mark5 now")
        await house.say("Let us speak of mark5 now")
        asked = [m for m in house.server.requests[-1]["messages"] if m["role"] == "user"]
        assert sum("of mark5" in str(m["content"]) for m in asked) == 1
        await house.say("Let us speak of mark6 now")
        assert house.shown() == {f"mark{number}" for number in range(1, 7)}
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert len(path_of(view, view.refs["t"]).journal) == 6
