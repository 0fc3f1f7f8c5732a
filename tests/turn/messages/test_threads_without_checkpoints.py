"""A message that comes again is known, and placed right, on a thread whose checkpoints are gone."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage

from domain.owner import Owner
from models.errors import ModelError
from nodes.state import ChatContext
from service.conversation import Conversation
from service.turn_report import report_of
from tests.support.house import Open
from tests.support.servers.openai_server import Fault
from tests.turn.messages.test_edits_of_what_left_the_thread import SMALL, human, talk, users
from tests.turn.messages.test_said_again import send


async def test_an_edit_is_known_where_the_checkpoints_are_gone(open_house: Open) -> None:
    async with open_house(**SMALL) as house:
        last = await talk(house, 12)
        await house.parts.stores.checkpointer.adelete_checkpoints("t")
        turn = Conversation(house.parts).turn(Owner("alex"), "t", "Say mark4", message_id="id4")
        assert (await report_of(turn)).reply == "Reply to Say mark4."
        said = await send(house, human(13))
        assert users(said)[-2:] == [users(last)[-1], "Say mark13"]
        await house.parts.stores.checkpointer.adelete_checkpoints("t")
        said = await send(house, human(4, "Say mark99"))
        assert users(said) == ["Say mark1", "Say mark2", "Say mark3", "Say mark99"]
        await send(house, human(50, "What did I say?"))
        assert house.shown() == {"mark1", "mark2", "mark3", "mark99"}


@pytest.mark.parametrize("how", ["fails", "pauses"])
async def test_whoever_goes_on_after_an_edit_of_the_first_message_follows_nothing_else(
    open_house: Open, how: str
) -> None:
    async with open_house(**SMALL) as house:
        for number in range(1, 6):
            await send(house, human(number))
        await house.parts.stores.checkpointer.adelete_checkpoints("t")
        await send(house, human(6))
        if how == "fails":
            house.server.answers(Fault(500))
            with pytest.raises(ModelError):
                await send(house, human(1, "Say mark99"))
        else:
            given: Any = {"messages": [human(1, "Say mark99")]}
            at_all: Any = {"context": ChatContext(user_id="alex"), "interrupt_before": "*"}
            while given is not None or (await house.graph.aget_state(house.config())).next:
                await house.graph.ainvoke(given, house.config(), **at_all)
                given = None
        said = await send(house, human(50))
        assert users(said) == ["Say mark99", "Say mark50"]
        assert house.shown() == {"mark99", "mark50"}


@pytest.mark.parametrize("with_replies", [True, False])
async def test_a_history_sent_whole_where_the_checkpoints_are_gone_undoes_nothing(
    open_house: Open, with_replies: bool
) -> None:
    async with open_house(**SMALL) as house:
        history: list[AnyMessage] = []
        for number in range(1, 13):
            history.append(human(number))
            said = await send(house, human(number))
            if with_replies:
                history.append(AIMessage(said[-1].text, id=said[-1].id))
        before = [(m.id, m.text) for m in said]
        await house.parts.stores.checkpointer.adelete_checkpoints("t")
        said = await send(house, *history, human(13))
        now = [(m.id, m.text) for m in said]
        assert now[-2:] == [("id13", "Say mark13"), (now[-1][0], "Reply to Say mark13.")]
        assert now[-4:-2] == before[-2:]
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert view.seq == 13 and not view.withheld
