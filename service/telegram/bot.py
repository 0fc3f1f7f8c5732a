"""The bot: what it answers, and how it starts and ends."""

import asyncio
import logging
import signal
from dataclasses import dataclass

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ChatType
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.types import BotCommand, Message, Update
from aiogram.utils.token import TokenValidationError

from service.serving import Serving
from service.telegram.answering import Answering
from service.telegram.buttons import press
from service.telegram.commands import COMMANDS, Commands
from service.telegram.inbox import Delivery, open_inbox
from service.telegram.people import People
from service.telegram.polling import Polling, chat_of
from service.telegram.reply import Reply
from service.telegram.retrying import Retrying

PRIVATE = "I talk in private chats only: in a group others would read what you told me. Write to me"
STRANGER = "This bot is private: ask whoever runs it to let you in. Your Telegram id is {}."
FORWARDED = "I do nothing that a forwarded message commands: write the command yourself."
FAILED = (
    "Something went wrong here, which is not your fault: try it again, or in other words. Whoever "
    "runs this bot finds it in its log."
)
TOKEN = (
    "Telegram does not know the token in MNEMO_TELEGRAM_TOKEN: copy it again from @BotFather "
    "(/mybots, API Token)."
)


_log = logging.getLogger(__name__)


class BotUnusable(Exception):
    """The bot cannot run; the text is one sentence saying what to do."""


@dataclass(frozen=True)
class Router:
    """Sends each update where it is answered."""

    bot: Bot
    username: str
    people: People
    answering: Answering
    commands: Commands

    async def handle(self, update: Update, delivery: Delivery) -> None:
        """Do what an update asks for; whoever sent it hears of a bug that comes in between.

        Raises:
            TelegramAPIError: If Telegram does not take the answer.
        """
        try:
            await self._handle(update, delivery)
        except TelegramAPIError:
            raise
        except Exception:  # noqa: BLE001 (a bug must not hold up all that comes after it)
            _log.exception("An update could not be answered.")
            if (chat := chat_of(update)) is not None:
                await self.bot.send_message(chat, FAILED)

    async def _handle(self, update: Update, delivery: Delivery) -> None:
        if update.callback_query is not None:
            if self.people.may_talk(update.callback_query.from_user):
                await press(update.callback_query, self.commands)
            return
        message = update.message or update.edited_message
        if message is None or message.from_user is None or message.from_user.is_bot:
            return
        edited = update.edited_message is not None
        text, user = message.text or "", message.from_user
        reply = Reply(self.bot, message.chat.id, delivery, as_file=True)
        if message.chat.type != ChatType.PRIVATE:
            if self._addressed(message) and not edited:
                reply.text = f"{PRIVATE}: https://t.me/{self.username}"
                await reply.end()
        elif not self.people.may_talk(user):
            reply.text = STRANGER.format(user.id)
            await reply.end()
        elif not text.startswith("/"):
            await self.answering.answer(message, user, delivery, edited)
        elif message.forward_origin is not None:
            reply.text = FORWARDED
            await reply.end()
        elif not edited:
            await self.commands.run(text, await self.people.owner(user), reply)

    def _addressed(self, message: Message) -> bool:
        """Return whether a message in a group is a command for this bot, or names it."""
        text = message.text or ""
        return f"@{self.username}".lower() in text.lower() or text.split()[:1] == ["/start"]


async def run_bot(serving: Serving) -> None:
    """Answer until the program is told to stop.

    Raises:
        BotUnusable: If there is no token, or Telegram does not accept it or does not answer.
        StoreUnavailable: If a store does not answer.
    """
    settings = serving.parts.settings
    if settings.telegram_token is None:
        raise BotUnusable(
            "MNEMO_TELEGRAM_TOKEN is not set: talk to @BotFather in Telegram (/newbot) and put the "
            "token that it gives into .env."
        )
    session = AiohttpSession(api=TelegramAPIServer.from_base(settings.telegram_api_url))
    session.middleware(Retrying())
    try:
        bot = Bot(settings.telegram_token.get_secret_value().strip(), session)
    except TokenValidationError as error:
        raise BotUnusable(TOKEN) from error
    async with bot:
        username = await _greeted(bot, settings.telegram_api_url)
        async with open_inbox(settings.data_dir, bot.id) as inbox:
            people = People(settings, inbox)
            commands = Commands(bot, serving, people)
            answering = Answering(bot, serving, people)
            router = Router(bot, username, people, answering, commands)
            print(f"Answering as @{username}. Ctrl-C ends.", flush=True)
            try:
                await _until_stopped(Polling(bot, inbox, router.handle))
            except TelegramUnauthorizedError as error:
                raise BotUnusable(TOKEN) from error


async def _greeted(bot: Bot, url: str) -> str:
    """Tell Telegram that the bot is here, and what it can do; return the bot's name.

    Raises:
        BotUnusable: If Telegram does not accept the token, or does not answer.
    """
    try:
        me = await bot.get_me()
        await bot.delete_webhook()
        await bot.set_my_commands(
            [BotCommand(command=name, description=text) for name, text in COMMANDS.items()]
        )
    except (TelegramUnauthorizedError, TelegramNotFound) as error:
        raise BotUnusable(TOKEN) from error
    except (TelegramAPIError, ClientDecodeError) as error:
        raise BotUnusable(
            f"Telegram does not answer at {url} ({error}): look at the network, or at "
            "MNEMO_TELEGRAM_API_URL."
        ) from error
    return me.username or str(me.id)


async def _until_stopped(polling: Polling) -> None:
    """Poll until Ctrl-C or SIGTERM; replies that are under way end first."""
    running = asyncio.create_task(polling.run())
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, running.cancel)
    try:
        await asyncio.wait([running])
    finally:
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(sign)
        if not running.done():
            running.cancel()
            await asyncio.wait([running])
    if not running.cancelled():
        running.result()
