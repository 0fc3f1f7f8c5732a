"""The verbs that look after an installation: doctor, sweep, reindex."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.colours import BAD, GOOD, WARNING
from service.cli.options import Json
from service.cli.terminal import console, fail, print_json, run, settings
from service.plain_text import one_line

if TYPE_CHECKING:
    from service.ops.doctor import Check
    from service.ops.reindex import Reindexed
    from service.ops.sweep import SweepReport
    from stores.maintenance.migrate import Progress

STORES = ("chroma", "postgres")
"""What `--to` may name: the backends of `stores/long_term.py`, which takes a second to import."""
NO_MEMORIES = "There are no memories yet, so there is nothing to move."
STYLES = {"ok": GOOD, "warn": WARNING, "fail": f"bold {BAD}"}


def doctor(as_json: Json = False) -> None:
    """Tell what is in use and why, and whether it answers.

    With what is missing and how to get it. Ends with exit code 1 if something fails.
    """
    from service.ops.doctor import examine
    from service.ops.doctor_stores import checks_of
    from service.ops.doctor_telegram import NAME, check_telegram

    chosen = settings()
    checks = (*checks_of(chosen), (NAME, check_telegram))
    rows, hangs = run(lambda: examine(chosen, *checks))
    if as_json:
        print_json([asdict(row) for row in rows])
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
        from service.ops.sweep import sweep as sweep_all

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
    """Move memories to other embeddings or stores.

    Or to another number of collections. Without options it does what the settings say, and reads
    anew what another version read of them, so that conversations begin faster. Nothing
    else may use the memories meanwhile; after an interruption the same command goes on. With
    --to, both stores may be set.
    """
    if to is not None and to not in STORES:
        fail(f"--to must be one of: {', '.join(STORES)}.")

    from service.ops.reindex import BetweenStores
    from service.ops.reindex import reindex as move

    chosen = settings(BetweenStores if to else None)

    async def work() -> "Reindexed | None":
        with _progress() as progress:
            return await move(chosen, shards, embeddings, to, progress)

    done = run(work)
    if as_json:
        print_json(asdict(done) if done else {"items": 0})
    elif done is None:
        print(NO_MEMORIES)
    elif to is None:
        moved = f"{done.items} memories moved" if done.items else "All lies as wanted already"
        if done.renewed:
            moved = f"{done.renewed} episodes read anew, as this version finds what they say"
        spread = f"{done.shards} collections, " if done.shards else ""
        print(f"{moved}: {spread}embeddings {one_line(done.embeddings)}.")
        _advise(done.advice)
    else:
        moved = f"{done.items} memories moved" if done.items else "All memories had moved before"
        print(one_line(f"{moved}: they are in {done.there} now."))
        _advise(done.advice)
        print(one_line(f"What is left in {done.here} is out of date and no longer opened: delete "
                       "it when you need it no more."))  # fmt: skip


@contextmanager
def _progress() -> Iterator["Progress"]:
    """Show on a terminal how many memories are done."""
    with console(stderr=True).status("Reading...") as status:

        def progress(done: int, total: int) -> None:
            status.update(f"{done} of {total or 'all'} memories moved")

        yield progress


def _advise(advice: tuple[str, ...]) -> None:
    wanted = [f"unset {each[:-1]}" if each.endswith("=") else f"set {each}" for each in advice]
    if wanted:
        print(f"From now on {' and '.join(wanted)}, or they will not open.")
