"""Histories that once broke a promise, each as short as it can be told."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from domain.owner import Owner
from nodes.messages.refusal import TurnRefused
from service.ops.sweep import sweep
from stores.maintenance.erase import forget, reset
from tests.support.kept import kept_of, seen
from tests.support.models.scripted import Script, marks, on, open_script, scripted_settings
from tests.support.stores import raw_stores

ALEX = Owner("alex")


@pytest.fixture
async def script(tmp_path: Path, backend: dict[str, Any]) -> AsyncIterator[Script]:
    settings = scripted_settings(tmp_path / "data", fold_turns=4, extract_turns=50, **backend)
    async with open_script(settings) as script:
        yield script


def said(*numbers: int) -> set[str]:
    return {f"mark{number}a" for number in numbers}


async def shown(script: Script, text: str, thread: str = "t", **more: Any) -> set[str]:
    """Say something and return what its prompt showed of what the user said."""
    await script.say(text, thread, ALEX, **more)
    return {mark for mark in marks(seen(script.chat.prompts[-1]).text) if mark.startswith("mark")}


async def here(script: Script, thread: str = "t") -> Any:
    return (await script.graph().aget_state(on(thread))).config


@pytest.mark.deep
async def test_a_branch_off_inside_an_episode_stays_whole_when_it_is_folded(script: Script) -> None:
    await script.talk(1, 2, "t", ALEX)
    fork = await here(script)
    await script.talk(3, 7, "t", ALEX)
    await script.say("Rather mark20a", "t", ALEX, at=fork)
    await script.talk(21, 27, "t", ALEX)
    expected = said(1, 2, *range(20, 29))
    assert await shown(script, "And mark28a") == expected
    await script.parts.stores.checkpointer.adelete_checkpoints("t")
    assert await shown(script, "And mark29a") == expected | said(29)


async def test_a_copy_of_a_copy_under_the_old_name_is_folded_without_gaps(script: Script) -> None:
    checkpoints = script.parts.stores.checkpointer
    later = script.parts.settings.model_copy(update={"fold_turns": 6})
    parts = replace(script.parts, settings=later)
    await script.say("Hello mark1a", "t", ALEX)
    await checkpoints.acopy_thread("t", "u")
    await script.say("Hello mark2a", "u", ALEX)
    await checkpoints.adelete_thread("t")
    await checkpoints.acopy_thread("u", "t")
    await script.talk(3, 8, "t", ALEX, parts=parts)
    (await kept_of(script.parts, ALEX)).once()
    assert await shown(script, "And mark9a", parts=parts) == said(*range(1, 10))


@pytest.mark.deep
async def test_a_branch_that_was_swept_comes_back_from_its_thread(script: Script) -> None:
    await script.talk(1, 2, "t", ALEX)
    fork = await here(script)
    await script.talk(3, 4, "t", ALEX)
    old = await here(script)
    await script.talk(5, 7, "t", ALEX)
    await script.say("Rather mark20a", "t", ALEX, at=fork)
    for _ in range(2):
        await sweep(script.parts)
        script.clock.passes(days=8)
    await sweep(script.parts)
    await script.say("Back to mark8a", "t", ALEX, at=old)
    kept = await kept_of(script.parts, ALEX)
    assert {marks(turn.messages[0].text)[0] for turn in kept.turns.values()} >= said(1, 2, 3, 4, 8)
    assert await shown(script, "And mark9a") >= said(1, 2, 3, 4, 8, 9)


async def test_a_copied_thread_without_a_reply_is_reset_with_the_others(
    script: Script, tmp_path: Path, backend: dict[str, Any]
) -> None:
    script.chat.fails = 1
    with pytest.raises(RuntimeError):
        await script.say("Hello mark1a", "t", ALEX)
    await script.parts.stores.checkpointer.acopy_thread("t", "copy")
    await reset(script.parts.stores, ALEX)
    assert raw_stores.rows(backend, tmp_path / "data") == set()


async def test_who_speaks_while_being_forgotten_is_found_by_the_next_forget(
    script: Script, tmp_path: Path, backend: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that begins after the reset of a forget and before its end is a new conversation."""
    await script.talk(1, 2, "t", ALEX)
    stores = script.parts.stores
    clear = stores.memories.clear

    async def cleared(*args: Any) -> int:
        monkeypatch.undo()
        await script.say("Hello mark9a", "t", ALEX)
        return await clear(*args)

    monkeypatch.setattr(stores.memories, "clear", cleared)
    await forget(stores, "alex")
    await forget(stores, "alex")
    assert raw_stores.rows(backend, tmp_path / "data") == set()


async def test_a_stranger_who_is_refused_removes_nothing(script: Script) -> None:
    await script.say("Hello mark1a", "t", ALEX)
    added = {"messages": [HumanMessage("And mark2a")]}
    await script.graph().aupdate_state(on("t"), added, as_node="finish")
    with pytest.raises(TurnRefused):
        await script.say("Hello mark1b", "t", Owner("eve"))
    assert await shown(script, "Hello mark3a") == said(1, 2, 3)


async def test_a_message_that_is_too_large_takes_no_other_with_it(script: Script) -> None:
    await script.say("Hello mark1a", "t", ALEX)
    added = {"messages": [HumanMessage("And mark2a")]}
    await script.graph().aupdate_state(on("t"), added, as_node="finish")
    with pytest.raises(TurnRefused, match="smaller parts"):
        await script.say("Hello mark3a " + "word " * 9000, "t", ALEX)
    assert await shown(script, "Hello mark4a") == said(1, 2, 4)
