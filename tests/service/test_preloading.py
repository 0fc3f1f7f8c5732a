"""A serving process has at hand what is remembered before the first message asks for it."""

import asyncio

from domain.owner import Owner
from service.serving import FEW, open_serving
from tests.support.house import House, Open

ALEX = Owner("alex")


async def loaded_at_start(house: House) -> bool:
    """Return whether a process that starts loads what it does not hold, asked by nobody."""
    recall = house.parts.stores.recall
    await house.parts.stores.background.finish(10)  # The last turn's own loading.
    recall.forget(ALEX)
    assert not recall.nbytes
    async with open_serving(house.parts):
        for _ in range(200):
            await asyncio.sleep(0.01)
            if recall.nbytes:
                return True
    return False


async def test_the_first_message_to_a_small_installation_waits_for_no_memory(
    open_house: Open,
) -> None:
    async with open_house() as house:
        await house.talk(1, 3)
        assert await loaded_at_start(house)


async def test_a_large_installation_loads_what_is_asked_for(open_house: Open) -> None:
    async with open_house() as house:
        await house.talk(1, 3)
        for number in range(FEW):
            await house.parts.stores.journal.note_thread(Owner(f"user-{number}"), None, f"{number}")
        assert not await loaded_at_start(house)
