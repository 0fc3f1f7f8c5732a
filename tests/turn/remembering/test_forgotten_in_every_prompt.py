"""However something is forgotten, in whatever language, no later prompt holds it."""

import re

import pytest

from domain.owner import Owner
from service.memory_changes import forget_what_says
from tests.support.house import Open, is_reply, message_in
from tests.support.servers.openai_server import Behaviour, Body, Reply, Structured

pytestmark = pytest.mark.deep

ALEX = Owner("alex")
SAID = {
    "de": ("Ich bin Diabetikerin", "Ich wohne in Leipzig", "Vergiss, dass ich Diabetikerin bin"),
    "es": ("Soy celíaca", "Vivo en Sevilla", "Olvida que soy celíaca"),
    "ja": ("私は糖尿病です", "私は京都に住んでいます", "私が糖尿病であることを忘れてください"),
    "ar": ("أنا مصابة بالسكري", "أنا أعيش في القاهرة", "انس أنني مصابة بالسكري"),
}
"""What is forgotten, what is not, and how one asks for it."""
WORD = re.compile("Diabetiker|celíac|糖尿病|السكري")


def repeats(body: Body) -> Behaviour:
    """Say everything again: in replies, and in summaries what stands before them too."""
    data = str(body["messages"][-1]["content"])
    if is_reply(body):
        return Reply(f"Yes: {message_in(body)[:80]}")
    if "response_format" in body:
        facts = "facts" in str(body["response_format"])
        return Structured({"facts": [], "entities": []} if facts else {"value": 1, "missing": []})
    lines = [line.split(": ", 1)[1] for line in data.splitlines() if ": " in line]
    return Reply(f"They said: {' '.join(lines)[:600]}")


@pytest.mark.parametrize("how", ["by command", "by saying so"])
@pytest.mark.parametrize("code", SAID)
async def test_no_later_prompt_holds_it(open_house: Open, code: str, how: str) -> None:
    secret, other, wish = SAID[code]
    async with open_house(extract_turns=1, fold_turns=4) as house:
        house.server.default = repeats
        for text in (secret, other, f"Hm? {secret}?", "ok 1", "ok 2", "ok 3"):
            await house.say(text)
        for text in (f"{secret}!", "fine"):
            await house.say(text, "second")
        if how == "by command":
            await forget_what_says(house.parts, ALEX, secret)
        else:
            await house.say(wish, "second")
        before = len(house.server.requests)
        for thread in ("t", "second", "third", "t", "second", "t"):
            await house.say("ok?", thread)
        later = house.server.requests[before:]
        assert not [body for body in later if WORD.search(str(body["messages"]))]
        view = await house.parts.stores.journal.read(ALEX)
        recalled = await house.parts.stores.recall.recall(
            ALEX, view, f"{other}?", budget=300, now=house.clock()
        )
        assert any(other in item.text for item in recalled.items), "nothing else is forgotten"
        await house.say(f"{secret}.", "third")
        await house.say("ok?", "fourth")
        assert WORD.search(house.prompt()), "said again, it is remembered again"
