"""A crash between any two effects of a fold or an extraction changes nothing of what is kept."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from graph import remember
from nodes.extract_facts import extract
from nodes.schedule import schedule
from nodes.state import Parts
from nodes.summarize import fold_window
from stores.errors import StoreUnavailable
from tests.support.kept import kept_of
from tests.support.models.scripted import (
    Crash,
    Script,
    Wire,
    marks,
    open_script,
    restarted,
    scripted_settings,
    wired,
)

TURNS = 6
Contents = dict[str, list[Any]]


async def folding(parts: Parts, owner: Owner, thread: str) -> None:
    """Fold what is due, as a turn does after its reply."""
    view = await parts.stores.journal.read(owner)
    tier = parts.settings.tier(None)
    window = schedule(parts, owner, tier, view, thread, view.refs[thread]).fold
    assert window is not None
    await fold_window(parts, owner, view.generation, window, tier)


async def extracting(parts: Parts, owner: Owner, thread: str) -> None:
    """Extract what is due, as a turn does after its reply."""
    view = await parts.stores.journal.read(owner)
    await extract(parts, owner, view.generation, parts.settings.plus)


async def remembering(parts: Parts, owner: Owner, thread: str) -> None:
    """Do what is due in the background."""
    asked = remember.RememberInput(user_id=owner.user_id, thread=thread)
    await remember.build(parts).compile().ainvoke(asked)


Work = Callable[[Parts, Owner, str], Awaitable[None]]


@pytest.fixture
async def script(tmp_path: Path, backend: dict[str, Any]) -> AsyncIterator[Script]:
    rules = {"fold_turns": TURNS, "extract_turns": TURNS}
    async with open_script(scripted_settings(tmp_path, **rules, **backend)) as script:
        yield script


async def lived(script: Script, name: str, work: Work, wire: Wire) -> Contents:
    """Talk, do the work on a wire that may be cut, go on talking; return what is kept then."""
    owner = Owner(name)
    await script.write(TURNS, name, owner)
    try:
        await work(wired(script.parts, wire), owner, name)
    except (Crash, StoreUnavailable):
        assert wire.broken
    script.clock.passes(minutes=5)
    await script.say("Thanks for all that", name, owner, parts=restarted(script.parts))
    return await contents(script, owner)


async def contents(script: Script, owner: Owner) -> Contents:
    """Return what is kept, in the user's words: turns, summaries, facts and how they hang on."""
    kept = await kept_of(script.parts, owner)
    kept.once()

    def words(id: str) -> str:
        return kept.turns[id].messages[0].text

    return {
        "episodes": sorted([words(turn.id) for turn in e.turns] for e in kept.episodes),
        "summaries": sorted(marks(e.summary.replace("reply", "")) for e in kept.episodes),
        "journal": sorted(words(id) for id in kept.journal),
        "facts": sorted((fact.text, len(fact.sources)) for fact in kept.facts),
        "entities": sorted((entity.name, len(entity.sources)) for entity in kept.entities),
        "tree": sorted((words(id), words(t.parent)) for id, t in kept.turns.items() if t.parent),
    }


@pytest.mark.deep
@pytest.mark.parametrize("end", [Crash(), StoreUnavailable("down")], ids=["crash", "store down"])
@pytest.mark.parametrize("work", [folding, extracting, remembering])
async def test_cut_off_before_any_effect_the_next_turn_makes_up_for_it(
    script: Script, work: Work, end: BaseException
) -> None:
    whole = Wire()
    expected = await lived(script, "whole", work, whole)
    assert expected["episodes"] and len(expected["facts"]) == TURNS
    for cut in count(1):
        wire = Wire(cut=cut, end=end)
        assert await lived(script, f"cut{cut}", work, wire) == expected, whole.passed[:cut]
        if not wire.broken:
            break
    assert cut == len(whole.passed) + 1 > 3
