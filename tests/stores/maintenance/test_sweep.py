"""The sweep, and the graph it runs: idle owners are folded, the long dead is deleted, no more."""

import asyncio
from datetime import timedelta
from typing import Literal

import pytest
from langchain_core.messages import HumanMessage

from domain.journal import JournalView
from domain.owner import Owner
from graph.remember import RememberInput, build
from nodes.state import ChatContext, ChatInput
from service.ops.daily_sweep import BEGUN, sweep_when_due, sweeping
from service.ops.sweep import SWEPT, SweepReport, sweep
from service.serving import open_serving
from service.usage.ledger import read_ledger
from stores.maintenance.erase import reset
from tests.support.house import House, Open, answer
from tests.support.servers.openai_server import Fault

ALEX = Owner("alex")
WEEK = {"days": 8}


async def left(house: House, owner: Owner = ALEX) -> list[str]:
    """Return what the owner's journal still holds, oldest first."""
    view = await house.parts.stores.journal.read(owner)
    turns = sorted(view.turns.values(), key=lambda turn: turn.seq)
    return [turn.messages[0].text for turn in turns]


async def folded(house: House) -> list[str]:
    """Return what the owner's episodes hold, oldest first."""
    return [turn.messages[0].text for e in await house.episodes() for turn in e.turns]


async def is_swept(house: House) -> None:
    for _ in range(500):
        if await house.episodes():
            break
        await asyncio.sleep(0.01)


async def swept(house: House, **later: float) -> SweepReport:
    house.clock.passes(**later)
    return await sweep(house.parts)


async def test_an_idle_owner_is_folded_to_the_end_and_is_still_known(open_house: Open) -> None:
    async with open_house(extract_turns=3) as house:
        await house.talk(1, 5, "first")
        await house.talk(6, 8, "second")
        before = await left(house)
        report = await swept(house, **WEEK)
        assert (report.owners, report.emptied, report.episodes, report.folded) == (1, 1, 2, 16)
        assert await left(house) == [] and sorted(await folded(house)) == sorted(before)
        view = await house.parts.stores.journal.read(ALEX)
        assert view.cursor == view.seq == 8
        await house.say("What about mark9?", "second")
        assert {"mark6", "mark7", "mark8", "mark9"} <= house.shown()


async def test_whoever_spoke_lately_is_left_alone(open_house: Open) -> None:
    async with open_house() as house:
        await house.talk(1, 3)
        report = await swept(house, days=6)
        assert (report.owners, report.emptied, report.folded) == (1, 0, 0)
        assert len(await left(house)) == 3


async def test_of_all_serving_processes_one_sweeps_a_day(open_house: Open) -> None:
    day = timedelta(days=1)
    async with open_house() as house:
        await house.talk(1, 3)
        for _ in range(2):
            house.clock.passes(**WEEK)
            swept_here, elsewhere = [await sweep_when_due(house.parts, day) for _ in range(2)]
            assert swept_here is not None and elsewhere is None
        house.clock.passes(hours=20)
        await sweep(house.parts)  # By hand.
        house.clock.passes(hours=20)
        assert await sweep_when_due(house.parts, day) is None


@pytest.mark.parametrize("mark", ["no time", "2026-05-08", "2999-01-01T00:00:00+00:00"])
async def test_no_mark_keeps_a_server_from_sweeping_at_no_users_expense(
    open_house: Open, mark: str
) -> None:
    async with open_house(sweep_every=timedelta(seconds=0.1)) as house:
        parts, marks = house.parts, house.parts.stores.journal.backend
        await house.talk(1, 3)
        house.clock.passes(**WEEK)
        for name in (BEGUN, SWEPT):
            await marks.mark(name, mark)
        async with open_serving(parts), sweeping(parts), asyncio.timeout(5):
            await is_swept(house)
        assert (await read_ledger(parts.stores.journal, parts.settings, ALEX)).lines == []


async def test_a_sweep_that_fails_is_begun_again_and_passes_over_who_cannot_be_swept(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house() as house:
        await house.talk(1, 3, "one")
        await house.talk(1, 3, "two", user="kim")
        house.clock.passes(**WEEK)
        journal, day = house.parts.stores.journal, timedelta(days=1)
        with monkeypatch.context() as broken:
            broken.setattr(journal.backend, "owners", _fails)
            with pytest.raises(RuntimeError):
                await sweep_when_due(house.parts, day)
        read = journal.read

        async def fails_for_alex(owner: Owner, head: str | None = None) -> JournalView:
            if owner == ALEX:
                raise RuntimeError("a fault")
            view: JournalView = await read(owner, head)
            return view

        monkeypatch.setattr(journal, "read", fails_for_alex)
        report = await sweep_when_due(house.parts, day)
        assert report and report.emptied == 1 and "a fault" in str(report.failed)


async def test_a_round_that_fails_does_not_end_the_next_ones(
    open_house: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(sweep_every=timedelta(seconds=0.1)) as house:
        await house.talk(1, 3)
        house.clock.passes(**WEEK)
        with monkeypatch.context() as broken:
            broken.setattr(house.parts.stores.journal.backend, "owners", _fails)
            async with sweeping(house.parts), asyncio.timeout(5):
                for _ in range(500):
                    await asyncio.sleep(0 if "a fault" in caplog.text else 0.01)
                broken.undo()
                await is_swept(house)
        assert "a fault" in caplog.text


async def _fails() -> list[Owner]:
    raise RuntimeError("a fault")


async def test_a_second_sweep_finds_nothing_to_do(open_house: Open) -> None:
    async with open_house() as house:
        await house.talk(1, 4)
        await swept(house, **WEEK)
        again = await swept(house, **WEEK)
        assert again == SweepReport(owners=1)
        mark = await house.parts.stores.journal.backend.mark("swept")
        assert mark is not None and mark.startswith(f"{house.clock.at:%Y-%m-%d}")


async def test_an_abandoned_branch_goes_a_week_after_it_was_seen_dead(open_house: Open) -> None:
    async with open_house(sweep_idle=timedelta(days=100)) as house:
        after = await house.talk(1, 4)
        await house.say("Rather mark3b", at=after[1])
        assert (await swept(house, days=1)).turns_deleted == 0
        assert (await swept(house, days=6)).turns_deleted == 0
        assert (await swept(house, days=2)).turns_deleted == 2
        assert [text[-12:] for text in await left(house)][-1] == "Rather mark3b"[-12:]
        assert len(await left(house)) == 3


async def test_a_branch_that_is_gone_back_to_in_time_stays(open_house: Open) -> None:
    async with open_house(sweep_idle=timedelta(days=100)) as house:
        after = await house.talk(1, 4)
        await house.say("Rather mark3b", at=after[1])
        await swept(house, days=1)
        await house.say("Back to mark5", at=after[3])
        report = await swept(house, **WEEK)
        assert report.turns_deleted == 0, "the other branch has only just been seen dead"
        await house.say("On to mark6")
        assert house.shown() == {f"mark{number}" for number in range(1, 7)}


@pytest.mark.deep
async def test_episodes_of_a_deleted_thread_go_a_week_later(open_house: Open) -> None:
    async with open_house(fold_turns=4, extract_turns=100) as house:
        await house.talk(1, 8, "gone")
        await house.talk(21, 22, "kept")
        assert await house.episodes()
        await house.parts.stores.checkpointer.adelete_thread("gone")
        first = await swept(house, hours=1)
        assert (first.turns_deleted, first.episodes_deleted, first.lost) == (0, 0, 0)
        last = await swept(house, **WEEK)
        assert last.turns_deleted > 0 and last.episodes_deleted > 0
        text = " ".join(await left(house) + await folded(house))
        assert "mark21" in text and "mark22" in text
        assert not any(f"mark{number} " in text for number in range(1, 9))


async def test_an_owner_whose_refs_are_lost_is_left_alone_and_counted(open_house: Open) -> None:
    async with open_house(fold_turns=4, extract_turns=100) as house:
        await house.talk(1, 6)
        backend = house.parts.stores.journal.backend
        episodes, turns = await house.episodes(), await left(house)
        await backend.erase(ALEX, "first")
        for _ in range(3):
            report = await swept(house, **WEEK)
            assert report.lost == 1 and report.episodes_deleted == report.turns_deleted == 0
        assert await house.episodes() == episodes and turns
        await house.say("A new mark9", "other")
        assert (await swept(house, **WEEK)).lost == 1
        assert await house.episodes() == episodes


async def test_a_model_that_is_down_is_reported_and_tried_again(open_house: Open) -> None:
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 3)
        house.server.default = lambda body: Fault(500)
        report = await swept(house, **WEEK)
        assert report.failed and report.folded == 0 and len(await left(house)) == 3
        house.server.default = answer
        assert (await swept(house, **WEEK)).folded == 6


async def test_a_reset_owner_has_nothing_to_sweep(open_house: Open) -> None:
    async with open_house() as house:
        await house.talk(1, 3)
        await reset(house.parts.stores, ALEX)
        assert (await swept(house, **WEEK)) == SweepReport(owners=1)


async def test_remember_takes_over_a_window_that_somebody_left(open_house: Open) -> None:
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 4)
        journal, view = house.parts.stores.journal, await house.parts.stores.journal.read(ALEX)
        oldest = sorted(view.turns.values(), key=lambda turn: turn.seq)[:2]
        now = house.clock()
        await journal.claim(
            ALEX, None, [t.id for t in oldest], "t", now=now, until=now + timedelta(minutes=3)
        )
        graph = build(house.parts).compile()
        busy = await graph.ainvoke(RememberInput(user_id="alex"))
        assert busy.get("folded", 0) == 0 and len(await left(house)) == 4
        house.clock.passes(minutes=4)
        done = await graph.ainvoke(RememberInput(user_id="alex"))
        assert done["folded"] == 8 and done["episodes"] == 2 and await left(house) == []


@pytest.mark.parametrize("tier", ["free", "plus"])
async def test_remember_spends_no_model_call_on_the_free_tier(
    open_house: Open, tier: Literal["free", "plus"]
) -> None:
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 3)
        house.server.requests.clear()
        await build(house.parts).compile().ainvoke(RememberInput(user_id="alex", tier=tier))
        assert bool(house.server.requests) == (tier == "plus")
        assert [episode.extractive for episode in await house.episodes()] == [tier == "free"]


async def test_a_conversation_beside_the_sweep_loses_nothing(open_house: Open) -> None:
    async with open_house(sweep_idle=timedelta(0), extract_turns=100) as house:
        await house.talk(1, 3)
        await swept(house)
        await house.graph.ainvoke(
            ChatInput(messages=[HumanMessage("Then mark4")]),
            house.config(),
            context=ChatContext(user_id="alex"),
        )
        await swept(house)
        assert await left(house) == []
        assert len(await folded(house)) == 4
