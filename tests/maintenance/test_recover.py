"""A journal that is lost for good is rebuilt from checkpoints and episodes."""

from domain.owner import Owner
from nodes.message_stamps import turns_in
from stores.maintenance.recover import recover
from tests.support.house import House, Open


async def lose_journal(house: House, *owners: Owner) -> None:
    backend = house.parts.stores.journal.backend
    for owner in owners:
        view = await house.parts.stores.journal.read(owner)
        for thread in view.threads:
            await backend.drop_thread(thread)
        await backend.erase(owner, view.generation or "first")
        await backend.drop_owner(owner)


async def test_a_lost_journal_is_rebuilt_and_the_conversation_goes_on(open_house: Open) -> None:
    alex = Owner("alex")
    async with open_house(fold_turns=4, extract_turns=100) as house:
        await house.talk(1, 9)
        await house.talk(10, 12, "other", user="eve@example.com")
        before = await house.parts.stores.journal.read(alex)
        await lose_journal(house, alex, Owner("eve@example.com"))
        assert not (await house.parts.stores.journal.read(alex)).refs
        done = await recover(house.parts.stores, turns_in)
        assert done.owners == 2 and done.problems == []
        after = await house.parts.stores.journal.read(alex)
        assert after.refs == before.refs and after.seq == before.seq
        assert set(after.turns) == set(before.turns)
        await house.say("Go on to mark10")
        assert house.shown() == {f"mark{n}" for n in range(1, 11)}


async def test_a_journal_that_is_there_is_left_alone(open_house: Open) -> None:
    async with open_house(fold_turns=4) as house:
        await house.talk(1, 6)
        before = await house.parts.stores.journal.read(Owner("alex"))
        assert (await recover(house.parts.stores, turns_in)).owners == 0
        assert await house.parts.stores.journal.read(Owner("alex")) == before


async def test_what_cannot_be_recovered_is_said(open_house: Open) -> None:
    async with open_house(fold_turns=4, extract_turns=100) as house:
        await house.talk(1, 6)
        await house.parts.stores.checkpointer.adelete_checkpoints("t")
        await lose_journal(house, Owner("alex"))
        done = await recover(house.parts.stores, turns_in)
        assert done.owners == 1 and any("lost" in problem for problem in done.problems)
        await house.say("Go on to mark9")
        assert {"mark1", "mark2", "mark9"} <= house.shown()
