"""Export and import: the same conversation goes on elsewhere, once, and mixes with no other."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from domain.exported import ImportRefused
from domain.owner import Owner
from graph import remember
from stores.maintenance.erase import reset
from stores.maintenance.export import export_user, import_user
from tests.support.kept import kept_of, seen
from tests.support.models.scripted import Script, Wire, marks, open_script, scripted_settings, wired
from tests.support.stores import raw_stores

ALEX = Owner("alex")
RULES: dict[str, Any] = {"fold_turns": 4, "extract_turns": 3}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Script]:
    """An embedded installation with a conversation."""
    async with open_script(scripted_settings(tmp_path / "here", **RULES)) as script:
        await script.talk(1, 7, "t", ALEX)
        yield script


@pytest.fixture
async def there(tmp_path: Path, backend: dict[str, Any]) -> AsyncIterator[Script]:
    """Another installation, empty."""
    async with open_script(scripted_settings(tmp_path / "there", **RULES, **backend)) as script:
        yield script


async def exported(script: Script) -> list[bytes]:
    """Return the lines of an export, as a file carries them."""
    return [json.dumps(line).encode() async for line in export_user(script.parts.stores, "alex")]


async def text_of(script: Script) -> list[bytes]:
    return sorted(await exported(script))


async def test_the_same_conversation_goes_on_elsewhere(here: Script, there: Script) -> None:
    await import_user(there.parts.stores, await exported(here))
    assert await text_of(there) == await text_of(here)
    await there.say("And mark8a then", "t", ALEX)
    shown = set(marks(seen(there.chat.prompts[-1]).text))
    assert {f"mark{number}a" for number in range(1, 9)} <= shown
    await there.say("What of mark9a?", "another", ALEX)
    assert "mark8a" in seen(there.chat.prompts[-1]).borrowed


async def test_importing_twice_is_the_same_as_once(here: Script, there: Script) -> None:
    lines = await exported(here)
    await import_user(there.parts.stores, lines)
    before = await text_of(there)
    await import_user(there.parts.stores, lines)
    assert await text_of(there) == before == await text_of(here)


@pytest.mark.deep
async def test_importing_again_what_was_folded_meanwhile_folds_nothing_twice(
    here: Script, there: Script
) -> None:
    lines = await exported(here)
    await import_user(there.parts.stores, lines)
    await remember.build(there.parts).compile().ainvoke(remember.RememberInput(user_id="alex"))
    assert not (await kept_of(there.parts, ALEX)).journal
    await import_user(there.parts.stores, lines)
    (await kept_of(there.parts, ALEX)).once()
    await there.talk(8, 12, "t", ALEX)
    kept = await kept_of(there.parts, ALEX)
    kept.once()
    assert len(kept.turns) == 12


async def test_an_import_that_breaks_off_can_be_repeated(here: Script, there: Script) -> None:
    lines = await exported(here)
    for cut in range(1, 20):
        wire = Wire(cut=cut, end=ConnectionError())
        try:
            await import_user(wired(there.parts, wire).stores, lines)
        except ConnectionError:
            await import_user(there.parts.stores, lines)
        assert await text_of(there) == await text_of(here)
        await reset(there.parts.stores, ALEX)
        if not wire.broken:
            return
    raise AssertionError("no import came to its end")


async def test_a_reset_during_an_import_wins(
    here: Script, there: Script, tmp_path: Path, backend: dict[str, Any]
) -> None:
    lines = await exported(here)
    for cut in range(1, 20):
        wire = Wire(cut=cut, meanwhile=lambda: reset_alex(there))
        try:
            await import_user(wired(there.parts, wire).stores, lines)
        except ImportRefused as refused:
            assert str(refused).startswith("Line 2 ") and "meanwhile" in str(refused)
            assert raw_stores.rows(backend, tmp_path / "there") == set()
        await reset_alex(there)
        if not wire.broken:
            return
    raise AssertionError("no import came to its end")


async def reset_alex(script: Script) -> None:
    await reset(script.parts.stores, ALEX)


async def test_an_import_into_another_conversation_is_refused(here: Script, there: Script) -> None:
    await there.say("Hello mark1b", "u", ALEX)
    before = await text_of(there)
    with pytest.raises(ImportRefused, match=r"^Line 2 .*reset it first"):
        await import_user(there.parts.stores, await exported(here))
    assert await text_of(there) == before


async def test_an_import_into_one_that_went_on_is_refused(here: Script, there: Script) -> None:
    lines = await exported(here)
    await import_user(there.parts.stores, lines)
    await there.talk(8, 12, "t", ALEX)
    before = await text_of(there)
    with pytest.raises(ImportRefused, match=r"^Line 2 .*reset it first"):
        await import_user(there.parts.stores, lines)
    assert await text_of(there) == before


async def test_a_thread_of_somebody_else_is_not_taken_over(here: Script, there: Script) -> None:
    await there.say("Hello mark1b", "t", Owner("eve"))
    with pytest.raises(ImportRefused, match=r"^Line 2 .*somebody else"):
        await import_user(there.parts.stores, await exported(here))
    await there.say("Hello mark2b", "t", Owner("eve"))
    assert set(marks(seen(there.chat.prompts[-1]).text)) == {"mark1b", "reply1b", "mark2b"}


async def test_two_characters_come_with_what_is_theirs(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        names = ("here", "there")
        here, there = [
            await stack.enter_async_context(open_script(scripted_settings(tmp_path / name)))
            for name in names
        ]
        await here.talk(1, 2, "t", ALEX)
        await here.talk(3, 4, "u", Owner("alex", "Mira"))
        await import_user(there.parts.stores, await exported(here))
        assert await text_of(there) == await text_of(here)
        assert "mark3a" not in (await kept_of(there.parts, ALEX)).text
