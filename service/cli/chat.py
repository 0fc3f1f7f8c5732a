"""`mnemo chat`: finds the thread to go on with and hands over to a screen, or to lines."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.colours import FAINT
from service.cli.options import CHARACTER, USER, AsOf, Character, User, Zone, date_of, owner_of
from service.cli.terminal import console, fail, run, settings
from service.plain_text import plain

if TYPE_CHECKING:
    from domain.owner import Owner
    from nodes.state import Parts
    from settings import Settings


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(chat)


def chat(
    user: User = USER,
    character: Character = CHARACTER,
    thread: Annotated[
        str | None,
        typer.Option(metavar="T", help="The conversation to go on with; a new name starts one."),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Start a new conversation.")] = False,
    persona: Annotated[
        str | None, typer.Option(help="Who the character is and how it speaks.")
    ] = None,
    tier: Annotated[str | None, typer.Option(metavar="NAME", help="What the user gets.")] = None,
    as_of: AsOf = None,
    timezone: Zone = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="A message a line on stdin, a JSON object a turn on stdout."),
    ] = False,
) -> None:
    """Talk. Without --thread it goes on with the last conversation."""
    if thread is not None and new:
        fail("Give --thread or --new, not both.")
    if thread is not None and not thread.strip():
        fail("--thread must not be empty: give the conversation a name.")
    owner = owner_of(user, character)
    chosen = settings()
    date_of(as_of, timezone or chosen.timezone)
    tier = chosen.tier_name(tier, character)
    try:
        chosen.tier(tier)
    except ValueError as error:
        fail(str(error))
    wish = _Wish(owner, thread, new, persona, tier, as_of, timezone)
    fine = run(lambda: _chat(chosen, wish, as_json))
    if not fine and not as_json:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Wish:
    """What was asked for on the command line."""

    owner: "Owner"
    thread: str | None
    new: bool
    persona: str | None
    tier: str
    as_of: str | None
    timezone: str | None


async def _chat(chosen: "Settings", wish: _Wish, as_json: bool) -> bool:
    """Talk until the input ends; return whether every turn of a piped chat succeeded."""
    screen = not as_json and sys.stdin.isatty()
    with ExitStack() as waiting:
        if screen:
            waiting.enter_context(console().status("Opening memory..."))
        from graph.parts import open_parts
        from service.cli.chat_commands import Talk
        from service.cli.chat_lines import chat_lines
        from service.conversation import new_thread
        from service.leaving import note_facts, unread
        from service.usage.admission import open_conversation

        async with open_parts(chosen) as parts, open_conversation(parts) as conversation:
            thread = wish.thread
            if thread is None and not wish.new:
                thread = await conversation.last_thread(wish.owner)
            talk = Talk(
                wish.owner,
                thread or new_thread(),
                wish.persona,
                wish.tier,
                wish.as_of,
                wish.timezone,
            )
            if await unread(parts, wish.owner, wish.tier):  # Of a chat that was cut off.
                parts.stores.background.start(
                    wish.owner, lambda: note_facts(parts, wish.owner, wish.tier)
                )
            if screen:
                from service.cli.chat_screen import Screen

                waiting.close()  # From here on the terminal is the screen's.
                await Screen(parts, conversation, talk).run()
                fine = True
            else:
                fine = await chat_lines(parts, conversation, talk, as_json=as_json)
            await _leave(parts, wish, screen)
            return fine


async def _leave(parts: "Parts", wish: _Wish, screen: bool) -> None:
    """Note the facts that are left, and say so on a terminal."""
    from service.leaving import note_facts, unread

    turns = await unread(parts, wish.owner, wish.tier)
    if not turns:
        return
    with ExitStack() as waiting:
        if screen:
            waiting.enter_context(console().status("Noting facts before leaving..."))
        facts = await note_facts(parts, wish.owner, wish.tier)
    if screen and facts is None:
        console().print("The facts of the last turns are noted at the next start.")
    elif screen and facts:
        from rich.text import Text

        console().print(Text(plain("\n".join(["Noted before leaving:", *facts])), style=FAINT))
