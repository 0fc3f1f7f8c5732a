"""Reset and forget leave nothing behind, whatever was under way; judged by raw rows and files."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from itertools import count
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import HumanMessage
from langgraph.func import entrypoint
from langgraph.graph import START, StateGraph

from domain.owner import Owner
from nodes.extract_facts import extract
from nodes.messages.refusal import TurnRefused
from nodes.schedule import schedule
from nodes.summarize import fold_window
from service.ops.sweep import sweep
from stores.errors import GenerationMoved, StoreUnavailable
from stores.maintenance.erase import forget, reset
from stores.redis.journal import RedisJournal
from stores.sqlite.journal import SqliteJournal
from tests.support.kept import seen
from tests.support.models.scripted import (
    Crash,
    Script,
    Wire,
    marks,
    nothing,
    on,
    open_script,
    scripted_settings,
    settled,
    wired,
)
from tests.support.servers.chroma_server import ChromaServer
from tests.support.servers.redis_stack import RedisStack
from tests.support.stores import raw_stores

ALEX = Owner("alex")
Residue = Callable[[], set[str]]
Erase = Callable[[Script], Awaitable[None]]


@pytest.fixture
async def script(tmp_path: Path, backend: dict[str, Any]) -> AsyncIterator[Script]:
    settings = scripted_settings(tmp_path / "data", fold_turns=6, extract_turns=6, **backend)
    async with open_script(settings) as script:
        yield script


@pytest.fixture
def residue(tmp_path: Path, backend: dict[str, Any]) -> Residue:
    return lambda: raw_stores.rows(backend, tmp_path / "data")


async def test_what_others_keep_of_threads_goes_before_their_owner_is_forgotten(
    script: Script,
) -> None:
    await script.say("I keep bees.", "t", ALEX)
    stores, gone = script.parts.stores, list[str]()

    async def also(threads: Collection[str]) -> None:
        gone.extend(threads)
        if threads:
            raise StoreUnavailable("away")

    threads = (await stores.journal.read(ALEX)).threads
    await stores.checkpointer.acopy_thread(next(iter(threads)), "copy")
    for erase in (reset(stores, ALEX, also=also), forget(stores, "alex", also=also)):
        gone.clear()
        with pytest.raises(StoreUnavailable):
            await erase
        assert set(gone) == {*threads, "copy"}
    await script.say("I sail.", "u", ALEX)
    await stores.journal.renew(ALEX)  # As a reset begins.
    with pytest.raises(GenerationMoved):
        await stores.checkpointer.acopy_thread("u", "late")


async def reset_alex(script: Script) -> None:
    await reset(script.parts.stores, ALEX)


@pytest.mark.deep
@pytest.mark.parametrize("durability", ["sync", "exit"])
async def test_a_reset_before_any_effect_of_a_turn_leaves_nothing_behind(
    script: Script, residue: Residue, durability: str
) -> None:
    for cut in count(1):
        thread, wire = f"t{cut}", Wire(cut=cut, meanwhile=lambda: reset_alex(script))
        await script.write(5, thread, ALEX)
        parts = wired(script.parts, wire)
        await script.talk(6, 6, thread, ALEX, parts=parts, durability=durability)
        if not wire.broken:
            break
        assert residue() == set(), wire.passed
        await script.say("Hello mark9a", thread, ALEX, durability=durability)
        assert marks(seen(script.chat.prompts[-1]).text) == ("mark9a",)
        await reset_alex(script)
    assert {"summarize", "extract", "put"} <= set(wire.passed)


async def test_a_reset_while_a_first_turn_begins_leaves_only_that_turn(
    script: Script, residue: Residue
) -> None:
    for cut in (1, 2):
        await script.talk(1, 3, "before", ALEX)
        parts = wired(script.parts, Wire(cut=cut, meanwhile=lambda: reset_alex(script)))
        await script.say("Hello mark9a", f"t{cut}", ALEX, parts=parts)
        assert {mark for mark in residue() if mark.startswith("mark")} == {"mark9a"}
        await reset_alex(script)
        assert residue() == set()


async def sweep_all(script: Script) -> None:
    await sweep(script.parts)


async def forget_alex(script: Script) -> None:
    await forget(script.parts.stores, "alex")


@pytest.mark.parametrize("erase", [reset_alex, forget_alex])
async def test_runs_that_died_before_their_first_step_leave_nothing_behind_a_reset(
    script: Script, residue: Residue, erase: Erase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise Crash

    async def die(thread: str, text: str) -> None:
        with monkeypatch.context() as dying, pytest.raises(Crash):
            dying.setattr(script.parts.stores.journal, "read", dies)
            await script.say(text, thread, ALEX, durability="sync")

    await script.say("I am mark1b", "hers", Owner("eve"))
    await die("new", "Hello mark1a")
    await die("hers", "Hello mark2a")  # Somebody else's thread is not deleted with it.
    assert {"mark1a", "mark2a", "mark1b"} <= residue()
    await erase(script)
    assert "mark1a" not in residue()
    assert "mark1b" in marks(str(await script.graph().aget_state(on("hers"))))

    await script.say("Hello mark3a", "new", ALEX)
    await erase(script)
    await die("new", "Hello mark4a")  # As the journal does not list it any more.
    await erase(script)
    assert not {"mark3a", "mark4a"} & residue()


@pytest.mark.parametrize("begun", [False, True])
async def test_a_turn_that_is_kept_just_before_a_reset_leaves_nothing_after_it(
    script: Script, residue: Residue, begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = script.parts.stores.journal
    add_turns = journal.add_turns

    async def added(*args: Any, **options: Any) -> Any:
        view = await add_turns(*args, **options)
        await reset_alex(script)
        return view

    if begun:
        await script.talk(1, 2, "t", ALEX)
    with monkeypatch.context() as resetting:
        resetting.setattr(journal, "add_turns", added)
        await script.say("Hello mark3a", "t", ALEX)
    assert residue() == set()
    assert not (await script.graph().aget_state(on("t"))).values
    await script.say("Hello mark4a", "t", ALEX)
    assert marks(str(await script.graph().aget_state(on("t"))))[:1] == ("mark4a",)


async def test_what_a_killed_process_wrote_over_a_reset_goes_with_the_next_sweep_or_reset(
    script: Script, residue: Residue
) -> None:
    stores = script.parts.stores
    for clear in (sweep_all, reset_alex):
        await script.talk(1, 6, "t", ALEX)
        generation = (await stores.journal.read(ALEX)).generation
        facts = (await stores.memories.all(ALEX, generation)).facts
        assert facts
        await reset_alex(script)
        await stores.memories.put(ALEX, generation, *facts)  # And is killed before it cleans up.
        await script.say("Hello mark9a", "t", ALEX)
        assert "mark1a" in residue()
        await clear(script)
        assert "mark1a" not in residue()


async def test_a_sweep_takes_nothing_from_an_owner_whose_generation_is_lost(
    script: Script, residue: Residue
) -> None:
    await reset_alex(script)
    await script.talk(1, 12, "t", ALEX)
    before, journal = residue(), script.parts.stores.journal.backend
    if isinstance(journal, SqliteJournal):
        await journal.db.write(lambda db: db.execute("DELETE FROM generation"))
    else:
        assert isinstance(journal, RedisJournal)
        await journal._redis.delete(journal._keys(ALEX)[0])
    await sweep_all(script)
    assert before <= residue()


class Noted(TypedDict):
    notes: Annotated[list[str], add]


def notes_graph(script: Script) -> Any:
    """Return another graph on the same checkpointer."""

    async def note(state: Noted) -> Noted:
        return {"notes": ["and more"]}

    graph = StateGraph(Noted)
    graph.add_node("note", note)
    graph.add_edge(START, "note")
    return graph.compile(checkpointer=script.parts.stores.checkpointer)


@pytest.mark.parametrize("erase", [reset_alex, forget_alex])
async def test_a_run_that_died_while_its_thread_was_listed_leaves_nothing_nor_does_a_copy(
    script: Script, residue: Residue, erase: Erase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise Crash

    for step in ("read", "change"):  # Before whose thread it is was noted, and just after.
        with monkeypatch.context() as dying, pytest.raises(Crash):
            dying.setattr(script.parts.stores.journal, step, dies)
            await script.say("Hello mark1a", step, ALEX, durability="sync")
        await script.parts.stores.checkpointer.acopy_thread(step, f"copy of {step}")
        assert "mark1a" in residue()
        await erase(script)
        assert residue() == set()


async def test_a_run_that_begins_while_its_thread_is_deleted_brings_nothing_back(
    script: Script,
) -> None:
    graph, thread = notes_graph(script), on("notes")
    chance, checkpointer = random.Random(1), script.parts.stores.checkpointer

    async def run(note: str) -> None:
        await asyncio.sleep(chance.uniform(0, 0.005))
        await graph.ainvoke({"notes": [note]}, thread)

    for number in range(60):
        await graph.ainvoke({"notes": ["deleted"]}, thread)
        await asyncio.gather(checkpointer.adelete_thread("notes"), run(str(number)))
        kept = (await graph.aget_state(thread)).values.get("notes", [])
        assert kept in ([], [str(number), "and more"])


async def test_a_reset_leaves_the_threads_of_other_graphs_in_the_same_store(script: Script) -> None:
    checkpointer = script.parts.stores.checkpointer
    await notes_graph(script).ainvoke({"notes": ["mine"]}, on("notes"))

    @entrypoint(checkpointer=checkpointer)
    async def echo(said: str) -> str:
        return said

    await echo.ainvoke("mine", on("echo"))
    await script.say("I keep bees.", "t", Owner("local"))
    await reset(script.parts.stores, Owner("local"))
    for thread in ("notes", "echo"):
        assert [checkpoint async for checkpoint in checkpointer.alist(on(thread))]
    assert not [checkpoint async for checkpoint in checkpointer.alist(on("t"))]
    assert await checkpointer.begun_by(Owner("local").key) == set()


@pytest.mark.parametrize("waiting", ["mark1a", "mark2a"])
@pytest.mark.parametrize("whole", [True, False])
async def test_a_fork_that_begins_as_its_owner_is_reset_tells_nothing_that_waited_there(
    script: Script, monkeypatch: pytest.MonkeyPatch, waiting: str, whole: bool
) -> None:
    journal = script.parts.stores.journal
    read = journal.read
    await script.talk(1, 2, "t", ALEX)
    states = [state async for state in script.graph().aget_state_history(on("t"))]
    waited = next(s for s in states if waiting in str(s.values["messages"][-1:]) and s.next)

    async def reset_first(*args: Any) -> Any:
        monkeypatch.setattr(journal, "read", read)
        await (reset_alex(script) if whole else journal.renew(ALEX))
        return await read(*args)

    monkeypatch.setattr(journal, "read", reset_first)
    with pytest.raises(TurnRefused, match="was reset"):
        await script.say("Hello mark3a", "t", ALEX, at=waited.config)
    await reset_alex(script)
    await script.say("Hello mark4a", "t", ALEX)
    assert set(marks(seen(script.chat.prompts[-1]).text)) == {"mark4a"}


async def test_what_waits_for_a_first_turn_is_told_to_who_was_reset_before_it_was_said(
    script: Script,
) -> None:
    await script.talk(1, 2, "t", ALEX)
    await reset_alex(script)
    await script.graph().aupdate_state(on("new"), {"messages": [HumanMessage("Hello mark3a")]})
    await script.say("Hello mark4a", "new", ALEX)
    assert {"mark3a", "mark4a"} <= set(marks(str(script.chat.prompts[-1])))


async def test_a_thread_spoken_on_during_a_reset_is_whole_and_its_copies_go_with_the_next(
    script: Script, residue: Residue
) -> None:
    async def say() -> None:
        await script.say("Hello mark9a", "t", ALEX)

    for cut in range(2, 6):
        await script.talk(1, 3, "t", ALEX)
        wire = Wire(cut=cut, meanwhile=say)
        await reset(wired(script.parts, wire).stores, ALEX)
        assert wire.broken
        assert await script.parts.stores.journal.thread_owner("t") == ALEX
        await script.parts.stores.checkpointer.acopy_thread("t", f"copy{cut}")
        await reset_alex(script)
        assert residue() == set()


async def test_a_copy_made_during_a_reset_is_deleted_and_says_so(
    script: Script, residue: Residue, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpointer = script.parts.stores.checkpointer
    copy = checkpointer._copy
    for order in ("before", "after"):
        await script.talk(1, 3, "t", ALEX)

        async def copying(source: str, target: str, order: str = order) -> None:
            if order == "before":
                await copy(source, "held")
                await reset_alex(script)
                await copy("held", target)
                await checkpointer.adelete_checkpoints("held")
            else:
                await copy(source, target)
                await reset_alex(script)

        monkeypatch.setattr(checkpointer, "_copy", copying)
        with pytest.raises(GenerationMoved):
            await checkpointer.acopy_thread("t", order)
        assert residue() == set()


@pytest.mark.deep
@pytest.mark.parametrize("durability", ["sync", "exit"])
async def test_a_reset_during_a_reply_leaves_nothing_behind(
    script: Script, residue: Residue, durability: str
) -> None:
    await script.talk(1, 5, "t", ALEX, durability=durability)
    assert "mark1a" in residue()
    script.chat.meanwhile = lambda: reset_alex(script)
    await script.talk(6, 6, "t", ALEX, durability=durability)
    assert residue() == set()
    script.chat.meanwhile = nothing
    await script.say("Hello mark9a", "t", ALEX, durability=durability)
    assert marks(seen(script.chat.prompts[-1]).text) == ("mark9a",)


async def folded(script: Script, owner: Owner) -> None:
    view = await script.parts.stores.journal.read(owner)
    tier = script.parts.settings.tier(None)
    window = schedule(script.parts, owner, tier, view, "t", view.refs.get(owner.user_id)).fold
    if window is not None:
        await fold_window(script.parts, owner, view.generation, window, tier)


@pytest.mark.deep
async def test_a_hundred_resets_racing_folds_and_extractions_leave_nothing(
    script: Script, residue: Residue
) -> None:
    chance = random.Random(7)
    owners = [Owner(f"user{number}") for number in range(100)]

    async def writing() -> None:
        await asyncio.sleep(chance.random() / 20)

    script.memory.meanwhile = writing

    async def resetting(owner: Owner) -> None:
        await asyncio.sleep(chance.random() / 5)
        await reset(script.parts.stores, owner)

    for some in (owners[start : start + 10] for start in range(0, 100, 10)):
        for owner in some:
            await script.write(8, owner.user_id, owner)
        works = [work(script, owner) for owner in some for work in (folded, extracted)]
        for ended in await settled(*works, *map(resetting, some)):
            assert ended is None or isinstance(ended, GenerationMoved)
    assert residue() == set()


async def extracted(script: Script, owner: Owner) -> None:
    view = await script.parts.stores.journal.read(owner)
    await extract(script.parts, owner, view.generation, script.parts.settings.plus)


async def test_a_reset_that_crashes_anywhere_can_be_repeated(
    script: Script, residue: Residue
) -> None:
    for cut in range(1, 30):
        await script.write(8, "t", ALEX)
        await folded(script, ALEX)
        await extracted(script, ALEX)
        await script.say("Hello mark9a", "t", ALEX)
        wire = Wire(cut=cut)
        try:
            await reset(wired(script.parts, wire).stores, ALEX)
        except Crash:
            await reset(script.parts.stores, ALEX)
        assert residue() == set()
        if not wire.broken:
            return
    raise AssertionError("no reset came to its end")


@pytest.mark.deep
async def test_a_reset_with_a_store_down_says_so_and_can_be_repeated(
    tmp_path: Path, own_chroma_server: ChromaServer
) -> None:
    with RedisStack() as redis:
        backend = {"redis_url": redis.url, "chroma_url": own_chroma_server.url}
        settings = scripted_settings(tmp_path / "data", fold_turns=4, store_timeout=1, **backend)
        async with open_script(settings) as script:
            for server in (own_chroma_server, redis):
                await script.talk(1, 5, "t", ALEX)
                server.kill()
                with pytest.raises(StoreUnavailable):
                    await reset_alex(script)
                server.start()
                await reset_alex(script)
                assert raw_stores.rows(backend, tmp_path / "data") == set()


@pytest.mark.deep
async def test_forget_leaves_no_text_in_any_file(tmp_path: Path) -> None:
    settings = scripted_settings(tmp_path, fold_turns=6, extract_turns=3)
    async with open_script(settings) as script:
        for thread in ("t", "u"):
            await script.talk(1, 9, thread, ALEX)
        await script.talk(1, 2, "w", Owner("alex", "other character"))
        await script.say("Somebody else says mark1b", "v", Owner("eve"))
        assert "mark1a" in str(raw_stores.files(tmp_path))
        await forget(script.parts.stores, "alex")
        for marked in raw_stores.files(tmp_path).values():
            assert all(mark.endswith("b") for mark in marked), raw_stores.files(tmp_path)
    for marked in raw_stores.files(tmp_path).values():
        assert all(mark.endswith("b") for mark in marked)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]  # noqa: ASYNC240  # a test
    assert not any(b"alex" in path.read_bytes() for path in files)
