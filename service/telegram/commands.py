"""What the bot shows and changes of memory when it is asked by a command."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiogram import Bot
from aiogram.enums import ChatAction
from aiogram.types import BufferedInputFile, InlineKeyboardButton, InlineKeyboardMarkup

from domain.owner import Owner, digest
from service.memory_changes import forget_what_says
from service.memory_view import remembered
from service.plain_text import counted, day, one_line
from service.reasons import reasons_of
from service.serving import Serving
from service.telegram.people import People
from service.telegram.reply import Reply, typing
from stores.errors import GenerationMoved, StoreUnavailable
from stores.maintenance.export import export_user

COMMANDS = {
    "start": "say hello",
    "memory": "what was recalled for the last reply, and why",
    "facts": "what I hold to be true about you",
    "forget": "forget something: /forget my old address",
    "reset": "forget everything you told this character",
    "export": "everything that is kept of you, as a file",
    "character": "choose whom you talk with",
    "help": "this list",
}
"""What each does; the method that does it has its name."""
LEAVE = "leave"
"""What a button carries that does nothing."""
LINE = 300
"""Letters of one remembered text in a list: some six lines on a phone."""
MARK = 24
"""Letters of a digest in a button: two of them fit into the 64 bytes that Telegram allows."""
LONGEST_FILE = 50_000_000
"""Bytes of a file that a bot may send, as the Bot API documents `sendDocument`."""


@dataclass(frozen=True)
class Commands:
    """Answers commands of private chats."""

    bot: Bot
    serving: Serving
    people: People

    async def run(self, text: str, owner: Owner, reply: Reply) -> None:
        """Do what a message says that begins with a slash.

        Raises:
            TelegramAPIError: If Telegram does not take the answer.
        """
        word, *rest = text.split(maxsplit=1)
        name = word.removeprefix("/").partition("@")[0].lower()
        try:
            if name in COMMANDS:
                command: Callable[[Owner, Reply, str], Awaitable[str]] = getattr(self, f"_{name}")
                reply.text = await command(owner, reply, " ".join(rest).strip())
            else:
                reply.text = f"There is no command /{name}: /help lists them."
        except (StoreUnavailable, GenerationMoved) as error:
            reply.text = str(error)
        await reply.end()

    async def _start(self, owner: Owner, reply: Reply, rest: str) -> str:
        hello = self.people.character(owner).greeting or "Hello! Write to me, I will remember."
        return f"{hello}\n\n/help lists what else I can do."

    async def _help(self, owner: Owner, reply: Reply, rest: str) -> str:
        lines = [f"/{name}: {meaning}" for name, meaning in COMMANDS.items()]
        return "\n".join([*lines, "", f"You are known here as {owner.user_id}."])

    async def _memory(self, owner: Owner, reply: Reply, rest: str) -> str:
        conversation = self.serving.conversation
        thread = await conversation.last_thread(owner)
        prompts = await conversation.last_prompts(owner, thread) if thread else []
        shown = await remembered(self.serving.parts.stores, owner)
        facts = sum(standing.current for standing in shown.facts)
        lines = [
            f"Kept of our talks: {counted(facts, 'fact')}, {counted(len(shown.entities), 'name')}, "
            f"{counted(len(shown.episodes), 'summarized part')}."
        ]
        for item in prompts[-1].recalled if prompts else ():
            reasons = ", ".join(reasons_of(item))
            lines.append(f"• {day(item.at)} {_short(item.text)}\n   {reasons}")
        if len(lines) == 1:
            lines.append("Nothing was recalled for the last reply.")
        else:
            lines.insert(1, "Recalled for the last reply:")
        return "\n\n".join(lines)

    async def _facts(self, owner: Owner, reply: Reply, rest: str) -> str:
        shown = await remembered(self.serving.parts.stores, owner)
        facts = [standing.fact for standing in shown.facts if standing.current]
        lines = [f"• {_short(fact.text)} (since {day(fact.valid_from)})" for fact in facts]
        return "\n".join(lines) or "I hold nothing to be true about you yet."

    async def _forget(self, owner: Owner, reply: Reply, rest: str) -> str:
        if not rest:
            return "Say what to forget, as in: /forget my old address"
        reached = await forget_what_says(self.serving.parts, owner, rest)
        if reached.nothing:
            return "Nothing that I remember says this."
        return "It is forgotten: I will not speak of it again, unless you tell me anew."

    async def _reset(self, owner: Owner, reply: Reply, rest: str) -> str:
        view = await self.serving.parts.stores.journal.read(owner)
        name = self.people.name(owner)
        mark = reset_mark(owner, view.generation)
        forget = InlineKeyboardButton(text="Forget everything", callback_data=mark)
        leave = InlineKeyboardButton(text="No", callback_data=LEAVE)
        reply.buttons = InlineKeyboardMarkup(inline_keyboard=[[forget, leave]])
        return f"Forget everything you ever told {name}? This cannot be undone."

    async def _export(self, owner: Owner, reply: Reply, rest: str) -> str:
        async with typing(self.bot, reply.chat, ChatAction.UPLOAD_DOCUMENT):
            lines = [
                json.dumps(line).encode() + b"\n"
                async for line in export_user(self.serving.parts.stores, owner.user_id)
            ]
            if sum(map(len, lines)) > LONGEST_FILE:
                return "It is too much for one file in Telegram: export it on the page instead."
            await reply.send_file(BufferedInputFile(b"".join(lines), "mnemograph.jsonl"))
        return ""

    async def _character(self, owner: Owner, reply: Reply, rest: str) -> str:
        characters = self.serving.parts.settings.characters
        if not characters:
            return "There is one character here: you talk with it already."
        if rest:
            for id, character in characters.items():
                if rest.casefold() in (id.casefold(), character.name.casefold()):
                    return await self.talk_with(Owner(owner.user_id, id))
        reply.buttons = InlineKeyboardMarkup(
            inline_keyboard=[
                [
                    InlineKeyboardButton(
                        text=one_line(self.people.name(o)), callback_data=talk_mark(o)
                    )
                ]
                for o in self.people.owners(owner.user_id)
            ]
        )
        unknown = f"There is no {_short(rest)} here. " if rest else ""
        return f"{unknown}You talk with {self.people.name(owner)}. Whom do you want to talk with?"

    async def talk_with(self, owner: Owner) -> str:
        """Let a user talk with another character from now on; return what it says first."""
        await self.people.inbox.choose(owner.user_id, owner.character_id)
        greeting = self.people.character(owner).greeting
        return greeting or f"You talk with {self.people.name(owner)} now."


def reset_mark(owner: Owner, generation: str | None) -> str:
    """Return what a button carries that forgets what was told up to now, and nothing later."""
    return f"reset:{digest(owner.key)[:MARK]}:{digest(str(generation))[:MARK]}"


def talk_mark(owner: Owner) -> str:
    """Return what a button carries that chooses a character."""
    return f"talk:{digest(owner.key)[:MARK]}"


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LINE else f"{line[:LINE]}…"
