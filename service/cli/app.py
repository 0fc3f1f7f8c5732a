"""The command `mnemo`: its verbs and their order. Each verb is in a module of this folder.

Nothing heavy is imported here: `mnemo --help` must answer at once.
"""

from typing import Annotated

import typer

from service.cli import chat, eval, maintenance, mcp, memory, serve, telegram, transfer
from service.cli.terminal import hasten, quiet

app = typer.Typer(
    name="mnemo",
    help="Talk with an assistant that remembers, and look after what it remembers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich pages would take longer to import than all else here.
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"mnemo {version('mnemograph')}")
        raise typer.Exit


@app.callback()
def _main(
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Let libraries print their log lines.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    hasten()
    quiet(verbose)


for _verbs in (chat, memory, maintenance, transfer, serve, mcp, telegram, eval):
    _verbs.add(app)


if __name__ == "__main__":
    app()
