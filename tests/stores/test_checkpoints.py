"""Promises of both checkpointers beyond the published contract. Pruning is tested elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.types import INTERRUPT

from tests.support.stores.checkpoint_backends import (
    BACKENDS,
    Open,
    Refs,
    chat,
    fill,
    opener,
    put,
    say,
    texts,
    thread,
    values,
)


@pytest.fixture(params=BACKENDS)
def open_saver(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return what opens either checkpointer."""
    return opener(request, tmp_path)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.deep
@given(ANYTHING)
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_a_value_comes_back_as_it_was_put(open_saver: Open, value: object) -> None:
    async def there_and_back() -> tuple[object, object]:
        async with open_saver() as saver:
            kept = await put(saver, thread("t"), value)
            await saver.aput_writes(kept, [("said", value)], "task")
            found = await saver.aget_tuple(kept)
            assert found is not None
            assert found.pending_writes is not None
            return found.checkpoint["channel_values"]["value"], found.pending_writes[0][2]

    assert asyncio.run(there_and_back()) == (value, value)


@pytest.mark.parametrize(
    "value",
    [
        {"lc": 2, "type": "constructor", "id": ["pathlib", "Path"], "args": ["x"]},
        {"__bytes__": "aa"},
        {"__send__": True, "node": "n", "arg": 1},
        {"a": [1, {2, 3}, timedelta(days=1)]},
        datetime(2024, 2, 29, tzinfo=UTC),
    ],
)
async def test_what_a_user_sent_never_turns_into_something_else(
    open_saver: Open, value: object
) -> None:
    async with open_saver() as saver:
        await put(saver, thread("t"), value)
        assert await values(saver, thread("t")) == [value]


async def test_a_listing_may_stop_early_and_read_in_between(open_saver: Open) -> None:
    async with open_saver() as saver, asyncio.timeout(60):
        for number in range(40):
            await put(saver, thread("t"), number)
        seen = []
        async for one in saver.alist(thread("t")):
            again = await saver.aget_tuple(one.config)
            assert again is not None
            seen.append(again.checkpoint["channel_values"]["value"])
            if len(seen) == 30:
                break
        assert seen == list(range(39, 9, -1))
        await put(saver, thread("t"), 40)
        assert await values(saver, thread("t"), limit=1) == [40]
        assert await values(saver, thread("t"), filter={"source": "input"}) == []


async def test_filters_reach_past_the_first_page(open_saver: Open) -> None:
    async with open_saver() as saver:
        for number in range(60):
            await put(saver, thread("t"), number, mark="rare" if number % 20 == 0 else "usual")
        assert await values(saver, thread("t"), filter={"mark": "rare"}) == [40, 20, 0]
        assert await values(saver, thread("t"), filter={"mark": "rare"}, limit=2) == [40, 20]
        assert await values(saver, thread("t"), filter={"mark": "usual"}, limit=1) == [59]


async def test_writes_come_back_in_the_order_their_tasks_ran(open_saver: Open) -> None:
    async with open_saver() as saver:
        kept = await put(saver, thread("t"), 1)
        for path, task in (("~2", "a"), ("~1", "c"), ("~1", "b")):
            await saver.aput_writes(kept, [("x", task), ("y", task)], task, path)
        found = await saver.aget_tuple(kept)
        assert found is not None
        assert found.pending_writes == [
            (task, channel, task) for task in ("b", "c", "a") for channel in ("x", "y")
        ]


async def test_a_repeated_task_changes_its_interrupt_and_not_its_writes(open_saver: Open) -> None:
    async with open_saver() as saver:
        kept = await put(saver, thread("t"), 1)
        for value in ("first", "second"):
            await saver.aput_writes(kept, [("x", value)], "task")
            await saver.aput_writes(kept, [(INTERRUPT, value)], "task")
        found = await saver.aget_tuple(kept)
        assert found is not None
        assert sorted(found.pending_writes or []) == [
            ("task", INTERRUPT, "second"),
            ("task", "x", "first"),
        ]


async def test_copying_and_deleting_tell_the_refs(open_saver: Open) -> None:
    class Watching(Refs):
        @asynccontextmanager
        async def copying(self, source: str, target: str) -> AsyncIterator[bool]:
            assert await values(saver, thread(target)) == []
            async with super().copying(source, target):
                yield True
                assert await values(saver, thread(target)) == await values(saver, thread(source))

        async def drop(self, thread_id: str) -> None:
            assert await values(saver, thread(thread_id)) == []
            await super().drop(thread_id)

    refs = Watching()
    async with open_saver(refs=refs) as saver:
        await fill(saver, "a")
        await saver.acopy_thread("a", "b")
        await saver.acopy_thread("expired", "c")
        await saver.acopy_thread("a", "a")
        await saver.adelete_thread("a")
        await saver.adelete_thread("never was")
        assert refs.calls == [
            ("copy", "a", "b"),
            ("copy", "expired", "c"),
            ("drop", "a"),
            ("drop", "never was"),
        ]


async def test_deleting_checkpoints_alone_or_pruning_leaves_the_ref(open_saver: Open) -> None:
    refs = Refs()
    async with open_saver(refs=refs) as saver:
        for strategy in ("keep_latest", "delete", "delete_all"):
            await fill(saver, "t")
            await saver.aprune(["t"], strategy=strategy)
        assert await values(saver, thread("t")) == []
        await fill(saver, "t")
        await saver.adelete_checkpoints("t")
        assert await values(saver, thread("t")) == []
        await saver.adelete_for_runs(["some run"])
    assert refs.calls == []


async def test_a_copied_thread_goes_its_own_way(open_saver: Open) -> None:
    async with open_saver() as saver:
        graph = chat().compile(checkpointer=saver)
        await graph.ainvoke(say("one"), thread("a"))
        await saver.acopy_thread("a", "b")
        await graph.ainvoke(say("two"), thread("b"))
        assert await texts(graph.aget_state_history(thread("a"), limit=1)) == ["You said one"]
        answer = await graph.ainvoke(say("three"), thread("b"))
        assert [message.text for message in answer["messages"]][::2] == ["one", "two", "three"]


async def test_a_copy_names_its_own_thread_in_metadata(open_saver: Open) -> None:
    async with open_saver() as saver:
        await put(saver, thread("a"), 1, thread_id="a", user="eve")
        await saver.acopy_thread("a", "b")
        copied = await saver.aget_tuple(thread("b"))
        assert copied is not None
        assert dict(copied.metadata)["thread_id"] == "b"
        assert dict(copied.metadata)["user"] == "eve"


async def test_a_rolled_back_run_leaves_the_thread_as_it_was(open_saver: Open) -> None:
    async with open_saver() as saver:
        graph = chat().compile(checkpointer=saver)
        await graph.ainvoke(say("one"), thread("t", run_id="run-1"))
        before = await graph.aget_state(thread("t"))
        await graph.ainvoke(say("two"), thread("t", run_id="run-2"))
        await graph.ainvoke(say("two"), thread("other", run_id="RUN-2"))
        await saver.adelete_for_runs(["run-2", "run-3"])
        assert await graph.aget_state(thread("t")) == before
        assert len((await graph.aget_state(thread("other"))).values["messages"]) == 2
        answer = await graph.ainvoke(say("three"), thread("t"))
        assert [message.text for message in answer["messages"]][::2] == ["one", "three"]


async def test_a_rolled_back_run_leaves_no_writes(open_saver: Open) -> None:
    async with open_saver() as saver:
        for run in ("run-1", "run-2"):
            kept = await put(saver, thread("t"), run, id=str(UUID(int=1)), run_id=run)
            found = await saver.aget_tuple(kept)
            assert found is not None
            assert found.pending_writes == []
            await saver.aput_writes(kept, [("said", run)], "task")
            await saver.adelete_for_runs([run])


@pytest.mark.deep
async def test_many_threads_at_once_keep_every_message(open_saver: Open) -> None:
    async with open_saver() as saver:
        graph = chat().compile(checkpointer=saver)

        async def talk(name: str) -> list[str]:
            for number in range(3):
                await graph.ainvoke(say(f"{name} {number}"), thread(name))
            state = await graph.aget_state(thread(name))
            return [one.text for one in state.values["messages"] if isinstance(one, HumanMessage)]

        names = [f"thread {number}" for number in range(40)]
        said = await asyncio.gather(*map(talk, names))
        assert said == [[f"{name} {number}" for number in range(3)] for name in names]


async def test_nothing_blocks_the_event_loop(open_saver: Open) -> None:
    with blockbuster_ctx():
        async with open_saver(refs=Refs()) as saver:
            graph = chat().compile(checkpointer=saver)
            for number in range(12):
                await graph.ainvoke(say(str(number)), thread("t", run_id=str(number)))
            await saver.acopy_thread("t", "copy")
            await saver.adelete_for_runs(["11"])
            await saver.aprune(["copy"])
            await saver.adelete_thread("t")
            assert len(await texts(graph.aget_state_history(thread("copy")))) == 1


async def test_the_synchronous_calls_work_from_another_thread(open_saver: Open) -> None:
    async with open_saver() as saver:
        kept = await put(saver, thread("t"), "hello")
        found = await asyncio.to_thread(saver.get_tuple, kept)
        assert found is not None
        assert found.checkpoint["channel_values"]["value"] == "hello"
