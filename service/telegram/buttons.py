"""What happens when a button below one of the bot's messages is pressed."""

from contextlib import suppress

from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CallbackQuery

from service.erasing import reset_owner
from service.telegram.commands import LEAVE, Commands, reset_mark, talk_mark
from stores.errors import StoreUnavailable

LEFT = "Nothing was forgotten."
FORGOTTEN = (
    "Everything is forgotten. What stands above is Telegram's own copy: clear this chat to be rid "
    "of it too."
)
BEFORE = "What you had told by then is forgotten already. Send /reset to forget what came since."
GONE = "This character is not here any more: /character lists those who are."


async def press(query: CallbackQuery, commands: Commands) -> None:
    """Do what a button says, and let its message say what was done.

    Raises:
        TelegramAPIError: If Telegram does not take the answer.
    """
    bot = commands.bot
    try:
        text = await _done(commands, commands.people.user_id(query.from_user), query.data or "")
    except StoreUnavailable as error:
        text = str(error)
    # A query that is old, or comes again, has been answered or needs no answer any more.
    with suppress(TelegramBadRequest):
        await bot.answer_callback_query(query.id)
    if query.message is not None:
        with suppress(TelegramBadRequest):
            await bot.edit_message_text(
                text, chat_id=query.message.chat.id, message_id=query.message.message_id
            )


async def _done(commands: Commands, user_id: str, mark: str) -> str:
    """Do what a button carries; return what was done."""
    if mark == LEAVE:
        return LEFT
    parts = commands.serving.parts
    for owner in commands.people.owners(user_id):
        if mark == talk_mark(owner):
            return await commands.talk_with(owner)
        generation = (await parts.stores.journal.read(owner)).generation
        if mark == reset_mark(owner, generation):
            await reset_owner(parts.stores, parts.settings.data_dir, owner)
            return FORGOTTEN
        if mark.rpartition(":")[0] == reset_mark(owner, None).rpartition(":")[0]:
            return BEFORE
    return GONE
