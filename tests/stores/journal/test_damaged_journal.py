"""What somebody damaged in a journal by hand is passed over; reset and forget work all the same."""

from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from stores.maintenance.erase import forget, reset
from tests.support.house import House, Open
from tests.support.stores.by_hand import Hand

ALEX, EVE = Owner("alex"), Owner("eve")
QUICK = ["not JSON", "[]"]
MORE = ["", "null", "5", '{"id": 1}', "[" * 5_000]
BROKEN = [*QUICK, *(pytest.param(value, marks=pytest.mark.deep) for value in MORE)]


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


async def _ends(house: House) -> None:
    stores = house.parts.stores
    await reset(stores, ALEX)
    await house.say("Begin with mark90")
    assert house.shown() == {"mark90"}
    await forget(stores, "alex")
    assert ALEX not in await stores.journal.backend.owners()
    await house.say("What was mark8?", "e", user="eve")
    assert house.shown() == {"mark7", "mark8"}
