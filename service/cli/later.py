"""Verbs whose work is not in this version yet. Each says so; none pretends."""

from typing import Annotated

import typer

from service.cli.terminal import not_yet


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(telegram)


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
