"""What a turn costs, in time and tokens, against replaying the whole history each time.

`python -m evals.speed.turns`. Embedded stores and the offline model, so the time is the memory's
own; the tokens are what any model would be sent.
"""

import argparse
import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from langchain_core.messages import HumanMessage

from evals.measures import percentile
from evals.speed.made_up import texts
from evals.speed.table import print_rows
from graph.chat import build
from graph.parts import open_parts
from nodes.state import ChatContext
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
    replaying: float
    """How many times the tokens of all prompts it were, if each replayed the whole history."""
    cached: float
    """Percent of all prompt tokens that begin like the prompt before."""


async def timed_turn(graph: Any, text: str, durability: str) -> tuple[float, dict[str, Any]]:
    """Say a text on the one thread of a benchmark; return the milliseconds and the result."""
    said, on = {"messages": [HumanMessage(text)]}, {"configurable": {"thread_id": "bench"}}
    begun = perf_counter()
    result = await graph.ainvoke(said, on, context=ChatContext(), durability=durability)
    return (perf_counter() - begun) * 1000, result


async def measure_turns(turns: int = 60) -> TurnCost:
    """Return what so many turns of a made-up conversation cost."""
    times: list[float] = []
    sizes: list[int] = []
    cached = history = replayed = 0.0
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), chat_model="offline")
        async with open_parts(settings) as parts:
            graph = build(parts).compile(checkpointer=parts.stores.checkpointer)
            for text in texts(turns):
                took, result = await timed_turn(graph, text, "exit")
                times.append(took)
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
        replaying=replayed / sum(sizes),
        cached=100 * cached / sum(sizes),
    )


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=60)
    print_rows([asyncio.run(measure_turns(parser.parse_args().turns))])


if __name__ == "__main__":
    main()
