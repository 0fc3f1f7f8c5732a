"""What a user forwards to a bot is said by somebody else."""

from typing import Any

import pytest

from tests.service.telegram.conftest import OpenBot
from tests.support.house import is_reply

pytestmark = pytest.mark.parametrize("backend", ["embedded"], indirect=True)


async def test_a_forwarded_message_is_of_who_said_it(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        ann, self = ({"id": id, "is_bot": False, "first_name": "Ann"} for id in (9, 7))
        origins = (
            {"type": "hidden_user", "sender_user_name": "Zed", "date": 1},
            {"type": "user", "sender_user": ann, "date": 1},
            {"type": "user", "sender_user": self, "date": 1},
        )
        for number, origin in enumerate(origins):
            bot.api.write(f"I like mark{number}.", forward_origin=origin)
            await bot.api.idle()
        asked = str([body for body in bot.model.requests if is_reply(body)][-1])
        assert "Zed: I like mark0." in asked and "Ann: I like mark1." in asked
        assert "Ann: I like mark2." not in asked and "mark2." in asked


@pytest.mark.parametrize(
    "origin",
    [
        {"type": "user", "sender_user": {"id": 9, "is_bot": False, "first_name": ""}},
        {"type": "chat", "sender_chat": {"id": 9, "type": "private"}},
        {"type": "channel", "chat": {"id": 9, "type": "channel", "title": " "}, "message_id": 1},
        {"type": "hidden_user", "sender_user_name": "\n"},
    ],
)
async def test_what_is_forwarded_of_a_nameless_author_is_not_of_the_user(
    open_bot: OpenBot, origin: dict[str, Any]
) -> None:
    async with open_bot() as bot:
        bot.api.write("I like mark1.", forward_origin={**origin, "date": 1})
        await bot.api.idle()
        asked = str([body for body in bot.model.requests if is_reply(body)][-1])
        assert "Somebody: I like mark1." in asked


async def test_a_forwarded_command_does_nothing_and_a_command_reaches_what_was_forwarded(
    open_bot: OpenBot,
) -> None:
    origin = {"type": "hidden_user", "sender_user_name": "Ann\nand\u2028Zed", "date": 1}
    async with open_bot() as bot:
        bot.api.write("I am allergic to peanuts.")
        bot.api.write("/forget peanuts", forward_origin=origin)
        bot.api.write("I am allergic to walnuts.", forward_origin=origin)
        await bot.api.idle()
        assert "write the command yourself" in bot.api.says()[1]
        asked = str([body for body in bot.model.requests if is_reply(body)][-1])
        assert "peanuts." in asked and "Ann and Zed: I am allergic to walnuts." in asked
        bot.api.write("/forget walnuts")
        bot.api.write("What do you know?")
        await bot.api.idle()
        asked = str([body for body in bot.model.requests if is_reply(body)][-1])
        assert "walnuts" not in asked and "allergic to peanuts" in asked
