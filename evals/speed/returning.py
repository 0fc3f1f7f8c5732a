"""How long an owner with a long history waits who returns: `python -m evals.speed.returning DIR`.

DIR holds talks in BEAM's format. They become one owner's, folded and noted as the product does it
offline, and then a process that has talked with somebody else recalls from them for the first time.
"""

import argparse
import asyncio
import gc
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

from domain.owner import Owner
from evals import beam
from evals.conversations import Bench, Dialogue, Session, open_bench
from evals.folding import feed_by_turns
from evals.speed.table import print_rows
from models.embeddings.open import open_embeddings
from models.offline.memory import OfflineMemory
from models.tokens import TokenCounter, open_counter
from settings import Settings
from stores.recall.recall import Recall

QUESTION = "What did I say about the project?"
ALONE = "somebody"
RETURNING = "all"


@dataclass(frozen=True)
class FirstRecall:
    """The first recall from an owner, its index loaded for it."""

    tokens: int
    """Of the owner's history."""
    ms: float
    cpu_ms: float
    index_bytes: int


def sessions_of(talks: Sequence[Dialogue], tokens: TokenCounter, most: int) -> list[Session]:
    """Return sessions of several talks as one owner's, up to so many tokens."""
    chosen: list[Session] = []
    for talk in talks:
        for session in talk.sessions:
            most -= tokens_of([session], tokens)
            if most < 0:
                return chosen
            said = tuple(replace(u, id=f"{talk.name}:{u.id}") for u in session.utterances)
            chosen.append(replace(session, utterances=said))
    return chosen


def tokens_of(sessions: Sequence[Session], tokens: TokenCounter) -> int:
    """Return how many tokens were said in sessions."""
    return sum(tokens.text(said.message) for each in sessions for said in each.utterances)


async def first_recall(bench: Bench, owner: Owner, tokens: int) -> FirstRecall:
    """Measure a recall in a process that holds nothing of this owner."""
    view = await bench.journal.read(owner)
    recall = Recall(bench.memories, bench.embedding, bench.tokens, bench.settings)
    clock, processor = perf_counter(), process_time()
    await recall.recall(owner, view, QUESTION, budget=1000, now=datetime.now(UTC))
    return FirstRecall(
        tokens,
        (perf_counter() - clock) * 1000,
        (process_time() - processor) * 1000,
        recall.nbytes,
    )


async def measure(folder: Path, most: int, times: int) -> list[FirstRecall]:
    """Feed the talks in `folder`, up to so many tokens, and recall from them so many times."""
    embedding = await open_embeddings(Settings())
    tokens = await asyncio.to_thread(open_counter, "")
    sessions = sessions_of(beam.load(folder), tokens, most)
    async with open_bench(embedding, tokens) as bench:
        offline = OfflineMemory(tokens)
        fed = await feed_by_turns(bench, Dialogue(RETURNING, tuple(sessions), ()), offline)
        other = await feed_by_turns(bench, Dialogue(ALONE, tuple(sessions[:1]), ()), offline)
        gc.collect()
        gc.freeze()  # As the product's own server does.
        await first_recall(bench, other.owner, 0)
        total = tokens_of(sessions, tokens)
        return [await first_recall(bench, fed.owner, total) for _ in range(times)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long an owner who returns waits.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="talks in BEAM's format")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="of history, at most")
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    print_rows(asyncio.run(measure(asked.folder, asked.tokens, asked.times)))


if __name__ == "__main__":
    main()
