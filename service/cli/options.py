"""The options that many commands share, and what they mean. No commands here."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.terminal import fail

if TYPE_CHECKING:
    from datetime import datetime

    from domain.owner import Owner

User = Annotated[str, typer.Option("--user", help="Who is talking.", metavar="U")]
Character = Annotated[str, typer.Option("--character", help="Whom they talk with.", metavar="C")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs to read.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="What was true then, as 2026-05-31."),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--timezone", metavar="ZONE", help="Where you are, as Europe/Berlin. [MNEMO_TIMEZONE]"
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

USER = "local"
CHARACTER = "default"


def owner_of(user: str, character: str) -> "Owner":
    """Return the owner that `--user` and `--character` name; end the program if one is empty."""
    from domain.owner import Owner

    if not user or not character:
        fail("--user and --character must not be empty: give each a name.")
    return Owner(user, character)


def confirm(yes: bool, question: str) -> None:
    """Ask on a terminal, unless `--yes` was given; end the program where the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail("This cannot be undone, and there is no terminal to ask on: give --yes.", 2)
    if not typer.confirm(question, err=True):
        fail("Nothing was forgotten.")


def date_of(as_of: str | None, timezone: str | None = None) -> "datetime | None":
    """Return the moment that `--as-of` names; end the program if it is no date."""
    from domain.as_of import as_of_date
    from domain.text.moments import zone_of

    try:
        return as_of_date(as_of, zone_of(timezone) if timezone else None)
    except ValueError as error:
        fail(str(error))


def now_in(timezone: str | None) -> "datetime":
    """Return the present where `--timezone` says; end the program if there is no such zone."""
    from datetime import UTC, datetime

    from domain.text.moments import here

    try:
        return here(datetime.now(UTC), timezone)
    except ValueError as error:
        fail(str(error))
