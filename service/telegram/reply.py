"""What the bot says in a chat: plain text, edited while it grows, split where it is long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiogram import Bot
from aiogram.enums import ChatAction
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardMarkup,
    InputFile,
    LinkPreviewOptions,
    ReplyParameters,
)

from service.plain_text import plain
from service.telegram.inbox import Delivery
from service.telegram.splitting import pieces

EDIT_SECONDS = 1.0
"""Between two edits: Telegram's FAQ for bots asks for at most one message a second in a chat."""
SEND_SECONDS = 5.0
"""How long a bot that is told to stop waits until Telegram has taken a message: seconds at most."""
TYPING_SECONDS = 4.5
"""Between two signs of typing: Telegram shows one for 5 seconds."""
MESSAGES = 4
"""What is longer than so many messages is a file, where it may be one."""
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
"""A remembered link must not be fetched because it is shown."""


class Reply:
    """The reply to one update; the same messages again where the update was brought again."""

    def __init__(
        self,
        bot: Bot,
        chat: int,
        delivery: Delivery,
        *,
        refers: int | None = None,
        as_file: bool = False,
    ) -> None:
        """Reply in a chat, to the message `refers`, after what was sent before (`delivery`).

        What takes many messages is sent `as_file`.
        """
        self.chat = chat
        self._bot, self._delivery = bot, delivery
        self._refer = (
            ReplyParameters(message_id=refers, allow_sending_without_reply=True) if refers else None
        )
        self._shown: list[str | None] = [None] * len(delivery.sent)
        """What each message says; None: not known."""
        self._over = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._as_file = as_file
        self.text = ""
        self.buttons: InlineKeyboardMarkup | None = None

    def write(self, text: str) -> None:
        """Show a text from now on; the chat follows at the pace that Telegram allows."""
        self.text = text
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        with suppress(TelegramAPIError):  # What is final is shown once more, by whoever waits.
            while not self._over.is_set():
                await self.show()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), EDIT_SECONDS)

    async def end(self) -> None:
        """Show the text as it is now, once and for all.

        Raises:
            TelegramAPIError: If Telegram does not take it.
        """
        self._over.set()
        if self._writer is not None:
            await self._writer
        await self.show()

    async def stop(self) -> None:
        """Show nothing more."""
        self._over.set()
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])

    async def show(self) -> None:
        """Make the chat's messages say what the text says.

        Raises:
            TelegramAPIError: If Telegram does not take it.
        """
        texts = pieces(plain(self.text))
        if self._as_file and len(texts) > MESSAGES:
            await self.send_file(BufferedInputFile(plain(self.text).encode(), "all.txt"))
            return
        for at, text in enumerate(texts):
            if at == len(self._shown):
                await self._send_and_note(text)
                self._shown.append(text)
            elif self._shown[at] != text:
                await self._edit(at, text)
                self._shown[at] = text
        for at in range(len(texts), len(self._shown) if texts else 0):
            with suppress(TelegramBadRequest):
                await self._bot.delete_message(self.chat, self._delivery.sent[at])
            self._shown[at] = ""

    async def send_file(self, file: InputFile) -> None:
        """Send a file, unless it was sent before.

        Raises:
            TelegramAPIError: If Telegram does not take it.
        """
        if not self._delivery.sent:
            sent = await self._bot.send_document(self.chat, file)
            await self._delivery.add(sent.message_id)

    async def _send_and_note(self, text: str, at: int | None = None) -> None:
        """Send a message and note it; whoever is told to stop meanwhile does both first."""

        async def both() -> None:
            await self._delivery.add(await self._send(text), at)

        sending = asyncio.create_task(both())
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait([sending], timeout=SEND_SECONDS)
            sending.cancel()
            raise

    async def _send(self, text: str) -> int:
        """Send one message as plain text: no markup, no preview of links."""
        message = await self._bot.send_message(
            self.chat,
            text,
            reply_parameters=self._refer,
            reply_markup=self.buttons,
            link_preview_options=NO_PREVIEW,
        )
        return message.message_id

    async def _edit(self, at: int, text: str) -> None:
        try:
            await self._bot.edit_message_text(
                text,
                chat_id=self.chat,
                message_id=self._delivery.sent[at],
                reply_markup=self.buttons,
                link_preview_options=NO_PREVIEW,
            )
        except TelegramBadRequest as error:
            if "not modified" not in str(error):  # It was deleted: it is said once more.
                await self._send_and_note(text, at)


@asynccontextmanager
async def typing(
    bot: Bot, chat: int, action: ChatAction = ChatAction.TYPING
) -> AsyncIterator[None]:
    """Let the chat see that something is being done."""

    async def show() -> None:
        while True:
            with suppress(TelegramAPIError):
                await bot.send_chat_action(chat, action)
            await asyncio.sleep(TYPING_SECONDS)

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait([showing])
