"""`mnemo eval`: how much of what was said is found again, on published data sets."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from service.cli.options import Json
from service.cli.terminal import console, fail, print_json, run

if TYPE_CHECKING:
    from evals.conversations import Mode
    from evals.report import Report

Budget = Annotated[
    int, typer.Option(min=1, metavar="N", help="Tokens of recalled text for one question.")
]
Embeddings = Annotated[str, typer.Option(metavar="M", help="Embeddings to measure with.")]
Store = Annotated[
    Literal["chroma", "postgres"] | None,
    typer.Option(
        help="Where memories are kept meanwhile; Postgres in a schema of its own. Unless given, "
        "as the settings say.",
    ),
]
Dump = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write there, one JSON line a question, what was recalled."),
]
Baselines = Annotated[
    bool, typer.Option("--baselines/--no-baselines", help="Measure other ways to remember too.")
]
Recorded = Annotated[
    bool,
    typer.Option(
        "--recorded/--offline",
        help="Take the summaries and facts published with the data, or have the offline model "
        "make them.",
    ),
]

DEFAULT_EMBEDDINGS = "use-multilingual"

evals = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@evals.command()
def locomo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="LoCoMo's JSON files.")],
    budget: Budget = 1000,
    recorded: Recorded = True,
    embeddings: Embeddings = DEFAULT_EMBEDDINGS,
    store: Store = None,
    dump: Dump = None,
    baselines: Baselines = True,
    as_json: Json = False,
) -> None:
    """Ten very long conversations of two people (LoCoMo)."""

    async def measure(**how: Any) -> "Report":
        from evals.locomo import run_locomo

        return await run_locomo(folder, mode=_mode(recorded), **how)

    _show(measure, as_json, dump, budget, embeddings, store, baselines)


@evals.command()
def beam(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="BEAM's JSON files.")],
    budget: Budget = 1000,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", help="Summaries and facts without a language model, whatever is set."
        ),
    ] = False,
    embeddings: Embeddings = DEFAULT_EMBEDDINGS,
    store: Store = None,
    dump: Dump = None,
    baselines: Baselines = True,
    as_json: Json = False,
) -> None:
    """Long talks with an assistant, by ability (BEAM)."""

    async def measure(**how: Any) -> "Report":
        from evals.beam import run_beam

        return await run_beam(folder, offline=offline, **how)

    _show(measure, as_json, dump, budget, embeddings, store, baselines)


@evals.command()
def longmemeval(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One of LongMemEval's files.")],
    budget: Budget = 1000,
    recorded: Recorded = True,
    embeddings: Embeddings = DEFAULT_EMBEDDINGS,
    store: Store = None,
    dump: Dump = None,
    baselines: Baselines = True,
    as_json: Json = False,
) -> None:
    """Questions over many chats with an assistant (LongMemEval)."""

    async def measure(**how: Any) -> "Report":
        from evals.longmemeval import run_longmemeval

        return await run_longmemeval(file, mode=_mode(recorded), **how)

    _show(measure, as_json, dump, budget, embeddings, store, baselines)


def _mode(recorded: bool) -> "Mode":
    return "recorded" if recorded else "offline"


def _show(
    measure: "Callable[..., Coroutine[Any, Any, Report]]",
    as_json: bool,
    dump: Path | None,
    budget: int,
    embeddings: str,
    store: str | None,
    baselines: bool,
) -> None:
    """Run a benchmark with its progress on stderr, and print its report."""
    if dump is not None and not dump.absolute().parent.is_dir():
        fail(f"{dump.absolute().parent} does not exist: make the folder of --dump first.")
    from evals.data_files import NotBenchmark
    from evals.report import print_report

    with console(stderr=True).status("Loading...") as status:

        def progress(doing: str, done: int, of: int) -> None:
            status.update(f"{doing}: {done} of {of}")

        try:
            report = run(
                lambda: measure(
                    budget=budget,
                    embeddings=embeddings,
                    where=store,
                    dump=dump,
                    baselines=baselines,
                    progress=progress,
                )
            )
        except NotBenchmark as error:
            status.stop()
            fail(str(error))
    if as_json:
        print_json(report.as_json())
    else:
        from rich.console import Console

        print_report(report, Console())
