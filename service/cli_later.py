"""Verbs whose work is not in this version yet. Each says so; none pretends."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli_options import USER, User, Yes
from service.terminal import not_yet


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("export")(export)
    app.command("import")(import_)
    for command in (forget, recover, serve, telegram):
        app.command()(command)


def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; not given: stdout.")] = None,
    user: User = USER,
) -> None:
    """Write everything of a user (not in this version yet)."""
    not_yet("mnemo export")


def import_(file: Annotated[Path, typer.Argument(help="What `mnemo export` wrote.")]) -> None:
    """Read what an export wrote (not in this version yet)."""
    not_yet("mnemo import")


def forget(user: User = USER, yes: Yes = False) -> None:
    """Forget a user altogether (not in this version yet)."""
    not_yet("mnemo forget")


def recover() -> None:
    """Rebuild a lost journal (not in this version yet)."""
    not_yet("mnemo recover")


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
) -> None:
    """Serve HTTP (not in this version yet)."""
    not_yet("mnemo serve")


def telegram() -> None:
    """Talk on Telegram (not in this version yet)."""
    not_yet("mnemo telegram")
