"""What somebody damaged in a journal by hand is passed over; reset and forget work all the same."""

import re
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from stores.maintenance.erase import forget, reset
from tests.support.house import House, Open
from tests.support.stores import raw_stores
from tests.support.stores.by_hand import Hand

ALEX, EVE = Owner("alex"), Owner("eve")
QUICK = ["not JSON", "[]"]
MORE = ["", "null", "5", '{"id": 1}', "[" * 5_000]
BROKEN = [*QUICK, *(pytest.param(value, marks=pytest.mark.deep) for value in MORE)]


@pytest.mark.deep
@pytest.mark.parametrize("value", BROKEN, ids=range(len(BROKEN)))
async def test_damaged_records_are_passed_over_and_can_be_reset(
    open_house: Open, backend: dict[str, Any], tmp_path: Path, value: str
) -> None:
    hand = Hand(backend, tmp_path / "data")
    async with open_house(fold_turns=4, extract_turns=2) as house:
        await house.talk(1, 5)
        await house.talk(7, 7, "e", user="eve")
        for table in ("book", "turns"):
            fields = hand.fields(ALEX, table)
            assert fields
            for field in fields:
                hand.put(ALEX, table, field, value)
        await house.say("Go on to mark6")
        assert "mark6" in house.shown() and "mark7" not in house.shown()
        await _ends(house)


async def test_forgetting_finds_what_no_list_names_any_more(
    open_house: Open, backend: dict[str, Any], tmp_path: Path
) -> None:
    hand, data_dir = Hand(backend, tmp_path / "data"), tmp_path / "data"
    async with open_house(fold_turns=4, extract_turns=2) as house:
        await house.talk(1, 5)
        await house.say("Let us speak of mark6 now", "other", character_id="guide")
        await house.talk(7, 7, "e", user="eve")
        hand.drop_lists(ALEX)
        hand.drop_lists(Owner("alex", "guide"))
        await forget(house.parts.stores, "alex")
        values = [*raw_stores.sqlite_values(data_dir)]
        if "redis_url" in backend:
            values += raw_stores.redis_values(backend["redis_url"])
            values += raw_stores.chroma_values(backend["chroma_url"])
        assert not any(re.search(rb"mark[1-6]\b", value) for value in values)
        await house.say("What was mark8?", "e", user="eve")
        assert house.shown() == {"mark7", "mark8"}


async def _ends(house: House) -> None:
    stores = house.parts.stores
    await reset(stores, ALEX)
    await house.say("Begin with mark90")
    assert house.shown() == {"mark90"}
    await forget(stores, "alex")
    assert ALEX not in await stores.journal.backend.owners()
    await house.say("What was mark8?", "e", user="eve")
    assert house.shown() == {"mark7", "mark8"}
