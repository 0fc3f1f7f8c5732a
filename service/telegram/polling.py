"""Takes updates from Telegram, each until it is done: only then is Telegram told to drop it.

Telegram drops what comes before the offset of the next request, so the offset is that of the first
update that is not done. Those after it come again and again meanwhile, and are passed over.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramServerError,
)
from aiogram.types import Update
from pydantic import ValidationError

from service.telegram.inbox import Delivery, Inbox

KINDS = ["message", "edited_message", "callback_query"]
"""Updates that the bot asks for."""
WAIT = 30
"""Seconds that Telegram may wait for updates; half a minute is usual."""
BUSY_WAIT = 0.5
"""Seconds between two requests while updates are being answered."""
AGAIN = 10.0
"""Seconds after which something that was not there is tried again."""
LEAVE_SECONDS = 30.0
"""How long replies may take to end when the bot is told to stop; as `mnemo serve` allows."""

Handle = Callable[[Update, Delivery], Awaitable[None]]

_log = logging.getLogger(__name__)


class Polling:
    """The updates of one bot; those of a chat one after the other, chats side by side."""

    def __init__(self, bot: Bot, inbox: Inbox, handle: Handle) -> None:
        """Let `handle` do what updates ask for."""
        self._bot, self._inbox, self._handle = bot, inbox, handle
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """By update, those that Telegram has not been told to drop."""
        self._chats: WeakValueDictionary[int | None, asyncio.Lock] = WeakValueDictionary()
        self._next: int | None = None

    async def run(self) -> None:
        """Take updates until cancelled; then those under way have some seconds to end.

        Raises:
            TelegramUnauthorizedError: If the token is no longer valid.
        """
        try:
            while True:
                await self._poll()
        finally:
            await self._leave()

    async def _poll(self) -> None:
        """Take what is new once."""
        left = [id for id, task in self._tasks.items() if not task.done()]
        offset = min(left, default=self._next)
        try:
            updates = await self._updates(offset, 0 if left else WAIT)
        except TelegramConflictError:
            _log.warning("Another program takes this bot's updates: run one for each token.")
            await asyncio.sleep(AGAIN)
            return
        except (TelegramNetworkError, TelegramServerError, ClientDecodeError) as error:
            _log.warning("Telegram does not answer (%s): it is asked again.", error)
            await asyncio.sleep(AGAIN)
            return
        if offset is not None:
            await self._inbox.acknowledged(offset)
            for id in [id for id in self._tasks if id < offset]:
                del self._tasks[id]
        new = [update for update in updates if update.update_id not in self._tasks]
        for update in new:
            self._tasks[update.update_id] = asyncio.create_task(self._take(update))
            self._next = max(self._next or 0, update.update_id + 1)
        if left and not new:
            running = [task for task in self._tasks.values() if not task.done()]
            if running:
                await asyncio.wait(running, timeout=BUSY_WAIT, return_when="FIRST_COMPLETED")

    async def _updates(self, offset: int | None, wait: int) -> list[Update]:
        """Ask for updates; one that cannot be read must not hold up those after it.

        Raises:
            ClientDecodeError: If nothing of the answer can be read.
        """
        try:
            updates: list[Update] | None = await self._bot.get_updates(
                offset=offset, timeout=wait, allowed_updates=KINDS, request_timeout=WAIT + 10
            )
        except ClientDecodeError as error:
            listed = error.data.get("result") if isinstance(error.data, dict) else None
            read = map(self._read, listed if isinstance(listed, list) else ())
            updates = [update for update in read if update is not None]
            if not updates:
                raise
        if updates is None:
            raise ClientDecodeError("It brings no updates", ValueError("no result"), None)
        return updates

    def _read(self, update: Any) -> Update | None:
        """Return an update as aiogram has it; without what it says where that cannot be read.

        None where its number cannot be read either.
        """
        id = update.get("update_id") if isinstance(update, dict) else None
        for given in (update, {"update_id": id}):
            try:
                return Update.model_validate(given, context={"bot": self._bot})
            except ValidationError as error:
                _log.warning("An update of Telegram cannot be read: %s", error.errors()[0]["loc"])
        return None

    async def _take(self, update: Update) -> None:
        """Do what an update asks for, after those of its chat that came before it."""
        lock = self._chats.setdefault(chat_of(update), asyncio.Lock())
        async with lock:
            delivery = await self._inbox.delivery(update.update_id)
            if not delivery.done:
                await self._answer(update, delivery)
                await delivery.finish()

    async def _answer(self, update: Update, delivery: Delivery) -> None:
        """Do what an update asks for, as often as it takes to reach Telegram."""
        while True:
            try:
                return await self._handle(update, delivery)
            except TelegramForbiddenError:
                return _log.info("A user has blocked the bot.")
            except (TelegramNetworkError, TelegramServerError) as error:
                _log.warning("A reply waits (%s).", error)
            except TelegramAPIError as error:
                return _log.warning("Telegram does not take a reply: %s", error)
            await asyncio.sleep(AGAIN)

    async def _leave(self) -> None:
        running = [task for task in self._tasks.values() if not task.done()]
        if running:
            _, late = await asyncio.wait(running, timeout=LEAVE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)


def chat_of(update: Update) -> int | None:
    """Return the chat that an update is about; in private ones it is the user."""
    message = update.message or update.edited_message
    if message is not None:
        return message.chat.id
    return update.callback_query.from_user.id if update.callback_query else None
