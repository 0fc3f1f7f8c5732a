"""A conversation costs as much a turn late as it did early: recall fills what the buffer leaves."""

from typing import Any

import pytest

from domain.prompt_budget import Shares
from tests.support.house import Open, answer, is_reply
from tests.support.servers.openai_server import Body, Reply

SHARES = Shares(limit=6000, reply_reserve=800, summary=720, entities=240, buffer=2400, memories=900)
LONG = "Then it is best to look at each of the parts in turn, and to write down what it costs. "


def test_recall_takes_its_share_and_what_the_buffer_leaves_of_its_own() -> None:
    assert SHARES.recall(persona=200, message=50, buffer=2400) == 900
    assert SHARES.recall(persona=200, message=50, buffer=9000) == 900
    assert SHARES.recall(persona=200, message=50, buffer=1800) == 1500
    assert SHARES.recall(persona=200, message=50, buffer=0) == (6000 - 800 - 250 - 960) // 2


def test_recall_gives_way_to_a_large_message() -> None:
    assert SHARES.recall(persona=200, message=3000, buffer=0) == (6000 - 800 - 3200 - 960) // 2
    assert SHARES.recall(persona=4000, message=3000, buffer=0) == 0


@pytest.mark.deep
@pytest.mark.parametrize(("words", "reply"), [(1, 0), (8, 1), (40, 10), (10, 30)])
async def test_prompts_of_turns_31_to_45_are_as_large_as_those_before(
    open_house: Open, words: int, reply: int
) -> None:
    topics = ["garden", "boat", "kitchen", "train", "guitar", "school", "winter", "doctor"]

    def answered(body: Body) -> Any:
        if is_reply(body):
            return Reply(f"I see. {LONG * reply}")
        noted = answer(body)  # Its summaries name all that the one before named, and so would grow.
        return Reply("They spoke of places near the river.") if isinstance(noted, Reply) else noted

    async with open_house(embeddings="wordllama") as house:
        house.server.default = answered
        sizes = []
        for number in range(45):
            topic = topics[number % len(topics)]
            said = (
                f"What about mark{number}, the {topic}? "
                + f"My {topic} is near the river. " * words
            )
            budget = (await house.say(said))["budget"]
            assert budget["total"] <= budget["limit"]
            sizes.append(budget["total"] - budget["reply_reserve"])
    assert max(sizes[30:]) <= 1.1 * max(sizes[:30]), sizes
