"""Counts the prompt tokens of memory work a turn: summaries, their scores, and facts.

A scripted model notes every statement and answers in one sentence; nothing leaves this machine.
`python -m evals.memory_cost`.
"""

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from evals.noted_facts import MESSAGES
from evals.speed.product import open_product

TURNS = 48
"""Twice through the messages: several folds, and facts that are there already."""
_MEMORY_WORK = "memory of a chat agent"
"""What the instructions of all memory work say, and no other prompt."""


async def measure(turns: int = TURNS) -> float:
    """Return the prompt tokens that memory work took, for each of some turns."""
    with TemporaryDirectory(prefix="mnemograph-eval-") as folder:
        async with open_product(data_dir=Path(folder), chroma_shards=1) as product:
            for number in range(turns):
                await product.turn("eval", MESSAGES[number % len(MESSAGES)][0])
            await product.rest()
            counter = product.parts.models.tokens
            work = [
                prompt for prompt in product.model.prompts if _MEMORY_WORK in str(prompt[0].content)
            ]
            return sum(map(counter.prompt, work)) / turns


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Count the prompt tokens of memory work a turn.")
    parser.add_argument("--turns", type=int, default=TURNS, help="How many turns are said.")
    tokens = asyncio.run(measure(parser.parse_args().turns))
    print(f"{tokens:.0f} prompt tokens of memory work a turn")
