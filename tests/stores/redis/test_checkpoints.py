"""Promises of the Redis checkpointer alone: its keys, their life, and a server that fails."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import pytest
from redis.asyncio import Redis

from stores.errors import StoreUnavailable
from stores.redis.checkpoints import RedisCheckpoints
from tests.support.servers.redis_stack import RedisStack
from tests.support.stores.checkpoint_backends import Refs, chat, put, say, thread, values


@pytest.fixture
async def raw(redis_url: str) -> AsyncIterator[Redis]:
    """Return a client that looks past the checkpointer."""
    async with Redis.from_url(redis_url) as client:
        yield client


async def lives(raw: Redis) -> list[int]:
    """Return how many seconds each thread has left; -1 for ever."""
    return [await raw.ttl(found) async for found in raw.scan_iter(match="mnemo:checkpoint-rows:*")]


async def test_a_deleted_thread_leaves_no_key_but_for_an_hour_its_deletion(
    redis_url: str, raw: Redis
) -> None:
    async with RedisCheckpoints.open(redis_url) as saver:
        graph = chat().compile(checkpointer=saver)
        await graph.ainvoke(say("hello"), thread("t"))
        nested = await put(saver, thread("t", "draft:task"), "nested")
        await saver.aput_writes(nested, [("said", 1)], "task")
        early = thread("t", checkpoint_id="1f000000-0000-6000-8000-000000000000")
        await saver.aput_writes(early, [("said", 1)], "its checkpoint never came")
        assert await saver.aget_tuple(early) is None
        await saver.adelete_thread("t")
        (deletion,) = [found async for found in raw.scan_iter()]
        assert 0 < await raw.ttl(deletion) <= 3600


@pytest.mark.deep
async def test_a_thread_of_thousands_of_rows_is_deleted(redis_url: str, raw: Redis) -> None:
    async with RedisCheckpoints.open(redis_url) as saver:
        await put(saver, thread("other"), "stays")
        for _ in range(15):
            await asyncio.gather(*(put(saver, thread("t"), number) for number in range(100)))
        await saver.adelete_thread("t")
        assert await raw.dbsize() == 2  # The other thread, and for an hour the deletion of this.
        assert await values(saver, thread("other")) == ["stays"]


@pytest.mark.deep
async def test_a_run_of_thousands_of_documents_is_rolled_back(redis_url: str, raw: Redis) -> None:
    async with RedisCheckpoints.open(redis_url) as saver:
        for _ in range(25):
            names = [str(number % 7) for number in range(100)]
            await asyncio.gather(*(put(saver, thread(name), 1, run_id="r") for name in names))
        await saver.adelete_for_runs(["r"])
        assert await raw.dbsize() == 0


async def test_a_thread_stops_growing_after_its_last_turns(redis_url: str, raw: Redis) -> None:
    async with RedisCheckpoints.open(redis_url, keep_turns=3) as saver:
        graph = chat().compile(checkpointer=saver)
        early = thread("t", checkpoint_id="1f000000-0000-6000-8000-000000000000")
        await saver.aput_writes(early, [("said", 1)], "its checkpoint never came")
        sizes = []
        for number in range(8):
            await graph.ainvoke(say(str(number)), thread("t"))
            (key,) = [found async for found in raw.scan_iter(match="mnemo:checkpoint-rows:*")]
            sizes.append(await raw.hlen(key))
        assert sizes[3:] == [sizes[2] - 1] * 5
        assert not [name for name in await raw.hkeys(key) if b"1f000000" in name]


async def test_all_keys_of_a_thread_in_use_live_alike(redis_url: str, raw: Redis) -> None:
    async with RedisCheckpoints.open(redis_url, ttl_minutes=2) as saver:
        graph = chat().compile(checkpointer=saver)
        await graph.ainvoke(say("hello"), thread("used"))
        await graph.ainvoke(say("hello"), thread("unused"))
        await saver.acopy_thread("used", "copy")
        assert set(await lives(raw)) <= {119, 120}
        for found in [found async for found in raw.scan_iter()]:
            await raw.expire(found, 50)
        await saver.aget_tuple(thread("used"))
        used = [found async for found in raw.scan_iter(match="*{used}*")]
        assert len(used) == len(await lives(raw)) / 3
        assert {await raw.ttl(found) for found in used} <= {119, 120}
        unused = [found async for found in raw.scan_iter(match="*{unused}*")]
        assert {await raw.ttl(found) for found in unused} <= {49, 50}
        await asyncio.gather(*(raw.expire(found, 50) for found in used))
        assert [found async for found in saver.alist(thread("used"), limit=1)]
        assert {await raw.ttl(found) for found in used} <= {119, 120}


async def test_an_expired_thread_begins_anew_and_keeps_its_ref(redis_url: str, raw: Redis) -> None:
    refs = Refs()
    async with RedisCheckpoints.open(redis_url, refs=refs, ttl_minutes=1) as saver:
        await put(saver, thread("t"), "old")
        await asyncio.gather(*[raw.pexpire(found, 1) async for found in raw.scan_iter()])
        await asyncio.sleep(0.05)
        assert await saver.aget_tuple(thread("t")) is None
        await put(saver, thread("t"), "new")
        assert await values(saver, thread("t")) == ["new"]
    assert refs.calls == []


async def test_without_a_time_to_live_nothing_goes_on_expiring(redis_url: str, raw: Redis) -> None:
    async with RedisCheckpoints.open(redis_url, ttl_minutes=1) as saver:
        await put(saver, thread("put unread"), "old")
        await chat().compile(checkpointer=saver).ainvoke(say("hello"), thread("t"))
    async with RedisCheckpoints.open(redis_url) as saver:
        await put(saver, thread("put unread"), "new")
        assert sorted(await lives(raw))[0] == -1
        await chat().compile(checkpointer=saver).ainvoke(say("again"), thread("t"))
        assert set(await lives(raw)) == {-1}


def test_a_time_to_live_below_a_minute_is_refused() -> None:
    with pytest.raises(ValueError, match="ttl_minutes is 0: give 1 or more, or None for never"):
        RedisCheckpoints(Redis(), ttl_minutes=0)


async def test_two_checkpointers_open_at_once_share_one_store(redis_url: str) -> None:
    first, second = RedisCheckpoints.open(redis_url), RedisCheckpoints.open(redis_url)
    async with first as one, second as other:
        await put(one, thread("t"), "written by one", run_id="r")
        assert await values(other, thread("t")) == ["written by one"]
        await other.adelete_for_runs(["r"])
        assert await values(one, thread("t")) == []
    async with RedisCheckpoints.open(redis_url) as again:
        assert await values(again, None) == []


async def test_opening_many_at_once_makes_one_index(redis_url: str) -> None:
    async def use(number: int) -> None:
        async with RedisCheckpoints.open(redis_url) as saver:
            await put(saver, thread(str(number)), number)

    await asyncio.gather(*map(use, range(8)))
    async with RedisCheckpoints.open(redis_url) as saver:
        assert sorted(map(str, await values(saver, None))) == sorted(map(str, range(8)))


async def test_a_rollback_works_after_someone_flushed_the_server(
    redis_url: str, raw: Redis
) -> None:
    async with RedisCheckpoints.open(redis_url) as saver:
        await raw.flushall()
        await saver.adelete_for_runs(["r"])
        await put(saver, thread("t"), 1, run_id="r")
        await saver.adelete_for_runs(["r"])
        assert await values(saver, thread("t")) == []


async def test_checkpoints_survive_a_killed_server() -> None:
    with RedisStack() as server:
        async with RedisCheckpoints.open(server.url) as saver:
            graph = chat().compile(checkpointer=saver)
            await graph.ainvoke(say("one"), thread("t", run_id="run-1"))
            await graph.ainvoke(say("two"), thread("t", run_id="run-2"))
            server.kill()
            with pytest.raises(StoreUnavailable, match="Redis does not answer"):
                await put(saver, thread("t"), "lost")
            server.start()
            await saver.adelete_for_runs(["run-2"])
            answer = await graph.ainvoke(say("three"), thread("t"))
        assert [message.text for message in answer["messages"]][::2] == ["one", "three"]


async def test_a_plain_redis_is_enough() -> None:
    with RedisStack(plain=True) as server:
        async with RedisCheckpoints.open(server.url) as saver:
            graph = chat().compile(checkpointer=saver)
            await graph.ainvoke(say("one"), thread("t", run_id="run-1"))
            await graph.ainvoke(say("two"), thread("t", run_id="run-2"))
            await saver.adelete_for_runs(["run-2"])
            answer = await graph.ainvoke(say("three"), thread("t"))
        assert [message.text for message in answer["messages"]][::2] == ["one", "three"]


async def as_an_older_version(raw: Any) -> None:
    """Put all threads back as they lay before: a hash a row, and a sorted set of their names."""
    for key in [found.decode() async for found in raw.scan_iter(match="mnemo:checkpoint-rows:*")]:
        tag = key.removeprefix("mnemo:checkpoint-rows:")
        for name, value in (await raw.hgetall(key)).items():
            kind, *parts = name.decode().split(":")
            if kind in ("newest", "owner"):
                continue
            home = f"mnemo:{kind}:{tag}:{parts[0]}:{parts[1]}"
            member = ":".join([kind, *parts[: 5 if kind == "checkpoint" else 2]])
            await raw.zadd(f"mnemo:checkpoints:{tag}", {member: 0})
            if kind == "writes":
                await raw.hset(home, f"{parts[2]} {unquote(parts[3])}", value)
                continue
            body_kind, metadata_kind, length, rest = value.split(b"\0", 3)
            row = {"kind": body_kind, "metadata_kind": metadata_kind, "parent": unquote(parts[2])}
            row |= {"metadata": rest[: int(length)], "body": rest[int(length) :], "run": ""}
            await raw.hset(home, mapping=row)
        await raw.delete(key)


async def test_threads_that_an_older_version_wrote_go_on(redis_url: str, raw: Redis) -> None:
    async with RedisCheckpoints.open(redis_url) as saver:
        graph = chat().compile(checkpointer=saver)
        for name in ("read", "listed", "written", "deleted", "copied"):
            await graph.ainvoke(say("one"), thread(name))
            await saver.aput_writes(
                (await graph.aget_state(thread(name))).config, [("said", 1)], "a task"
            )
        before = {name: [c async for c in saver.alist(thread(name))] for name in ("read", "listed")}
    await as_an_older_version(raw)
    async with RedisCheckpoints.open(redis_url) as saver:
        graph = chat().compile(checkpointer=saver)
        assert await saver.aget_tuple(thread("read")) == before["read"][0]
        assert [c async for c in saver.alist(thread("listed"))] == before["listed"]
        assert len({c.config["configurable"]["thread_id"] async for c in saver.alist(None)}) == 5
        answer = await graph.ainvoke(say("two"), thread("written"))
        assert [message.text for message in answer["messages"]][::2] == ["one", "two"]
        await saver.adelete_thread("deleted")
        await saver.acopy_thread("copied", "copy")
        assert len([c async for c in saver.alist(thread("copy"))]) == len(before["read"])
        (deletion,) = [key async for key in raw.scan_iter(match="*{deleted}*")]
        assert await raw.type(deletion) == b"string"


@pytest.mark.parametrize("listens", [True, False])
async def test_a_silent_or_absent_redis_is_said_within_five_seconds(listens: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not listens:
            server.close()
        url = f"redis://eve:secret@127.0.0.1:{port}/0?password=secret"
        began = time.monotonic()
        with pytest.raises(StoreUnavailable) as refused:
            async with RedisCheckpoints.open(url):
                pass
        assert time.monotonic() - began < 5
    assert f"No Redis answers at redis://127.0.0.1:{port}/0 (" in str(refused.value)
    assert "start Redis 6.2" in str(refused.value)
    assert "secret" not in str(refused.value)


async def test_what_is_no_redis_url_is_said_in_one_sentence() -> None:
    for url in ("http://eve:secret@localhost", "redis://:not/so/secret@localhost:6379/0",
                "redis://eve:what?secret@localhost", "redis://:sec#ret@localhost",
                "redis://localhost?secret=1",
                "rediss://localhost?ssl_cert_reqs=secret",
                "redis+sentinel://localhost/s?secret=1"):  # fmt: skip
        with pytest.raises(StoreUnavailable, match="is no URL of a Redis") as refused:
            async with RedisCheckpoints.open(url):
                pass
        said = str(refused.value)
        assert "://localhost" in said
        assert not any(part in said for part in ("secret", "not/", "what", "sec"))


async def test_a_cluster_that_is_away_is_said_to_be() -> None:
    with pytest.raises(StoreUnavailable, match=r"No Redis answers at redis\+cluster://127"):
        async with RedisCheckpoints.open("redis+cluster://127.0.0.1:1"):
            pass
