"""The command `mnemo`: its verbs and their order. Each verb is in a module of this folder.

Nothing heavy is imported here: `mnemo --help` must answer at once.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from service.cli import chat, eval, maintenance, memory, serve, transfer
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


_VERBS: dict[str, Callable[..., None]] = {
    "chat": chat.chat,
    "recall": memory.recall,
    "episodes": memory.episodes,
    "facts": memory.facts,
    "entities": memory.entities,
    "budget": memory.budget,
    "reset": transfer.reset,
    "doctor": maintenance.doctor,
    "sweep": maintenance.sweep,
    "reindex": maintenance.reindex,
    "export": transfer.export,
    "import": transfer.import_,
    "forget": transfer.forget,
    "recover": transfer.recover,
    "serve": serve.serve,
    "mcp": serve.mcp,
    "telegram": serve.telegram,
}
for _name, _verb in _VERBS.items():
    app.command(_name)(_verb)
app.add_typer(eval.evals, name="eval", help="Measure recall on a published data set.")


if __name__ == "__main__":
    app()
