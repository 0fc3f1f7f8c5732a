"""The verbs that look after an installation: doctor, sweep, reindex."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli_options import Json
from service.terminal import console, not_yet, one_line, print_json, run, settings

if TYPE_CHECKING:
    from service.doctor import Check
    from service.reindexing import Reindexed
    from service.sweep import SweepReport

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (doctor, sweep, reindex):
        app.command()(command)


def doctor(as_json: Json = False) -> None:
    """Tell what is in use and why, and whether it answers.

    With what is missing and how to get it. Ends with exit code 1 if something fails.
    """
    from service.doctor import examine
    from service.doctor_stores import checks_of

    chosen = settings()
    rows, hangs = run(lambda: examine(chosen, *checks_of(chosen)))
    if as_json:
        print_json([row.model_dump() for row in rows])
    else:
        _show(rows)
    failed = any(row.state == "fail" for row in rows)
    if hangs:
        # What hangs sits in a thread that nobody can end but with the whole program.
        sys.stdout.flush()
        os._exit(1)
    if failed:
        raise typer.Exit(1)


def _show(rows: "list[Check]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for row in rows:
        state = Text(row.state, style=STYLES[row.state])
        table.add_row(state, row.name, Text(one_line(row.text)))
    console().print(table)


def sweep(as_json: Json = False) -> None:
    """Fold what idle owners left, delete what is long dead.

    To be run once a day; nothing else has to stop for it if Redis and a Chroma server are used.
    """
    chosen = settings()

    async def work() -> "SweepReport":
        from graph.parts import open_parts
        from service.sweep import sweep as sweep_all

        async with open_parts(chosen) as parts:
            return await sweep_all(parts)

    report = run(work)
    if as_json:
        print_json(report.model_dump())
    else:
        print(
            f"{report.owners} owners looked at: {report.emptied} idle ones folded "
            f"({report.folded} messages into {report.episodes} episodes, "
            f"{report.facts_added} facts added), {report.turns_deleted} dead turns and "
            f"{report.episodes_deleted} dead episodes deleted."
        )
        if report.lost:
            print(f"{report.lost} owners lost their journal and were left alone: `mnemo doctor`.")
        for sentence in dict.fromkeys(report.failed):
            print(one_line(sentence), file=sys.stderr)
    if report.failed:
        raise typer.Exit(1)


def reindex(
    shards: Annotated[
        int | None,
        typer.Option(min=1, max=1024, metavar="N", help="Spread memories over N collections."),
    ] = None,
    embeddings: Annotated[
        str | None,
        typer.Option(metavar="M", help="Embed all memories anew with this model."),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="chroma|postgres", help="Move to another store.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change the embedding model or the number of collections.

    Without options it does what the settings say. Nothing else may use the memories meanwhile;
    after an interruption the same command goes on.
    """
    if to is not None:
        not_yet("Moving memories to another store (reindex --to)")
    chosen = settings()
    if chosen.postgres_url is not None:
        not_yet("Long-term memory in Postgres (MNEMO_POSTGRES_URL)")
    paper = console(stderr=True)

    async def work() -> "Reindexed | None":
        from service.reindexing import reindex as move

        with paper.status("Reading...") as status:

            def progress(done: int, total: int) -> None:
                status.update(f"{done} of {total or 'all'} memories moved")

            return await move(chosen, shards, embeddings, progress)

    done = run(work)
    if as_json:
        from dataclasses import asdict

        print_json(asdict(done) if done else {"items": 0})
    elif done is None:
        print("There are no memories yet, so there is nothing to move.")
    else:
        _say_moved(done)


def _say_moved(done: "Reindexed") -> None:
    moved = f"{done.items} memories moved" if done.items else "All lies as wanted already"
    print(f"{moved}: {done.shards} collections, embeddings {one_line(done.embeddings)}.")
    if done.advice:
        print(f"Set {' and '.join(done.advice)} from now on, or they will not open.")
