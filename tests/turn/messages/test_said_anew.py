"""What was taken out or forgotten, or lost its reply, is said anew; nothing of it comes back."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, RemoveMessage

from domain.facts.forgetting import Wanted
from domain.owner import Owner
from stores.maintenance.forgetting import forget
from tests.support.house import House, Open
from tests.turn.messages.test_edits_of_what_left_the_thread import SMALL, human, users
from tests.turn.messages.test_said_again import send

OWNER = Owner("alex")


async def forget_turn_of(house: House, message_id: str) -> None:
    """Forget the turn that a message is of, as the page or the command does."""
    view = await house.parts.stores.journal.read(OWNER)
    rows = await house.parts.stores.recall.rows(OWNER, view)
    turns = {**rows.folded, **view.turns}.values()
    gone = {turn.id for turn in turns if message_id in {said.id for said in turn.messages}}
    wanted = Wanted(removed=gone)
    await forget(house.parts.stores, OWNER, view.generation, wanted, now=house.clock())


@pytest.mark.parametrize("thread_keep", [6, 50])
@pytest.mark.parametrize("by_api", [True, False])
async def test_an_edit_beside_something_forgotten_does_not_tell_it_again(
    open_house: Open, thread_keep: int, by_api: bool
) -> None:
    async with open_house(**SMALL | {"thread_keep": thread_keep}) as house:
        await send(house, human(1), human(2))
        if by_api:
            await forget_turn_of(house, "id1")
        await send(house, *([] if by_api else [RemoveMessage(id="id1")]), human(3))
        for number in range(4, 12):
            await send(house, human(number))
        assert users(await send(house, human(2, "Say mark99"))) == ["Say mark99"]
        await send(house, human(20, "What did I say?"))
        assert house.shown() == {"mark99"}


@pytest.mark.parametrize("by_update", [True, False])
@pytest.mark.parametrize("fold_turns", [100, 3])
async def test_what_was_taken_out_of_the_thread_is_new_when_it_is_said_again(
    open_house: Open, fold_turns: int, by_update: bool
) -> None:
    async with open_house(fold_turns=fold_turns) as house:
        for number in range(1, 7):
            said = await send(house, human(number))
        gone = [RemoveMessage(id=m.id or "") for m in said[:2]]
        if by_update:  # No run sees the thread without it.
            await house.graph.aupdate_state(house.config(), {"messages": gone})
        else:
            await send(house, *gone, human(50))
            assert "Say mark1" not in house.prompt()
        said = await send(house, human(1))
        assert users(said)[0] == "Say mark2" and users(said)[-2] in ("Say mark6", "Say mark50")
        assert said[-2].id == "id1" and said[-1].text == "Reply to Say mark1."
        asked = len(house.server.requests)
        assert await send(house, human(1)) == said and len(house.server.requests) == asked
        await house.say("What did I say?", "another")
        assert "Say mark1" in house.prompt()


@pytest.mark.parametrize("fold_turns", [100, 3])
async def test_what_was_forgotten_and_stands_in_the_thread_is_new_when_it_is_said_again(
    open_house: Open, fold_turns: int
) -> None:
    async with open_house(fold_turns=fold_turns) as house:
        for number in range(1, 7):
            await send(house, human(number))
        await forget_turn_of(house, "id1")
        house.server.answers("What a fine mark1a.")
        said = await send(house, human(1))
        assert [m.text for m in said[-2:]] == ["Say mark1", "What a fine mark1a."]
        assert len({m.id for m in said}) == len(said) == 12
        await send(house, human(7))
        assert {"mark1", "mark1a", "mark6", "mark7"} <= house.shown()


@pytest.mark.parametrize("thread_keep", [6, 50])
async def test_a_history_sent_whole_says_nothing_anew_that_was_forgotten(
    open_house: Open, thread_keep: int
) -> None:
    async with open_house(**SMALL | {"thread_keep": thread_keep}) as house:
        for number in range(1, 10):
            await send(house, human(number))
        await forget_turn_of(house, "id2")
        await send(house, *map(human, range(1, 11)))
        await send(house, *map(human, range(1, 11)))
        said = await send(house, *map(human, range(1, 12)))
        assert users(said)[-3:] == ["Say mark9", "Say mark10", "Say mark11"]
        assert "Say mark2" not in house.prompt()
        await house.say("What did I say?", "another")
        assert "Say mark2" not in house.prompt()


async def test_a_wish_to_forget_that_is_sent_again_is_answered_once(open_house: Open) -> None:
    async with open_house() as house:
        await send(house, human(1, "I play the mark1 harp."))
        said = await send(house, human(2, "Please forget that I play the mark1 harp."))
        view = await house.parts.stores.journal.read(OWNER)
        assert view.refs["t"] in view.withheld
        asked = len(house.server.requests)
        again = await send(house, human(2, "Please forget that I play the mark1 harp."))
        assert [m.id for m in again] == [m.id for m in said]
        assert len(house.server.requests) == asked


async def test_a_wish_to_forget_that_is_sent_again_later_reaches_nothing_said_since(
    open_house: Open,
) -> None:
    async with open_house() as house:
        await send(house, human(1))
        await send(house, HumanMessage("Please forget that.", id="wish"))
        await forget_turn_of(house, "id1")
        await forget_turn_of(house, "wish")
        await send(house, human(2, "Say mark1 again"))
        asked = len(house.server.requests)
        await send(house, HumanMessage("Please forget that.", id="wish"))
        assert len(house.server.requests) == asked
        await send(house, human(3, "What did I say?"))
        assert house.shown() == {"mark1"}


@pytest.mark.parametrize("with_its_message", [True, False])
@pytest.mark.parametrize("then", [(), (human(9),)])
async def test_a_message_without_its_reply_that_comes_again_is_answered_anew(
    open_house: Open, with_its_message: bool, then: tuple[HumanMessage, ...]
) -> None:
    async with open_house() as house:
        await send(house, human(1))
        said = await send(house, human(2))
        gone = [RemoveMessage(id=said[-1].id or "")]
        if with_its_message:
            gone.append(RemoveMessage(id="id2"))
        house.server.answers("Another mark2a.")
        said = await send(house, *gone, human(2), *then)
        assert users(said) == ["Say mark1", "Say mark2", *(m.text for m in then)]
        assert said[-1].text == "Another mark2a." and len(said) == 4 + len(then)
        await send(house, human(3))
        assert house.shown() == {"mark1", "mark2", "mark2a", "mark3", *("mark9" for _ in then)}


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("again", [(1, 2), (1,), (2,)])
async def test_a_turn_of_several_messages_is_answered_anew_as_a_whole_and_undoes_no_later_one(
    open_house: Open, again: tuple[int, ...], last: bool
) -> None:
    async with open_house() as house:
        said = await send(house, human(1), human(2))
        between = [] if last else users([*await send(house, human(3))])[2:]
        said = await send(house, RemoveMessage(id=said[-1].id or ""), *map(human, again))
        assert users(said) == [*between, "Say mark1", "Say mark2"]
        assert len(said) == 3 + 2 * len(between)
        await send(house, human(4))
        assert house.shown() == {"mark1", "mark2", "mark4"} | (set() if last else {"mark3"})


@pytest.mark.parametrize("others", [{}, {"thread_keep": 50}])
async def test_of_two_edits_the_earlier_leaves_what_followed_and_both_are_said(
    open_house: Open, others: dict[str, Any]
) -> None:
    async with open_house(**SMALL | others) as house:
        for number in range(1, 12):
            await send(house, human(number))
        said = await send(house, human(2, "Say mark92"), human(10, "Say mark90"))
        assert users(said) == ["Say mark1", "Say mark92", "Say mark90"]
        await send(house, human(20, "What did I say?"))
        assert house.shown() == {"mark1", "mark92", "mark90"}
