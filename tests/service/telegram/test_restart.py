"""A bot that is stopped anywhere loses no message, and says nothing twice."""

import asyncio
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from domain.owner import Owner
from service.telegram.inbox import FILE
from tests.service.telegram.conftest import OpenBot, Running
from tests.support.house import answer, is_reply
from tests.support.servers.bot_api import TOKEN, BotAPI, Refusal
from tests.support.servers.openai_server import OpenAIServer, Reply
from tests.support.servers.serve_process import MNEMO

OWNER = Owner("telegram:7")


async def turns(bot: Running) -> int:
    return len((await bot.serving.parts.stores.journal.read(OWNER)).turns)


async def ended(bot: Running) -> bool:
    """Return whether a turn has been answered, and its thread saved."""
    conversation = bot.serving.conversation
    thread = await conversation.last_thread(OWNER)
    return thread is not None and bool(await conversation.last_prompts(OWNER, thread))


def asked(model: OpenAIServer) -> int:
    return sum(map(is_reply, model.requests))


@pytest.mark.deep
async def test_a_reply_that_broke_off_is_finished_in_the_same_message(
    open_bot: OpenBot, bot_api: BotAPI
) -> None:
    async with open_bot() as bot:
        bot.model.answers(Reply("One two three four five six seven eight nine ten", delay=0.3))
        bot_api.write("Count to mark1")
        await bot_api.until(lambda: bool(bot_api.says()))
    assert bot_api.updates, "it is not acknowledged before its turn is stored"
    async with open_bot() as bot:
        await bot_api.idle()
        assert bot_api.says() == ["Reply to Count to mark1."] and await turns(bot) == 1


async def test_a_stored_turn_is_told_and_not_made_again(open_bot: OpenBot, bot_api: BotAPI) -> None:
    async with open_bot() as bot:
        bot.model.answers(Reply("One two three four five", delay=0.1))
        bot_api.faults["editMessageText"] += [Refusal(0, "", hangs=True)]
        bot_api.write("Count to mark1")
        await bot_api.until(lambda: bool(bot_api.says()))
        while not await ended(bot):  # noqa: ASYNC110 (the stores tell nobody)
            await asyncio.sleep(0.01)
    async with open_bot() as bot:
        await bot_api.idle()
        assert bot_api.says() == ["One two three four five"]
        assert await turns(bot) == 1 and asked(bot.model) == 1


@pytest.mark.deep
async def test_what_is_done_is_not_done_again_though_telegram_brings_it_again(
    open_bot: OpenBot, bot_api: BotAPI, tmp_path: Path
) -> None:
    async with open_bot() as bot:
        bot.model.answers(Reply("One two three four five six seven eight nine", delay=0.5))
        bot_api.write("Say mark1", user=8)
        await bot_api.until(lambda: asked(bot.model) == 1)
        first = bot_api.write("Say mark2")
        bot_api.edit(first, "Say mark3")
        await bot_api.until(lambda: done(tmp_path) == 2)
    async with open_bot() as bot:
        await bot_api.idle()
        assert bot_api.says() == ["Reply to Say mark2.", "Reply to Say mark3."]
        assert bot_api.says(8) == ["Reply to Say mark1."]


def done(folder: Path) -> int:
    """Return how many updates are noted as done."""
    with closing(sqlite3.connect(folder / "data" / FILE)) as database:
        return int(database.execute("SELECT count(*) FROM updates WHERE done").fetchone()[0])


@contextmanager
def process(api: BotAPI, model: OpenAIServer, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run `mnemo telegram`."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MNEMO_", "OPENAI_"))}
    env |= {
        "MNEMO_DATA_DIR": str(folder / "data"),
        "MNEMO_TELEGRAM_TOKEN": TOKEN,
        "MNEMO_TELEGRAM_API_URL": api.url,
        "OPENAI_BASE_URL": f"{model.url}/v1",
        "MNEMO_CHAT_MODEL": "test-model",
    }
    running = subprocess.Popen(
        [str(MNEMO), "telegram"], cwd=folder, env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


@pytest.mark.deep
async def test_a_killed_process_goes_on_where_it_was(
    bot_api: BotAPI, openai_server: OpenAIServer, tmp_path: Path
) -> None:
    openai_server.default = answer
    with process(bot_api, openai_server, tmp_path) as first:
        openai_server.answers("Hello.", Reply("One two three four five six seven", delay=1))
        bot_api.write("I am mark1")
        await bot_api.until(lambda: bot_api.says() == ["Hello."])
        bot_api.write("Count to mark2")
        await bot_api.until(lambda: any(shown.edits for shown in bot_api.chats[7]))
        first.kill()
    with process(bot_api, openai_server, tmp_path) as second:
        await bot_api.idle()
        assert bot_api.says() == ["Hello.", "Reply to Count to mark2."]
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0 and second.stderr and not second.stderr.read()
