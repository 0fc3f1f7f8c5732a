"""Updates and answers of Telegram that cannot be read hold up nothing."""

from typing import Any

import pytest

from service.telegram import polling
from service.telegram.bot import BotUnusable
from tests.service.telegram.conftest import OpenBot

pytestmark = pytest.mark.parametrize("backend", ["embedded"], indirect=True)


async def test_an_update_that_cannot_be_read_holds_up_nothing(open_bot: OpenBot) -> None:
    """As a Bot API server of another version than ours tells of what is new, or was otherwise."""
    async with open_bot() as bot:
        bot.api.write(None, poll={"id": "1", "question": "Tea?"})
        bot.api.write("I keep bees.")
        await bot.api.until(lambda: "I keep bees" in "".join(bot.api.says()))
        await bot.api.idle()


@pytest.mark.parametrize(
    "odd",
    [
        {"error": "bad gateway"},
        {"ok": True},
        {"ok": True, "result": None},
        {"ok": True, "result": [None]},
        {"ok": True, "result": [{"update_id": "x"}, {"message": {}}]},
        {"ok": True, "result": "none"},
        [],
        None,
    ],
)
async def test_an_answer_that_tells_no_updates_is_asked_for_again(
    open_bot: OpenBot, odd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "AGAIN", 0.05)
    async with open_bot() as bot:
        bot.api.odd["getUpdates"] += [odd] * 3
        bot.api.write("I keep bees.")
        await bot.api.until(lambda: bot.task.done() or not bot.api.updates)
        assert "I keep bees" in "".join(bot.api.says())


async def test_an_update_without_a_number_holds_up_none_beside_it(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.api.updates.append({"update_id": 7, "message": {"message_id": 5}})
        bot.api.write("I keep bees.")
        bot.api.odd["getUpdates"] += [{"ok": True, "result": [None, *bot.api.updates]}]
        await bot.api.until(lambda: bot.task.done() or not bot.api.updates)
        assert "I keep bees" in "".join(bot.api.says())


async def test_a_bot_that_an_odd_answer_meets_at_its_start_says_so(open_bot: OpenBot) -> None:
    with pytest.raises(BotUnusable, match="does not answer"):
        async with open_bot() as bot:
            bot.api.odd["getMe"].append({"error": "bad gateway"})
            await bot.api.until(bot.task.done)
