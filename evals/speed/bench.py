"""The speed benchmark: `make bench`, some minutes; `make bench FULL=1` also the long parts.

Starts a Redis and a Chroma server of its own from what the tests are run with, so it is run in a
checkout. Machines are shared and noisy: compare figures of one run with each other.
"""

import argparse
import asyncio
import gc
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from evals.speed.measure import (
    BACKGROUND,
    BARE,
    EMBEDDED,
    INLINE,
    PATTERNS,
    WHOLE,
    Figures,
    at_once,
    first_again,
    in_depth,
    open_talkers,
    side_by_side,
    spent,
)
from evals.speed.peers import Place
from evals.speed.processes import served, starts
from evals.speed.report import write_report
from evals.speed.sockets import at_the_socket
from evals.speed.stores import at_owners
from models.tokens import open_counter
from tests.support.servers.chroma_server import ChromaServer
from tests.support.servers.redis_stack import RedisStack

ALL = [*PATTERNS, INLINE, BACKGROUND, EMBEDDED]
SIZES = (1, 8, 32)
"""Conversations at once."""
LONG = 16
"""Turns of each: past the tenth of them the bare pattern summarizes at every turn."""
CROWDS = 3
"""Repetitions of it, at most: the medians count."""
SPENT = 200
"""Turns whose tokens are counted."""


@contextmanager
def servers(folder: Path) -> Iterator[Place]:
    """Run a Redis and a Chroma server."""
    with RedisStack() as redis:
        chroma = ChromaServer(folder / "chroma")
        chroma.start()
        try:
            yield Place(redis.url, chroma.url)
        finally:
            chroma.kill()


async def measure(place: Place, folder: Path, asked: argparse.Namespace) -> Figures:
    """Measure everything that runs in this process."""
    tokens = await asyncio.to_thread(open_counter, "")
    async with open_talkers(place, folder, ALL) as talkers:
        gc.collect()
        gc.freeze()  # As the product's own server does: what is loaded by now stays.
        _say("a turn, side by side")
        series = await side_by_side(talkers, asked.turns, asked.repetitions, tokens)
        _say("conversations at once")
        crowd: dict[str, Any] = {name: {} for name in (BARE, BACKGROUND)}
        for size in SIZES:
            runs: dict[str, list[Figures]] = {name: [] for name in crowd}
            for _ in range(min(asked.repetitions, CROWDS)):
                for name, mine in runs.items():
                    owner = f"{name}-{len(mine)}"
                    mine.append(await at_once(talkers[name], owner, size, LONG, tokens))
            for name, mine in runs.items():
                crowd[name][size] = {key: median(run[key] for run in mine) for key in mine[0]}
        _say(f"tokens over {SPENT} turns")
        whole = {name: talkers[name] for name in (WHOLE, BARE, BACKGROUND)}
        tokens_spent = {
            talk: await spent(whole, SPENT, tokens, long=talk == "long")
            for talk in ("short", "long")
        }
        _say(f"a conversation of {asked.depth:,} turns")
        deep = {name: talkers[name] for name in (BARE, BACKGROUND, EMBEDDED)}
        marks = sorted({10, 100, asked.depth})
        depth, rows = await in_depth(deep, marks, place.redis_url, tokens)
    _say("round trips")
    sockets = {
        name: await at_the_socket(place, folder / "socket", name, 16)
        for name in ALL
        if name != EMBEDDED
    }
    return {
        "a_turn": {name: each.figures() for name, each in series.items()},
        "to_bare": {name: each.against(series[BARE]) for name, each in series.items()},
        "sockets": sockets,
        "at_once": crowd,
        "spent": tokens_spent,
        "depth": depth,
        "thread_in_redis": rows,
        "first_turn_again": round(await first_again(folder, place, tokens), 1),
    }


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=25, help="counted turns of a repetition")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--depth", type=int, default=1000, help="turns of the long conversation")
    parser.add_argument("--owners", type=int, nargs="*", help="sizes to recall among")
    parser.add_argument("--full", action="store_true", help="owners up to 10,000: hours")
    parser.add_argument("--target", type=Path, default=Path("docs"), help="where the report goes")
    asked = parser.parse_args()
    owners = asked.owners or ([100, 1000, 10_000] if asked.full else [20])
    with TemporaryDirectory(prefix="mnemograph-bench-") as temporary:
        folder = Path(temporary)
        _say("start of the commands")
        report: Figures = {
            "date": f"{datetime.now(UTC):%d %B %Y}",
            "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
            "asked": {
                "turns": asked.turns,
                "repetitions": asked.repetitions,
                "long": LONG,
                "spent": SPENT,
                "options": " ".join(sys.argv[1:]),
            },
            "starts": starts(folder, 3),
        }
        with servers(folder) as place:
            report |= asyncio.run(measure(place, folder, asked))
            _say("over HTTP")
            report["served"] = served(folder, place, asked.turns)
        _say(f"recall among {owners} owners")
        report["owners"] = asyncio.run(at_owners(folder / "owners", owners))
    write_report(json.loads(json.dumps(report)), asked.target)


def _say(what: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {what} ...", flush=True)


if __name__ == "__main__":
    main()
