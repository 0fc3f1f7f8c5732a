"""Edits, regenerations, forks and copies: each prompt shows its own branch and nothing else."""

import pytest

from tests.support.house import House, Open


def marks(*numbers: int | str) -> set[str]:
    return {f"mark{number}" for number in numbers}


FOLDS = [
    pytest.param(20, id="before any fold", marks=pytest.mark.deep),
    pytest.param(6, id="inside a folded window"),
    pytest.param(4, id="after folded windows"),
]


@pytest.mark.parametrize("fold_turns", FOLDS)
async def test_an_edit_leaves_the_old_branch_behind(open_house: Open, fold_turns: int) -> None:
    async with open_house(fold_turns=fold_turns, extract_turns=100) as house:
        after = await house.talk(1, 8)
        await house.say("Rather mark3b than that", at=after[1])
        assert house.shown() == marks(1, 2, "3b")
        await house.say("And mark4b as well")
        assert house.shown() == marks(1, 2, "3b", "4b")


@pytest.mark.deep
@pytest.mark.parametrize("fold_turns", FOLDS)
async def test_the_old_branch_can_be_gone_back_to(open_house: Open, fold_turns: int) -> None:
    async with open_house(fold_turns=fold_turns, extract_turns=100) as house:
        after = await house.talk(1, 8)
        await house.say("Rather mark3b than that", at=after[1])
        await house.say("Back to mark9 again", at=after[7])
        assert house.shown() == marks(*range(1, 10))


@pytest.mark.parametrize("fold_turns", FOLDS)
async def test_the_first_message_can_be_edited(open_house: Open, fold_turns: int) -> None:
    async with open_house(fold_turns=fold_turns, extract_turns=100) as house:
        await house.talk(1, 3)
        history = [s async for s in house.graph.aget_state_history(house.config())]
        empty = [s.config for s in history if not s.values.get("messages")]
        await house.say("Rather mark1b than that", at=empty[-1])
        assert house.shown() == marks("1b")
        await house.say("And mark2b as well")
        assert house.shown() == marks("1b", "2b")


@pytest.mark.parametrize("fold_turns", FOLDS)
async def test_a_reply_can_be_made_again(open_house: Open, fold_turns: int) -> None:
    async with open_house(fold_turns=fold_turns, extract_turns=100) as house:
        await house.talk(1, 7)
        history = [s async for s in house.graph.aget_state_history(house.config())]
        before_reply = next(s.parent_config for s in history if not s.next)
        house.server.answers("Another reply to mark7.")
        result = await house.say(None, at=before_reply)
        assert result["messages"][-1].text == "Another reply to mark7."
        assert house.shown() == marks(*range(1, 8))
        await house.say("On to mark8 now")
        assert house.shown() == marks(*range(1, 9))
        assert "Reply to Let us speak of mark7" not in house.prompt()


@pytest.mark.parametrize("fold_turns", FOLDS)
async def test_a_copied_thread_goes_on_by_itself(open_house: Open, fold_turns: int) -> None:
    async with open_house(fold_turns=fold_turns, extract_turns=100) as house:
        await house.talk(1, 8)
        await house.parts.stores.checkpointer.acopy_thread("t", "copy")
        await house.say("In the copy mark9c comes", "copy")
        assert house.shown() == marks(*range(1, 9), "9c")
        await house.parts.stores.checkpointer.adelete_thread("t")
        await house.say("And then mark10c too", "copy")
        assert house.shown() == marks(*range(1, 9), "9c", "10c")


async def test_a_deleted_thread_is_not_remembered(open_house: Open) -> None:
    async with open_house(fold_turns=4) as house:
        await house.talk(1, 8)
        await house.parts.stores.checkpointer.adelete_thread("t")
        await house.say("What did I say of mark3 and mark7?", "new")
        assert house.shown() == marks(3, 7), "only the question itself"


async def test_no_turn_is_in_two_episodes_and_none_is_lost(open_house: Open) -> None:
    async with open_house(fold_turns=4, extract_turns=100) as house:
        after = await house.talk(1, 8)
        await house.say("Rather mark3b than that", at=after[1])
        for number in range(4, 10):
            await house.say(f"Then mark{number}b came")
        await house.say("Back to mark9 again", at=after[7])
        await held_once(house)


async def held_once(house: House) -> None:
    """Every turn that the thread reaches is in the journal or in exactly one episode."""
    episodes = [t.id for e in await house.episodes() for t in e.turns]
    assert len(episodes) == len(set(episodes))
    state = await house.graph.aget_state(house.config())
    from domain.owner import Owner

    view = await house.parts.stores.journal.read(Owner("alex"))
    parents = {t.id: t.parent for e in await house.episodes() for t in e.turns}
    parents |= {t.id: t.parent for t in view.turns.values()}
    at = state.values["head"]
    while at is not None:
        assert (at in view.turns) != (at in episodes)
        at = parents[at]
