"""All speed benchmarks in one run: `make bench`, or `python -m evals.speed.all`.

Machines are shared and noisy: compare figures of one run with each other, not across runs.
"""

import asyncio
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from evals.speed.recall import measure_speed
from evals.speed.turns import measure_turns, print_cost


def main() -> None:
    """Measure recall of a large owner, then whole turns, and print both."""
    console = Console()
    console.print("Recall from an owner of 350 turns (700 messages), milliseconds:")
    speed = asyncio.run(measure_speed(turns=350, questions=200))
    table = Table("measure", "value")
    for name, value in asdict(speed).items():
        table.add_row(name, f"{value:,.1f}" if isinstance(value, float) else f"{value:,}")
    console.print(table)
    console.print("A conversation of 60 turns, offline model:")
    print_cost(asyncio.run(measure_turns(60)), console)


if __name__ == "__main__":
    main()
