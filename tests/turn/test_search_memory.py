"""The model may ask memory again while it answers: a few times, within the budget, unseen later."""

import pytest

from domain.owner import Owner
from tests.support.house import MARKER, House, Open, answer, is_reply
from tests.support.servers.openai_server import Behaviour, Body, Fault, Reply

pytestmark = pytest.mark.parametrize("backend", [{}], ids=["embedded"])


def search(query: str, **dates: str) -> Reply:
    return Reply(None, tool_calls=(("search_memory", {"query": query, **dates}),))


def offers(body: Body) -> bool:
    """Return whether a request offers the tool that searches."""
    return any(tool["function"]["name"] == "search_memory" for tool in body.get("tools", ()))


async def remembering(house: House) -> None:
    """Say things long ago, on a thread that is folded since."""
    await house.say("The spare key is under the blue pot mark1", "old")
    await house.talk(2, 9, "old")
    house.clock.passes(hours=2)


async def test_the_model_can_search_and_answer_with_what_it_found(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True, memory_share=0) as house:
        await remembering(house)
        house.server.answers(search("spare key"), "Under the blue pot.")
        result = await house.say("Where did I put it?")
        assert result["messages"][-1].text == "Under the blue pot."
        answered = [b for b in house.server.requests if is_reply(b)][-1]["messages"][-1]
        assert answered["role"] == "tool" and "under the blue pot" in answered["content"]
        assert any("blue pot" in item["text"] for item in result["recalled"])
        budget = result["budget"]
        assert budget["memories"] > 100 and budget["total"] <= budget["limit"]


async def test_calls_and_their_results_live_in_the_run_only(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True) as house:
        await remembering(house)
        house.server.answers(search("spare key"), "There.")
        result = await house.say("Where did I put it?")
        assert {m.type for m in result["messages"]} == {"human", "ai"}
        assert not any(m.tool_calls for m in result["messages"] if m.type == "ai")
        view = await house.parts.stores.journal.read(Owner("alex"))
        newest = max(view.turns.values(), key=lambda turn: turn.seq)
        assert [said.text for said in newest.messages] == ["Where did I put it?", "There."]


async def test_only_a_few_searches_a_turn_are_answered(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True, search_memory_calls=2) as house:
        await remembering(house)
        house.server.answers(search("one"), search("two"), search("three"), "Enough.")
        result = await house.say("Go on searching")
        assert result["messages"][-1].text == "Enough."
        offered = [offers(b) for b in house.server.requests if is_reply(b)][-4:]
        assert offered == [True, True, False, False]


async def test_a_search_keeps_to_the_dates_that_are_asked_for(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True, memory_share=0) as house:
        await remembering(house)
        house.server.answers(search("spare key", since="2026-06-01"), "Nothing.")
        await house.say("Where did I put it?")
        told = [b for b in house.server.requests if is_reply(b)][-1]["messages"][-1]["content"]
        assert told == "Nothing about that is remembered."


async def test_a_search_that_makes_no_sense_is_told_so(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True) as house:
        await remembering(house)
        house.server.answers(search("key", since="last week"), "Well.")
        await house.say("Where did I put it?")
        told = [b for b in house.server.requests if is_reply(b)][-1]["messages"][-1]["content"]
        assert "no valid search" in told


async def test_a_server_that_cannot_call_tools_is_asked_without(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True) as house:
        await remembering(house)
        house.server.answers(Fault(400, "test-model does not support tools"), "Without, then.")
        result = await house.say("Hello mark1")
        assert result["messages"][-1].text == "Without, then."
        asked = [b for b in house.server.requests if is_reply(b)][-2:]
        assert ["tools" in b for b in asked] == [True, False]
        await house.say("Hello mark2")
        last = [b for b in house.server.requests if is_reply(b)][-1]
        assert "tools" not in last, "it is not asked with tools again"


@pytest.mark.parametrize("says", ["Only user and assistant roles are supported!", "Bad Request"])
async def test_what_a_tool_found_is_told_as_text_where_a_template_knows_no_tools(
    open_house: Open, says: str
) -> None:
    def template(body: Body) -> Behaviour:
        if any(message["role"] == "tool" for message in body["messages"]):
            return Fault(400, says)
        if not is_reply(body):
            return answer(body)
        searched = "blue pot mark1" in str(body["messages"])
        return Reply("Under the blue pot.") if searched else search("spare key")

    async with open_house(fold_turns=4, search_memory=True, memory_share=0) as house:
        await remembering(house)
        house.server.default = template
        for _ in range(3):
            result = await house.say("Where did I put it?")
            assert result["messages"][-1].text == "Under the blue pot."
            asked = [body for body in house.server.requests if is_reply(body)]
            assert asked[-1]["messages"][-1]["content"].endswith("Where did I put it?")
        roles = [[m["role"] for m in body["messages"]] for body in house.server.requests]
        assert sum("tool" in each for each in roles) <= 2, "learned"


async def test_the_tool_is_not_offered_where_the_prompt_shows_all_there_is(
    open_house: Open,
) -> None:
    async with open_house(search_memory=True) as house:
        await house.talk(1, 3)
        assert not any(offers(body) for body in house.server.requests if is_reply(body))


async def test_the_tool_is_not_offered_where_the_setting_is_off(open_house: Open) -> None:
    async with open_house(search_memory=False) as house:
        await house.say("Hello mark1")
        assert "tools" not in house.server.requests[-1]
        assert MARKER.findall(house.prompt()) == ["mark1"]


ASKED_FOR = [
    '{"query": {"match": {"title": "bike"}}}',
    '{"query": "SELECT name FROM bikes"}',
    'Hermes models write <tool_call>{"name": "get_weather"}</tool_call>, in tags.',
]


@pytest.mark.parametrize("text", ASKED_FOR)
async def test_a_reply_that_only_looks_like_a_call_is_a_reply(open_house: Open, text: str) -> None:
    async with open_house(fold_turns=4, search_memory=True) as house:
        await remembering(house)
        house.server.default = lambda body: Reply(text) if is_reply(body) else answer(body)
        for _ in range(2):
            result = await house.say("Write it as I asked, and nothing else")
            assert result["messages"][-1].text == text
        house.server.default = answer
        await house.say("And now?")
        asked = [body for body in house.server.requests if is_reply(body)]
        assert offers(asked[-1]), "it is offered tools as before"
