"""The verbs that move or end all that is remembered: export, import, reset, forget, recover."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.options import CHARACTER, USER, Character, Json, User, Yes, confirm, owner_of
from service.cli.terminal import console, fail, print_json, with_parts, with_stores
from service.plain_text import one_line

if TYPE_CHECKING:
    from nodes.state import Parts
    from settings import Settings
    from stores.maintenance.erase import Removed
    from stores.open import Stores


def export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write; not given: stdout.", dir_okay=False)
    ] = None,
    user: User = USER,
) -> None:
    """Write everything of a user as JSON Lines.

    For `mnemo import`, here or elsewhere.
    """
    if file is not None and not file.absolute().parent.is_dir():
        fail(f"{file.absolute().parent} does not exist: make the folder first.")

    async def work(stores: "Stores", _: "Settings") -> int:
        from stores.maintenance.export import export_user

        lines = [line async for line in export_user(stores, user)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        if file is None:
            sys.stdout.write(text)
        else:
            # Whole or not at all: what stands there stays until the new file is complete.
            part = file.with_name(f"{file.name}.part")
            part.write_text(text, encoding="utf-8")
            part.replace(file)
        return len(lines) - 1

    try:
        count = with_stores(work, reads=True)
    except OSError as error:
        fail(f"{file} cannot be written ({error.strerror}).")
    print(f"Exported {count} records of {one_line(user)}.", file=sys.stderr)


def import_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[KIND] FILE", help="chatgpt, claude, messages, facts, and the file."
        ),
    ],
    file: Annotated[Path | None, typer.Argument(hidden=True)] = None,
    user: User = USER,
    character: Character = CHARACTER,
    as_json: Json = False,
) -> None:
    """Bring in what an export wrote, here or by another program. It can be repeated.

    Without a word before it the file is what `mnemo export` wrote, and says whose it is.
    """
    if file is None and what in KINDS:
        fail(f"Name the file too: mnemo import {what} FILE.", 2)
    if file is not None and what not in KINDS:
        fail(f'"{one_line(what)}" cannot be read: use one of {", ".join(KINDS)}.', 2)
    source = file or Path(what)
    if not source.is_file():
        fail(f"{source} is no file.", 2)
    counts = _import_own(source) if file is None else _import_other(what, source, user, character)
    if as_json:
        print_json(counts)
    else:
        print("Imported " + ", ".join(f"{count} {name}" for name, count in counts.items()) + ".")


KINDS = ("chatgpt", "claude", "messages", "facts")
"""What other programs' files can be: see `service.importing.formats`."""


def _import_own(file: Path) -> dict[str, int]:
    """Bring in what `mnemo export` wrote."""

    async def work(stores: "Stores", _: "Settings") -> dict[str, int]:
        from domain.exported import ImportRefused
        from stores.maintenance.export import import_user

        try:
            with file.open("rb") as lines:
                return await import_user(stores, lines)
        except ImportRefused as refused:
            fail(str(refused))
        except OSError as error:
            fail(f"{file} cannot be read ({error.strerror}).")

    return with_stores(work)


def _import_other(kind: Any, file: Path, user: str, character: str) -> dict[str, int]:
    """Bring in what another program wrote, into the memory of one owner."""
    owner = owner_of(user, character)

    async def work(parts: "Parts") -> dict[str, int]:
        from rich.progress import Progress

        from service.importing.bring_in import bring_in
        from service.importing.formats import read_file
        from service.importing.shapes import FileRefused

        try:
            imported = await asyncio.to_thread(read_file, kind, file, parts.now())
        except FileRefused as refused:
            fail(str(refused))
        except OSError as error:
            fail(f"{file} cannot be read ({error.strerror}).")
        for place in imported.unread:
            print(f"There is no fact in {place}: it is left out.", file=sys.stderr)
        messages = sum(len(chat.messages) for chat in imported.chats) + len(imported.statements)
        with Progress(console=console(stderr=True), transient=True) as progress:
            task = progress.add_task("Remembering", total=messages)
            done = await bring_in(
                parts, owner, imported, lambda count: progress.update(task, advance=count)
            )
        return asdict(done)

    return with_parts(work)


def reset(
    yes: Yes = False,
    user: User = USER,
    character: Character = CHARACTER,
    as_json: Json = False,
) -> None:
    """Forget all that one character knows of a user."""
    owner = owner_of(user, character)
    confirm(yes, f"Forget everything {one_line(user)} ever told {one_line(character)}?")

    async def work(stores: "Stores", chosen: "Settings") -> "Removed":
        from service.erasing import reset_owner

        return await reset_owner(stores, chosen.data_dir, owner)

    _show_removed(with_stores(work), as_json)


def forget(user: User = USER, yes: Yes = False, as_json: Json = False) -> None:
    """Forget a user altogether.

    Every conversation with every character, and what is remembered of it.
    """
    confirm(yes, f"Forget {one_line(user)} altogether?")

    async def work(stores: "Stores", chosen: "Settings") -> "Removed":
        from service.erasing import forget_user

        return await forget_user(stores, chosen.data_dir, user)

    _show_removed(with_stores(work), as_json)


def _show_removed(removed: "Removed", as_json: bool) -> None:
    if as_json:
        print_json(asdict(removed))
    else:
        print(f"Forgotten: {removed}.")


def recover(as_json: Json = False) -> None:
    """Rebuild a lost journal from checkpoints and episodes. Nothing else may be running."""

    async def work(stores: "Stores", _: "Settings") -> dict[str, Any]:
        from nodes.messages.stamps import turns_reader
        from stores.maintenance.recover import recover as rebuild

        return asdict(await rebuild(stores, turns_reader(stores.key)))

    done = with_stores(work)
    if as_json:
        print_json(done)
        return
    print(f"Recovered {done['owners']} owners, {done['refs']} threads, {done['turns']} turns.")
    for problem in done["problems"]:
        print(f"- {problem}")
