"""`mnemo telegram`: the bot, which talks with the same memory as every other channel."""

import logging
from importlib.util import find_spec

import typer

from service.cli.terminal import fail, run, settings

INSTALL = (
    "What Telegram needs is not installed: run `make setup` or "
    "`pip install 'mnemograph[telegram]'`."
)


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(telegram)


def telegram() -> None:
    """Answer in Telegram, as the bot of MNEMO_TELEGRAM_TOKEN.

    Users, characters and conversations are those of every other channel.
    """
    if find_spec("aiogram") is None:
        fail(INSTALL)
    chosen = settings()
    # What a program that runs for weeks has to say must be seen.
    logging.getLogger("service.telegram").addHandler(logging.StreamHandler())

    async def work() -> None:
        from graph.parts import open_parts
        from service.serving import open_serving
        from service.telegram.bot import BotUnusable, run_bot

        async with open_parts(chosen) as parts, open_serving(parts) as serving:
            try:
                await run_bot(serving)
            except BotUnusable as error:
                fail(str(error))

    run(work)
