"""Owners whose ids look alike never meet: read, search, update, delete and export, everywhere."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from domain.records import Entity, Fact
from stores.maintenance.erase import forget, reset
from stores.maintenance.export import export_user
from tests.stores.chroma.test_isolation import LABELS
from tests.support.house import Clock
from tests.support.models.scripted import Script, marks, open_script, scripted_settings

BOUNDARIES = [
    ("a:b", "c"), ("a", "b:c"), ("a-b", "c"), ("a", "b-c"), ("a/b", "c"), ("a", "b/c"),
    ("a\x00b", "c"), ("a", "b\x00c"), ("ab", "c"), ("a", "bc"), ("default", "default"),
]  # fmt: skip
OWNERS = list(
    dict.fromkeys(
        [Owner(label) for label in LABELS if label]
        + [Owner("alex", label) for label in LABELS[::4] if label]
        + [Owner(*pair) for pair in BOUNDARIES]
    )
)
PAIRS = len(list(combinations(OWNERS, 2)))
SAME = "0" * 32
"""The id that a fact of every owner has."""


def mark(owner: Owner) -> str:
    return f"mark{OWNERS.index(owner)}a"


def fact(owner: Owner, clock: Clock, more: str = "") -> Fact:
    return Fact(
        id=SAME,
        text=f"The user likes {mark(owner)}{more}.",
        subject="user",
        sources=(f"{OWNERS.index(owner)}/0",),
        observed_at=clock(),
        valid_from=clock(),
    )


async def settle_in(script: Script) -> None:
    """Have every owner say something, with a fact and an entity of the same ids."""
    for number, owner in enumerate(OWNERS):
        await script.say(f"Let us speak of {mark(owner)} now", f"thread-{number}", owner)
        thing = Entity(
            id=SAME, name=mark(owner), kind="product", sources=(f"{number}/0",), attributes=()
        )
        await script.parts.stores.memories.put(owner, None, fact(owner, script.clock), thing)


async def held(script: Script, owner: Owner) -> str:
    """Return all that the stores give for an owner, by every way of reading, as text."""
    stores = script.parts.stores
    view = await stores.journal.read(owner)
    rows = await stores.memories.all(owner, view.generation)
    near = await stores.memories.nearest(owner, view.generation, "likes", limits={"fact": 50})
    found = await stores.recall.recall(
        owner, view, "What does the user like?", budget=2000, now=script.clock(), widen=True
    )
    entities = await stores.recall.entities(owner, view, " ".join(map(mark, OWNERS)))
    assert len(near["fact"]) == len(rows.facts) <= 1 and len(rows.entities) <= 1
    records = (*view.turns.values(), *rows.facts, *rows.entities, *found.items)
    return "\n".join([*(record.model_dump_json() for record in records), *entities])


async def exported(script: Script, owner: Owner) -> str:
    """Return the lines that an export gives for one owner."""
    lines = [line async for line in export_user(script.parts.stores, owner.user_id)]
    own = [line for line in lines if line.get("character_id") == owner.character_id]
    return "\n".join(map(json.dumps, own))


async def all_have_their_own(script: Script, but: set[Owner]) -> None:
    for owner in OWNERS:
        expected = set() if owner in but else {mark(owner)}
        for text in (await held(script, owner), await exported(script, owner)):
            assert {m for m in marks(text) if m.startswith("mark")} == expected, owner


@pytest.mark.deep
def test_there_are_more_than_two_hundred_pairs() -> None:
    assert PAIRS > 200 and len({owner.key for owner in OWNERS}) == len(OWNERS)


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_owners_that_look_alike_never_meet(
    tmp_path: Path, every_backend: dict[str, Any]
) -> None:
    settings = scripted_settings(tmp_path, fold_turns=50, extract_turns=50, **every_backend)
    async with open_script(settings) as script:
        stores = script.parts.stores
        await settle_in(script)
        await all_have_their_own(script, set())

        changed = OWNERS[::3]
        for owner in changed:
            await stores.memories.put(owner, None, fact(owner, script.clock, " very much"))
        for owner in OWNERS:
            known = await stores.memories.fact(owner, None, SAME)
            assert known and known.text.endswith("very much.") == (owner in changed), owner

        gone = set(OWNERS[1::5])
        for owner in gone:
            await reset(stores, owner)
        await all_have_their_own(script, gone)

        for user in {owner.user_id for owner in OWNERS[2::7]} - {"alex"}:
            await forget(stores, user)
            gone |= {owner for owner in OWNERS if owner.user_id == user}
        await all_have_their_own(script, gone)

        await forget(stores, "alex")
        await all_have_their_own(script, gone | {o for o in OWNERS if o.user_id == "alex"})
