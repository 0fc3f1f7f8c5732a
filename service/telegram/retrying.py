"""Waits where Telegram says to wait, and asks again where it does not answer."""

import asyncio
import logging
from itertools import count

from aiogram import Bot
from aiogram.client.session.middlewares.base import (
    BaseRequestMiddleware,
    NextRequestMiddlewareType,
)
from aiogram.exceptions import TelegramNetworkError, TelegramRetryAfter, TelegramServerError
from aiogram.methods import GetMe, GetUpdates, Response, SendChatAction, TelegramMethod
from aiogram.methods.base import TelegramType

TRIES = 5
"""How often a request that found no answer is made: after 1, 2, 4 and 8 seconds again."""
_ONCE = (GetMe, GetUpdates, SendChatAction)
"""Requests whose caller asks again by itself, or that are not worth it."""

_log = logging.getLogger(__name__)


class Retrying(BaseRequestMiddleware):
    """Stands before all requests to the Bot API."""

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[TelegramType],
        bot: Bot,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        """Make a request until it is answered."""
        for tried in count(1):
            try:
                return await make_request(bot, method)
            except TelegramRetryAfter as error:
                if isinstance(method, SendChatAction):
                    raise
                _log.info("Telegram asks to wait %s seconds.", error.retry_after)
                wait = float(error.retry_after)
            except (TelegramNetworkError, TelegramServerError):
                if tried >= TRIES or isinstance(method, _ONCE):
                    raise
                wait = 2.0 ** (tried - 1)
            await asyncio.sleep(wait)
        raise AssertionError("It is asked for ever.")
