"""`mnemo chat`: finds the thread to go on with and hands over to a screen, or to lines."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.colours import FAINT
from service.cli.options import CHARACTER, USER, AsOf, Character, User, Zone, date_of, owner_of
from service.cli.talk import Talk
from service.cli.terminal import console, fail, run, settings
from service.plain_text import plain

if TYPE_CHECKING:
    from nodes.state import Parts
    from settings import Settings


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
    talk = Talk(owner, thread or "", persona, tier, as_of, timezone)
    fine = run(lambda: _chat(chosen, talk, new, as_json))
    if not fine and not as_json:
        raise typer.Exit(1)


async def _chat(chosen: "Settings", talk: Talk, new: bool, as_json: bool) -> bool:
    """Talk until the input ends; return whether every turn of a piped chat succeeded."""
    screen = not as_json and sys.stdin.isatty()
    with ExitStack() as waiting:
        if screen:
            waiting.enter_context(console().status("Opening memory..."))
        from graph.parts import open_parts
        from service.cli.chat_lines import chat_lines
        from service.conversation import new_thread
        from service.leaving import note_facts, unread
        from service.usage.admission import open_conversation

        async with (
            open_parts(chosen, load=not screen) as parts,
            open_conversation(parts) as conversation,
        ):
            if not talk.thread:
                last = None if new else await conversation.last_thread(talk.owner)
                talk = replace(talk, thread=last or new_thread())
            if await unread(parts, talk.owner, talk.tier):  # Of a chat that was cut off.
                parts.stores.background.start(
                    talk.owner, lambda: note_facts(parts, talk.owner, talk.tier, seconds=None)
                )
            if screen:
                from service.cli.chat_screen import Screen

                waiting.close()  # From here on the terminal is the screen's.
                await Screen(parts, conversation, talk).run()
                fine = True
            else:
                stores = parts.stores  # Loaded while the first line comes.
                stores.recall.begin(talk.owner, await stores.journal.read(talk.owner))
                fine = await chat_lines(parts, conversation, talk, as_json=as_json)
            await _leave(parts, talk, screen)
            return fine


async def _leave(parts: "Parts", talk: Talk, screen: bool) -> None:
    """Note the facts that are left, and say so on a terminal."""
    from service.leaving import note_facts, unread

    turns = await unread(parts, talk.owner, talk.tier)
    if not turns:
        return
    with ExitStack() as waiting:
        if screen:
            waiting.enter_context(console().status("Noting facts before leaving..."))
        facts = await note_facts(parts, talk.owner, talk.tier)
    if screen and facts is None:
        console().print("The facts of the last turns are noted at the next start.")
    elif screen and facts:
        from rich.text import Text

        console().print(Text(plain("\n".join(["Noted before leaving:", *facts])), style=FAINT))
