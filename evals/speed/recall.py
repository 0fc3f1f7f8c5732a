"""How fast recall is: an owner with years of made-up conversation, asked one question at a time.

`python -m evals.speed.recall`. Times include the vector store's search; the first load of the
turn index is measured apart, with nothing known, after one change, and after unknown ones.
"""

import argparse
import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from domain.owner import Owner
from domain.rows import key_of
from evals.conversations import Bench, Probe, feed, open_bench
from evals.measures import percentile
from evals.speed.made_up import made_up
from evals.speed.table import print_rows
from models.embeddings.open import MULTILINGUAL, open_embeddings
from models.tokens import open_counter
from settings import Settings
from stores.recall.recall import Recall


@dataclass(frozen=True)
class Speed:
    """What the benchmark found, in milliseconds."""

    embeddings: str
    turns: int
    messages: int
    facts: int
    p50: float
    p95: float
    p99: float
    cold_load: float
    """The first recall of an owner, index load included."""
    after_change: float
    """The first recall after one record changed, as after each fold and extraction."""
    reload: float
    """The first recall after the rows moved without a word of which."""
    index_bytes: int


async def measure_speed(turns: int, questions: int, embeddings: str) -> Speed:
    """Return how fast an owner of so many turns is recalled from."""
    embedding = await open_embeddings(Settings(embeddings=embeddings))
    tokens = await asyncio.to_thread(open_counter, "")
    conversation = made_up(turns)
    async with open_bench(embedding, tokens) as bench:
        fed = await feed(bench, conversation, "recorded")
        # Another process's recall has nothing of this owner, but libraries and models are warm.
        other = Recall(bench.memories, embedding, tokens, bench.settings)
        asked = list(conversation.probes)
        random.Random(1).shuffle(asked)
        cold = await _timed(other, bench, fed.owner.user_id, asked[:1])
        times = sorted(await _timed(other, bench, fed.owner.user_id, asked[1 : questions + 1]))
        (newest,) = (await bench.memories.facts(fed.owner, None))[-1:]
        await bench.journal.rows_changed(fed.owner, None, [key_of(newest)])
        after_change = await _timed(other, bench, fed.owner.user_id, asked[-2:-1])
        await bench.journal.rows_changed(fed.owner, None)
        again = await _timed(other, bench, fed.owner.user_id, asked[-1:])
        return Speed(
            embeddings=embeddings,
            turns=turns,
            messages=2 * turns,
            facts=sum(len(session.statements) for session in conversation.sessions),
            p50=percentile(times, 0.5),
            p95=percentile(times, 0.95),
            p99=percentile(times, 0.99),
            cold_load=cold[0],
            after_change=after_change[0],
            reload=again[0],
            index_bytes=other.nbytes,
        )


async def _timed(recall: Recall, bench: Bench, user: str, probes: Sequence[Probe]) -> list[float]:
    owner = Owner(user)
    view = await bench.journal.read(owner)
    times = []
    for probe in probes:
        start = perf_counter()
        await recall.recall(owner, view, probe.question, budget=1000, now=probe.asked)
        times.append((perf_counter() - start) * 1000)
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast recall is.")
    parser.add_argument("--turns", type=int, default=700)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--embeddings", nargs="*", default=[MULTILINGUAL, "wordllama"])
    given = parser.parse_args()
    print_rows(
        [
            asyncio.run(measure_speed(given.turns, given.questions, name))
            for name in given.embeddings
        ]
    )


if __name__ == "__main__":
    main()
