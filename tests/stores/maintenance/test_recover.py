"""A journal that is lost for good is rebuilt from checkpoints and episodes."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from nodes.messages.stamps import turns_reader
from stores.maintenance.recover import Recovered, journal_lost, recover
from tests.support.house import Clock, House, Open


async def lose_journal(house: House, *owners: Owner) -> None:
    backend = house.parts.stores.journal.backend
    for owner in owners:
        view = await house.parts.stores.journal.read(owner)
        await backend.drop_holders(await backend.holders([*view.threads]))
        await backend.erase(owner, view.generation or "first")
        await backend.drop_owner(owner)


async def rebuilt(house: House) -> Recovered:
    stores = house.parts.stores
    return await recover(stores, turns_reader(stores.key))


@pytest.mark.deep
async def test_a_lost_journal_is_rebuilt_and_the_conversation_goes_on(open_house: Open) -> None:
    alex = Owner("alex")
    async with open_house(fold_turns=4, extract_turns=100) as house:
        await house.talk(1, 9)
        await house.talk(10, 12, "other", user="eve@example.com")
        before = await house.parts.stores.journal.read(alex)
        await lose_journal(house, alex, Owner("eve@example.com"))
        assert not (await house.parts.stores.journal.read(alex)).refs
        done = await rebuilt(house)
        assert done.owners == 2 and done.problems == []
        after = await house.parts.stores.journal.read(alex)
        assert after.refs == before.refs and after.seq == before.seq
        assert set(after.turns) == set(before.turns)
        await house.say("Go on to mark10")
        assert house.shown() == {f"mark{n}" for n in range(1, 11)}


async def test_a_journal_that_is_there_is_left_alone_and_what_was_reset_stays_so(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=4) as house:
        await house.talk(1, 6)
        journal = house.parts.stores.journal
        before = await journal.read(Owner("alex"))
        assert (await rebuilt(house)).owners == 0
        assert await journal.read(Owner("alex")) == before
        generation, _ = await journal.renew(Owner("alex"))  # And the rows were not deleted yet.
        assert (await rebuilt(house)).owners == 0
        assert (await journal.read(Owner("alex"))).generation == generation


async def test_what_cannot_be_recovered_is_said(open_house: Open) -> None:
    async with open_house(fold_turns=4, extract_turns=100) as house:
        await house.talk(1, 6)
        await house.parts.stores.checkpointer.adelete_checkpoints("t")
        await lose_journal(house, Owner("alex"))
        done = await rebuilt(house)
        assert done.owners == 1 and any("lost" in problem for problem in done.problems)
        await house.say("Go on to mark9")
        assert {"mark1", "mark2", "mark9"} <= house.shown()


async def test_a_state_that_names_another_owner_recovers_nothing_into_her_memory(
    open_house: Open,
) -> None:
    alex, eve = Owner("alex"), Owner("eve")
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 2)
        await house.talk(7, 8, "e", user="eve")
        before = await house.parts.stores.journal.read(alex)
        claims = {"owner": alex.key, "who": ["alex", "default"]}
        await house.graph.aupdate_state(house.config("e"), claims, as_node="finish")
        await lose_journal(house, alex, eve)
        done = await rebuilt(house)
        assert any("thread e" in problem for problem in done.problems)
        after = await house.parts.stores.journal.read(alex)
        assert after.refs == before.refs and set(after.turns) == set(before.turns)


async def test_states_that_cannot_be_read_are_told_and_left_alone(open_house: Open) -> None:
    odd: list[dict[str, Any]] = [
        {"owner": 5}, {"who": []}, {"who": ["alex"]}, {"who": "alex"}, {"head": [1]},
        {"generation": {}}, {"who": ["", ""]},
    ]  # fmt: skip
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 2)
        for number, values in enumerate(odd):
            await house.say("I speak of mark7", f"odd{number}", user=f"odd{number}")
            config = house.config(f"odd{number}")
            await house.graph.aupdate_state(config, values, as_node="finish")
        await lose_journal(house, Owner("alex"))
        done = await rebuilt(house)
        assert done.owners == 1 and done.turns == 2
        assert len([p for p in done.problems if "cannot be read" in p]) == len(odd)


@pytest.mark.deep
@pytest.mark.parametrize("backend", [{}], ids=["embedded"])
async def test_a_journal_older_than_the_episodes_goes_on_after_them(
    open_house: Open, tmp_path: Path
) -> None:
    alex, few = Owner("alex"), {"fold_turns": 4, "extract_turns": 100, "clock": Clock()}
    saved = ("journal.sqlite", "checkpoints.sqlite")
    async with open_house(**few) as house:
        await house.talk(1, 5)
        data = tmp_path / "data"
    for name in saved:
        shutil.copy(data / name, tmp_path / name)
    async with open_house(**few) as house:
        await house.talk(6, 12)
        written = await house.episodes()
    for name in saved:
        shutil.copy(tmp_path / name, data / name)
    async with open_house(**few) as house:
        stores = house.parts.stores
        assert journal_lost(await stores.journal.read(alex), written)
        done = await rebuilt(house)
        assert (done.owners, done.refs) == (1, 1) and "what was said after that" in done.problems[0]
        view = await stores.journal.read(alex)
        assert not journal_lost(view, written) and view.refs == {"t": written[-1].turns[-1].id}
        assert (await rebuilt(house)).owners == 0
        await house.talk(13, 16)
        held = [turn.id for episode in await house.episodes() for turn in episode.turns]
        held += (await stores.journal.read(alex)).turns
        assert len(held) == len(set(held)) == len(written) * 2 + 4
        assert {"mark1", "mark8", "mark16"} <= house.shown()
