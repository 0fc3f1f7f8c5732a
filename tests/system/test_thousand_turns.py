"""A long conversation during which everything fails now and then: nothing is lost or told twice."""

from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from domain.owner import Owner
from domain.turns import live, parents_of
from graph import remember
from models.errors import ModelError
from nodes.messages.refusal import TurnRefused
from stores.errors import CheckpointGone, StoreUnavailable
from tests.support.models.scripted import Script, marks, open_script, scripted_settings
from tests.support.stores.faults import Faults

ALEX = Owner("alex")
CLEAR = (ModelError, StoreUnavailable, TurnRefused, CheckpointGone)
"""What a turn may end with instead of a reply; each is one sentence."""
TRIES = 25


async def _say(script: Script, faults: Faults, number: int) -> Counter[str]:
    """Say something; after an error look whether there is a reply, and say it again if not."""
    ended: Counter[str] = Counter()
    id, thread = uuid4().hex, f"t{number % 3}"
    for _ in range(TRIES):
        try:
            result = await script.say(f"Let us speak of mark{number}a now", thread, ALEX, id=id)
            messages = result["messages"]
        except CLEAR as error:
            assert str(error)
            ended[type(error).__name__] += 1
            faults.on = False
            messages = (await script.state(thread)).get("messages", [])
            faults.on = True
        if id in [message.id for message in messages[:-1]] and messages[-1].type == "ai":
            assert messages[-1].text
            ended["reply"] += 1
            return ended
    raise AssertionError(f"no reply to message {number} in {TRIES} tries: {ended}")


async def _talk(folder: Path, backend: dict[str, Any], turns: int, faults: Faults) -> Any:
    """Have the conversation; return how tries ended, what is covered, and the current facts."""
    rules: dict[str, Any] = {"fold_turns": 12, "extract_turns": 4}
    settings = scripted_settings(folder, **rules, **backend)
    async with open_script(settings) as script:
        faults.among(script)
        ended: Counter[str] = Counter()
        for number in range(turns):
            ended += await _say(script, faults, number)
        faults.on = False
        journal, before = script.parts.stores.journal, -1
        while (view := await journal.read(ALEX)).version != before:
            before = view.version
            script.clock.passes(minutes=31)  # every lease has run out, every thread is idle
            asked = remember.RememberInput(user_id=ALEX.user_id)
            await remember.build(script.parts).compile().ainvoke(asked)
        memories = script.parts.stores.memories
        episodes = await memories.episodes(ALEX, view.generation)
        kept = [*view.turns.values(), *(turn for e in episodes for turn in e.turns)]
        reached = live(view.refs.values(), parents_of(kept))
        facts = await memories.facts(ALEX, view.generation)
        superseded = {id for fact in facts for id in fact.supersedes}
        current = Counter(f.text for f in facts if f.id not in superseded and not f.deleted)
        return ended, kept, reached, current


@pytest.mark.deep
@pytest.mark.timeout(2400)
async def test_a_thousand_turns_with_faults_in_every_call_lose_nothing(tmp_path: Path) -> None:
    await _loses_nothing(tmp_path, {}, 1000, Faults(1, 0.02))


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_a_hundred_turns_on_servers_with_faults_in_every_call_lose_nothing(
    tmp_path: Path, redis_url: str, chroma_url: str
) -> None:
    servers = {"redis_url": redis_url, "chroma_url": chroma_url}
    await _loses_nothing(tmp_path, servers, 100, Faults(2, 0.05))


async def _loses_nothing(
    tmp_path: Path, backend: dict[str, Any], turns: int, faults: Faults
) -> None:
    ended, kept, reached, current = await _talk(tmp_path, backend, turns, faults)
    assert ended["reply"] == turns and faults.struck.total() > turns / 4
    assert len({turn.id for turn in kept}) == len(kept), "a turn is in two places"
    said = Counter(
        mark
        for turn in kept
        if turn.id in reached
        for one in turn.messages
        if one.role == "user"
        for mark in marks(one.text)
    )
    assert set(said) == {f"mark{number}a" for number in range(turns)}, "a message is lost"
    assert set(said.values()) == {1}, "a message is kept twice"
    assert current == Counter(f"The user likes mark{number}a." for number in range(turns))
