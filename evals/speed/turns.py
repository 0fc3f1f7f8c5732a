"""What a turn costs, in time and tokens, against replaying the whole history each time.

`python -m evals.speed.turns`. Embedded stores and the offline model, so the time is the memory's
own; the tokens are what any model would be sent.
"""

import argparse
import asyncio
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from rich.console import Console
from rich.table import Table

from evals.measures import percentile
from evals.speed.made_up import texts
from graph.chat import build
from graph.parts import open_parts
from nodes.state import ChatContext, ChatInput
from settings import Settings


@dataclass(frozen=True)
class TurnCost:
    """What the benchmark found. Times in milliseconds, tokens as the model would count them."""

    turns: int
    p50: float
    p95: float
    """Of whole turns, folding and extraction included."""
    prompt_early: int
    """The largest prompt of the first third of the turns."""
    prompt_late: int
    """The largest prompt of the last third."""
    prompts: int
    """All prompts together."""
    replayed: int
    """All prompts together if each replayed the whole history instead."""
    cached: float
    """Share of all prompt tokens that begin like the prompt before."""


async def measure_turns(turns: int = 60) -> TurnCost:
    """Return what so many turns of a made-up conversation cost."""
    times: list[float] = []
    sizes: list[int] = []
    cached = history = replayed = 0.0
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), chat_model="offline")
        async with open_parts(settings) as parts:
            graph = build(parts).compile(checkpointer=parts.stores.checkpointer)
            config: RunnableConfig = {"configurable": {"thread_id": "bench"}}
            for text in texts(turns):
                begun = perf_counter()
                message = cast(ChatInput, {"messages": [HumanMessage(text)]})
                result: dict[str, Any] = await graph.ainvoke(
                    message, config, context=ChatContext(), durability="exit"
                )
                times.append((perf_counter() - begun) * 1000)
                budget = result["budget"]
                size = budget["total"] - budget["reply_reserve"]
                sizes.append(size)
                cached += size * budget["cached_prefix"]
                tokens = parts.models.tokens
                replayed += budget["persona"] + history + tokens.message(HumanMessage(text))
                history += sum(tokens.message(m) for m in result["messages"][-2:])
    third = max(1, turns // 3)
    return TurnCost(
        turns=turns,
        p50=percentile(sorted(times), 0.5),
        p95=percentile(sorted(times), 0.95),
        prompt_early=max(sizes[:third]),
        prompt_late=max(sizes[-third:]),
        prompts=sum(sizes),
        replayed=int(replayed),
        cached=cached / sum(sizes),
    )


def print_cost(cost: TurnCost, console: Console) -> None:
    """Print the figures as a table."""
    table = Table("turns", "ms p50", "p95", "largest prompt early", "late", "replaying", "cached")
    table.add_row(
        str(cost.turns),
        f"{cost.p50:.0f}",
        f"{cost.p95:.0f}",
        str(cost.prompt_early),
        str(cost.prompt_late),
        f"{cost.replayed / cost.prompts:.1f} times the tokens",
        f"{cost.cached:.0%}",
    )
    console.print(table)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    cost = asyncio.run(measure_turns(asked.turns))
    if asked.json:
        print(json.dumps(asdict(cost)))
    else:
        print_cost(cost, Console())


if __name__ == "__main__":
    main()
