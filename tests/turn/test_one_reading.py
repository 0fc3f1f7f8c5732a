"""A run finds where it begins once, and goes on from there also after a breakpoint."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from nodes.state import ChatContext
from stores.journal.backend import RawJournal
from tests.support.house import Open, answer
from tests.support.servers.openai_server import Behaviour, Body


class Readings:
    """A journal's home that counts how often it is read."""

    def __init__(self, backend: Any) -> None:
        """Count the readings of `backend`."""
        self._backend, self.count = backend, 0

    def __getattr__(self, name: str) -> Any:
        """Do as the backend does."""
        return getattr(self._backend, name)

    async def read(self, *args: Any) -> RawJournal:
        """Read, and count it."""
        self.count += 1
        raw: RawJournal = await self._backend.read(*args)
        return raw


async def test_the_journal_is_read_once_before_the_model_is_asked(open_house: Open) -> None:
    async with open_house() as house:
        await house.say("Hello")
        journal = house.parts.stores.journal
        readings = Readings(journal.backend)
        journal.backend = readings
        before: list[int] = []

        def reply(body: Body) -> Behaviour:
            before.append(readings.count)
            return answer(body)

        house.server.default = reply
        await house.say("What did I say?")
        assert before == [1]


@pytest.mark.parametrize("stops", [["generate"], "*"])
async def test_a_breakpoint_that_stays_on_lets_a_turn_reach_its_answer(
    open_house: Open, stops: Any
) -> None:
    async with open_house() as house:
        await house.say("Hello, I am Anna")
        asked: Any = {"messages": [HumanMessage("What is my name?", id="question")]}
        config, context = house.config(), ChatContext(user_id="alex")
        for _ in range(8):
            await house.graph.ainvoke(asked, config, context=context, interrupt_before=stops)
            asked = None
            state = await house.graph.aget_state(config)
            if not state.next:
                break
        said = [message.text for message in state.values["messages"]]
        assert len(said) == 4 and said[2] == "What is my name?"
        assert said[3].startswith("Reply to What is my name?")
        assert "I am Anna" in house.prompt()
