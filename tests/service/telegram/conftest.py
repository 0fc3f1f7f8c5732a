"""A bot against a Bot API on loopback, with real stores and the scriptable model server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graph.parts import open_parts
from service.serving import Serving, open_serving
from service.telegram import polling, reply
from service.telegram.bot import run_bot
from tests.support.house import answer, settings_for
from tests.support.servers.bot_api import TOKEN, BotAPI, open_bot_api
from tests.support.servers.openai_server import OpenAIServer


@dataclass
class Running:
    """A bot that runs."""

    api: BotAPI
    model: OpenAIServer
    serving: Serving
    task: "asyncio.Task[None]"

    async def stop(self) -> None:
        """End it as a kill does: nothing that is under way is waited for."""
        self.task.cancel()
        await asyncio.wait([self.task])


OpenBot = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
async def bot_api() -> AsyncIterator[BotAPI]:
    """A Bot API that outlives the bot."""
    async with open_bot_api() as api:
        yield api


@pytest.fixture
def open_bot(
    openai_server: OpenAIServer,
    bot_api: BotAPI,
    tmp_path: Path,
    backend: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> OpenBot:
    """Return what runs the bot; the same stores each time."""
    openai_server.default = answer
    monkeypatch.setattr(polling, "BUSY_WAIT", 0.02)
    monkeypatch.setattr(polling, "LEAVE_SECONDS", 0)
    monkeypatch.setattr(reply, "EDIT_SECONDS", 0.05)

    @asynccontextmanager
    async def opened(**more: Any) -> AsyncIterator[Running]:
        settings = settings_for(
            openai_server,
            tmp_path / "data",
            **{
                "telegram_token": TOKEN,
                "telegram_api_url": bot_api.url,
                **backend,
                **more,
            },
        )
        async with open_parts(settings) as parts, open_serving(parts) as serving:
            bot = Running(bot_api, openai_server, serving, asyncio.create_task(run_bot(serving)))
            try:
                yield bot
            finally:
                await bot.stop()
            if not bot.task.cancelled():
                bot.task.result()

    return opened
