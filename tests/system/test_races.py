"""Many workers at once on one owner: each turn covered once, each fact once, nothing in the way."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from domain.facts.facts import delete, standing
from domain.owner import Owner
from domain.records import Episode
from graph import remember
from nodes.extract_facts import extract
from nodes.schedule import schedule
from nodes.state import Parts
from nodes.summarize import fold_window
from stores.errors import StoreUnavailable
from tests.support.house import Clock
from tests.support.kept import kept_of, seen
from tests.support.models.scripted import Script, marks, open_script, scripted_settings

ALEX = Owner("alex")
WORKERS = 50


@pytest.fixture
async def workers(tmp_path: Path, backend: dict[str, Any]) -> AsyncIterator[list[Script]]:
    """Fifty workers: of one process where the stores are embedded, of five on servers."""
    count = 5 if backend else 1
    settings = scripted_settings(tmp_path, fold_turns=6, extract_turns=6, **backend)
    async with AsyncExitStack() as stack:
        clock = Clock()
        opened = [
            await stack.enter_async_context(open_script(settings, clock)) for _ in range(count)
        ]
        for script in opened:
            script.memory.meanwhile = patience
        yield [opened[number % count] for number in range(WORKERS)]


async def patience() -> None:
    """Take a while, as a model does."""
    await asyncio.sleep(0.05)


async def folded(parts: Parts, thread: str) -> Episode | None:
    """Fold what is due on a thread, as any worker finds it."""
    view = await parts.stores.journal.read(ALEX)
    tier = parts.settings.tier(None)
    window = schedule(parts, ALEX, tier, view, thread, view.refs[thread]).fold
    return await fold_window(parts, ALEX, view.generation, window, tier) if window else None


def asked(workers: list[Script]) -> list[tuple[str, ...]]:
    """Return the windows that all workers' models were asked to summarize."""
    return [window for script in processes(workers) for window in script.memory.windows]


def processes(workers: list[Script]) -> list[Script]:
    """Return the processes that the workers belong to."""
    return list({id(worker): worker for worker in workers}.values())


async def test_fifty_workers_fold_a_thread_once(workers: list[Script]) -> None:
    turns = await workers[0].write(8, "t", ALEX)
    done = await asyncio.gather(*(folded(worker.parts, "t") for worker in workers))
    kept = await kept_of(workers[0].parts, ALEX)
    kept.once()
    assert set(kept.turns) == {turn.id for turn in turns}
    assert len(kept.episodes) == sum(episode is not None for episode in done) == 1
    assert len(asked(workers)) <= 2


async def test_workers_that_come_back_fold_each_window_once(workers: list[Script]) -> None:
    turns = await workers[0].write(24, "t", ALEX)

    async def work(worker: Script) -> None:
        for _ in range(4):
            await folded(worker.parts, "t")

    await asyncio.gather(*map(work, workers[:20]))
    kept = await kept_of(workers[0].parts, ALEX)
    kept.once()
    assert set(kept.turns) == {turn.id for turn in turns} and len(kept.episodes) > 1
    windows = asked(workers)
    assert len(windows) == len(set(windows)) == len(kept.episodes)


async def test_a_holder_that_outlives_its_lease_does_no_harm(workers: list[Script]) -> None:
    slow, quick = workers[0], workers[-1]
    await slow.write(8, "t", ALEX)

    async def overtaken() -> None:
        slow.memory.meanwhile = patience
        slow.clock.passes(minutes=5)
        await folded(quick.parts, "t")

    slow.memory.meanwhile = overtaken
    assert await folded(slow.parts, "t") is None
    kept = await kept_of(slow.parts, ALEX)
    kept.once()
    assert len(kept.episodes) == 1 and len(kept.turns) == 8 and not kept.claimed
    assert len(asked(workers)) == 2


async def test_workers_extract_each_fact_once(workers: list[Script]) -> None:
    await workers[0].write(8, "t", ALEX)
    tier = workers[0].parts.settings.plus
    done = await asyncio.gather(*(extract(w.parts, ALEX, None, tier) for w in workers[:10]))
    kept = await kept_of(workers[0].parts, ALEX)
    said = Counter(mark for fact in kept.facts for mark in marks(fact.text))
    assert said == Counter({f"mark{number}a": 1 for number in range(1, 9)})
    assert sum(len(work.added) for work in done if work) == 8
    read = Counter(ref for script in processes(workers) for ref in script.memory.read)
    assert set(read.values()) == {1}, "each message is read once"


async def test_folding_and_extracting_at_once_loses_no_fact(workers: list[Script]) -> None:
    await workers[0].write(12, "t", ALEX)
    asked_for = remember.RememberInput(user_id="alex")
    runs = (remember.build(w.parts).compile().ainvoke(asked_for) for w in workers[:10])
    await asyncio.gather(*runs)
    kept = await kept_of(workers[0].parts, ALEX)
    kept.once()
    assert {mark for fact in kept.facts for mark in marks(fact.text)} == {
        f"mark{number}a" for number in range(1, 13)
    }


async def test_a_fact_deleted_while_it_is_heard_again_stays_deleted(workers: list[Script]) -> None:
    script = workers[0]
    await script.write(2, "t", ALEX)
    done = await extract(script.parts, ALEX, None, script.parts.settings.plus)
    assert done is not None
    first = done.added[0]
    await script.say("I do like mark1a a lot", "t", ALEX)

    async def deleted() -> None:
        gone = delete(first, script.clock())
        await script.parts.stores.memories.put(ALEX, None, gone)

    script.memory.meanwhile = deleted
    await extract(script.parts, ALEX, None, script.parts.settings.plus)
    kept = await kept_of(script.parts, ALEX)
    current = [one.fact.text for one in standing(kept.facts, set(kept.turns))]
    assert first.text not in current


@pytest.mark.deep
async def test_turns_on_two_threads_of_an_owner_at_once(workers: list[Script]) -> None:
    one, other = workers[0], workers[-1]

    async def talk(script: Script, thread: str, first: int) -> None:
        for number in range(first, first + 10):
            await script.say(f"Let us speak of mark{number}a now", thread, ALEX)

    await asyncio.gather(talk(one, "t", 1), talk(other, "u", 101))
    one.clock.passes(minutes=5)
    await one.say("And mark50a at last", "t", ALEX)
    kept = await kept_of(one.parts, ALEX)
    kept.once()
    assert len(kept.turns) == 21
    shown = set(marks(seen(one.chat.prompts[-1]).text))
    assert {f"mark{number}a" for number in range(1, 11)} <= shown


async def test_a_call_that_is_cancelled_blocks_no_other(workers: list[Script]) -> None:
    parts = workers[0].parts
    await workers[0].write(2, "t", ALEX)
    for steps in range(12):
        calls = [
            asyncio.create_task(parts.stores.journal.read(ALEX)),
            asyncio.create_task(parts.stores.journal.rows_changed(ALEX, None)),
        ]
        for _ in range(steps):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        try:
            assert len((await parts.stores.journal.read(ALEX)).turns) == 2
        except StoreUnavailable as error:
            raise AssertionError("a cancelled call left the journal in its way") from error
