"""A long life with it: three threads, two time zones, restarts, and nothing forgotten is told."""

import re
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from domain.owner import Owner
from nodes.state import ChatContext
from service.memory_changes import delete_fact
from service.memory_view import remembered
from tests.support.house import Clock, House, Open, is_reply, message_in
from tests.support.servers.openai_server import Behaviour, Body, Reply, Structured

pytestmark = pytest.mark.deep

ALEX = Owner("alex")
THINGS = (  # noqa: SIM905
    "amber bottles clocks drums emeralds fossils guitars hats irons jackets kettles lamps masks "
    "needles owls pipes quilts radios spoons teapots"
).split()
DELETED, UNSAID, EDITED = ("bottles", "masks"), "guitars", {"clocks": "stamps", "teapots": "zebras"}
SAID = re.compile(r"I collect (\w+)")


def scripted(body: Body) -> Behaviour:
    """Note what is collected, forget what is to be forgotten, and repeat what is said."""
    data = str(body["messages"][-1]["content"])
    if is_reply(body):
        return Reply(f"So you say: {message_in(body)[:60]}")
    if "response_format" not in body:
        return Reply("They spoke of " + " and ".join(dict.fromkeys(SAID.findall(data))) + ".")
    if "facts" not in str(body["response_format"]):
        return Structured({"value": 1.0, "missing": []})
    facts = []
    for source, text in re.findall(r"^(m\d+) [^:]*: (.*)$", data, re.M):
        for thing in SAID.findall(text):
            facts.append(
                {
                    "op": "forget" if "forget" in text else "add",
                    "target": None,
                    "text": f"The user collects {thing}.",
                    "kind": "preference",
                    "subject": "user",
                    "slot": None,
                    "source": source,
                    "when": None,
                }
            )
    return Structured({"facts": facts, "entities": []})


async def say(house: House, number: int, text: str, zone: str, id: str | None = None) -> None:
    """Say something on one of three threads, twenty turns on each."""
    house.clock.passes(minutes=50)
    given: Any = {"messages": [HumanMessage(text, id=id)]}
    context = ChatContext(user_id="alex", timezone=zone)
    await house.graph.ainvoke(given, house.config(f"thread {number // 20}"), context=context)


async def test_nothing_forgotten_is_told_and_all_else_is_recalled(open_house: Open) -> None:
    clock, number, zone = Clock(), 0, "Europe/Berlin"
    usual = {"clock": clock, "extract_turns": 1, "fold_turns": 8}
    for sitting in range(3):
        async with open_house(**usual) as house:
            house.server.default = scripted
            for thing in THINGS[sitting * 7 : sitting * 7 + 7]:
                await say(house, number, f"I collect {thing}", zone, id=thing)
                await say(house, number + 1, "How are you today?", zone)
                if thing in EDITED:
                    await say(house, number, f"I collect {EDITED[thing]}", zone, id=thing)
                number += 2
        zone = "America/Los_Angeles" if sitting == 0 else "Asia/Tokyo"
    async with open_house(**usual) as house:
        facts = {s.fact.text: s.fact.id for s in (await remembered(house.parts.stores, ALEX)).facts}
        for thing in DELETED:
            await delete_fact(house.parts, ALEX, facts[f"The user collects {thing}."])
        await say(house, number, f"Please forget that I collect {UNSAID}", zone)
        while (number := number + 1) < 50:
            await say(house, number, "Tell me something nice", zone)
        begun = len(house.server.requests)
        for number in range(50, 60):
            await say(house, number, "Which of my things do you remember?", zone)
        prompts = [b["messages"] for b in house.server.requests[begun:] if is_reply(b)]
        assert len(prompts) == 10
        for thing in (*DELETED, UNSAID, *EDITED):
            assert thing not in str(prompts)
        assert "Asia" not in str(prompts) and "Today is" in str(prompts)
        view = await house.parts.stores.journal.read(ALEX)
        for thing in {*THINGS, *EDITED.values()} - {*DELETED, UNSAID, *EDITED}:
            recalled = await house.parts.stores.recall.recall(
                ALEX, view, f"Do I collect {thing}?", budget=400, now=clock()
            )
            assert any(f"I collect {thing}" in item.text for item in recalled.items), thing
