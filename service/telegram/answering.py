"""A message becomes a turn of the conversation that all channels share; its reply streams back."""

from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from aiogram import Bot
from aiogram.types import (
    Message,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
    User,
)

from domain.clean_text import clean_name
from domain.owner import Owner
from service.conversation import Content, new_thread
from service.http.turns import Ask, begin_turn
from service.serving import Serving
from service.telegram.inbox import Delivery
from service.telegram.people import People
from service.telegram.photos import photo_part
from service.telegram.reply import Reply, typing
from service.thread_locks import ThreadBusy
from service.turn_report import StepEvent, TokenEvent, TurnDone, TurnReport
from service.usage.limits import LimitExceeded
from stores.errors import StoreUnavailable

UNREADABLE = (
    "I read text and photos only: voice messages, videos, files and stickers do not reach me, so "
    "write it to me."
)
NAMELESS = "Somebody"
"""Who said what was forwarded from a deleted account, or a chat without a title."""
EMPTY = "(The reply is empty.)"
"""Telegram takes no message without a visible sign."""


@dataclass(frozen=True)
class Answering:
    """Answers messages of private chats."""

    bot: Bot
    serving: Serving
    people: People

    async def answer(self, message: Message, user: User, delivery: Delivery, edited: bool) -> None:
        """Answer a message; an update that comes again is shown in the same messages.

        `delivery` says how far it got before.

        Raises:
            TelegramAPIError: If Telegram does not take the reply.
        """
        begun = delivery.thread is not None
        refers = message.message_id if edited else None
        reply = Reply(self.bot, message.chat.id, delivery, refers=refers)
        try:
            content = await self._content(message)
            if content is None:
                reply.text = UNREADABLE
            else:
                owner = await self.people.owner(user)
                ask = await self._ask(message, content, owner, delivery)
                report = await self._turn(ask, reply)
                if report.again and (not report.reply or (edited and not begun)):
                    return  # What it says was not edited; or all of it was said long ago.
                reply.text = _said(report, reply.text)
            await reply.end()
        except (LimitExceeded, ThreadBusy, StoreUnavailable) as error:
            reply.text = str(error)
            await reply.end()
        finally:
            await reply.stop()

    async def _content(self, message: Message) -> Content | None:
        """Return what a message says; None where it is neither text nor a photo."""
        if message.photo:
            text = message.caption or ""
            most = self.serving.parts.settings.message_bytes
            part = await photo_part(self.bot, message.photo, most - len(text.encode()))
            return [{"type": "text", "text": text}, part] if text else [part]
        return message.text

    async def _ask(
        self, message: Message, content: Content, owner: Owner, delivery: Delivery
    ) -> Ask:
        """Return the turn that a message asks for, on the owner's last thread.

        Its id is the message's own, so that Telegram may bring it again.

        Raises:
            StoreUnavailable: If a store does not answer.
        """
        thread = delivery.thread or await self.serving.conversation.last_thread(owner)
        await delivery.begin(thread or new_thread())
        id = f"telegram-{self.bot.id}-{message.chat.id}-{message.message_id}"
        options = {"message_id": id, "name": _author(message)}
        return Ask(owner, str(delivery.thread), content, options)

    async def _turn(self, ask: Ask, reply: Reply) -> TurnReport:
        """Run a turn and show its reply as it comes.

        Raises:
            LimitExceeded: If the user, or this process, has too much to do.
            ThreadBusy: If the thread still answers an earlier message.
            StoreUnavailable: If a store does not answer.
        """
        async with AsyncExitStack() as waiting:
            await waiting.enter_async_context(typing(self.bot, reply.chat))
            turn = await begin_turn(self.serving, ask, None)
            text = ""
            async with aclosing(turn.events()) as events:
                async for event in events:
                    if isinstance(event, TokenEvent):
                        await waiting.aclose()
                        text += event.text
                        reply.write(text)
                    elif isinstance(event, StepEvent) and event.step == "search":
                        text = ""
                    elif isinstance(event, TurnDone):
                        return event.report
        raise RuntimeError("A turn ended without a report.")


def _author(message: Message) -> str | None:
    """Return who said what a user forwards; None for words of their own."""
    match message.forward_origin:
        case None:
            return None
        case MessageOriginUser(sender_user=author):
            if author.id == message.chat.id:
                return None
            name = author.full_name
        case MessageOriginHiddenUser(sender_user_name=name):
            pass
        case MessageOriginChat(sender_chat=chat) | MessageOriginChannel(chat=chat):
            name = chat.title or ""
    return clean_name(name) or NAMELESS


def _said(report: TurnReport, streamed: str) -> str:
    """Return what the chat is shown of a turn."""
    text = "\n\n".join(filter(None, (report.reply or streamed, report.error)))
    return text if text.strip() else EMPTY
