"""The options that many commands share, and what they mean. No commands here."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.terminal import fail

if TYPE_CHECKING:
    from domain.owner import Owner

User = Annotated[str, typer.Option("--user", help="Who is talking.", metavar="U")]
Character = Annotated[str, typer.Option("--character", help="Whom they talk with.", metavar="C")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs to read.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="What was true then, as 2026-05-31."),
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
