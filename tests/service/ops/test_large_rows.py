"""Rows larger than any of ours, which another program wrote, keep no turn waiting and are named."""

import json
import time
from typing import Any

import pytest

from domain.owner import Owner
from domain.records import Episode, Fact, Said, Turn
from domain.rows import key_of
from service.ops.doctor import examine
from service.ops.doctor_stores import checks_of
from stores.journal.backend import Write
from stores.maintenance.erase import reset
from tests.support.house import House, Open
from tests.support.pace import took

ALEX = Owner("alex")
LARGE = "I like tea and mark99. " * 220_000
"""Five megabytes, of which each sentence would be read."""
SECONDS = 5.0
"""Within which a turn must end, on an idle machine; to read such a row took minutes."""


@pytest.fixture
def backend(every_backend: dict[str, Any]) -> dict[str, Any]:
    """Every kind of store there is."""
    return every_backend


async def write_large(house: House) -> None:
    """Write five megabytes over a turn and an entry of Alex's journal, and beside his memories."""
    stores = house.parts.stores
    raw = await stores.journal.backend.read(ALEX)
    id, stored = next(iter(raw.turns.items()))
    turn = json.loads(stored)
    turn["messages"][0]["text"] = LARGE
    dead = json.dumps({LARGE: "2026-05-08"})
    write = Write(fields={"dead": dead}, turns={id: json.dumps(turn)})
    assert await stores.journal.backend.commit(ALEX, raw.generation, raw.version, write)
    at = house.clock()
    said = Said(id="m", role="user", text=LARGE, at=at)
    old = Turn(id="old", parent=None, thread="t", at=at, messages=(said,))
    episode = Episode(id="large", thread="t", summary="They spoke.", turns=(old,))
    fact = Fact(id="large", text=LARGE, sources=("old/0",), observed_at=at, valid_from=at)
    for record in (episode, fact):
        kind, key = key_of(record)
        value = {"text": "tea", "record": record.model_dump(mode="json")}
        await stores.long_term.aput(ALEX.namespace(raw.generation, kind), key, value, index=False)


async def test_rows_larger_than_any_are_passed_over_named_and_removed(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=40, extract_turns=2) as house:
        await house.talk(1, 5)
        await write_large(house)
    async with open_house(fold_turns=40, extract_turns=2) as house:
        begun = time.monotonic()
        for thread in ("t", "another"):
            await house.say("What of mark6?", thread)
            assert "mark6" in house.shown() and "mark99" not in house.shown()
        assert took(begun) < SECONDS
        settings = house.parts.settings
    checks, _ = await examine(settings, *checks_of(settings))
    named = next(check.text for check in checks if check.name == "damaged rows")
    assert "2 of memories" in named and "entry dead" in named
    assert "1 of journals" in named  # The turn is written again: its thread still holds it.
    async with open_house() as house:
        await reset(house.parts.stores, ALEX)
        await house.say("Begin with mark90")
        assert house.shown() == {"mark90"}
