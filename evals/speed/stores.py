"""How fast recall and long-term memory are: `python -m evals.speed.stores`.

With each of the `--models`; and with MNEMO_POSTGRES_URL set, in Chroma and in Postgres. All hold
the same made-up owners and answer the same questions, one after the other, so a noisy machine is
noisy for all.
"""

import argparse
import asyncio
import random
import resource
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from domain.folding import episode_id
from domain.journal import JournalView
from domain.owner import Owner
from domain.recall.packing import render
from domain.records import Episode, Fact
from evals.conversations import Probe, fact_of, turns_of
from evals.measures import percentile
from evals.speed.made_up import made_up
from evals.speed.table import print_rows
from models.embeddings.open import EmbeddingModel, open_embeddings
from models.tokens import TokenCounter, open_counter
from settings import Settings
from stores.long_term import BACKENDS
from stores.memories import Memories
from stores.recall.analyses import PassageAnalyses
from stores.recall.by_meaning import LIMITS
from stores.recall.recall import Recall

Figures = dict[str, Any]

TURNS = 70
"""Turns of one owner: 5 episodes of 14 turns and 35 facts, 40 records."""


@dataclass(frozen=True)
class History:
    """What one owner said, as records, with a journal in which all of it is live."""

    owner: Owner
    view: JournalView
    records: tuple[Episode | Fact, ...]
    probes: tuple[Probe, ...]


@dataclass(frozen=True)
class Timed:
    """One store with so many owners in it; all times in milliseconds."""

    store: str
    model: str
    """The embedding model."""
    owners: int
    write_p50: float
    """Writing the records of an owner, in one batch."""
    write_p95: float
    search_p50: float
    """The search by meaning of one recall: the question embedded, two kinds searched."""
    search_p95: float
    cold_p50: float
    """The first recall from an owner, whose records are read and indexed for it."""
    recall_p50: float
    """A further one, on another question."""
    recall_p95: float
    index_bytes: int
    """Of the indexes that this process then keeps."""


@dataclass
class Place:
    """A store that is being filled."""

    store: str
    embedding: EmbeddingModel
    memories: Memories
    owners: int = 0
    recalled: list[str] = field(default_factory=list)


def history_of(number: int, turns_of_owner: int) -> History:
    """Return a made-up owner, always the same for the same number."""
    conversation = made_up(turns_of_owner, seed=number)
    records: list[Episode | Fact] = []
    refs: dict[str, str] = {}
    seq = 0
    for place, session in enumerate(conversation.sessions):
        thread = f"{number}-{place}"
        turns = []
        for turn in turns_of(session, thread):
            seq += 1
            turns.append(turn.model_copy(update={"seq": seq}))
        refs[thread] = turns[-1].id
        ids = [turn.id for turn in turns]
        summary = session.summary or ""
        records.append(
            Episode(id=episode_id(ids), thread=thread, summary=summary, turns=tuple(turns))
        )
        where = {said.id: turn.ref(at) for turn in turns for at, said in enumerate(turn.messages)}
        for statement in session.statements:
            sources = tuple(where[id] for id in statement.sources)
            records.append(fact_of(session, statement, sources))
    view = JournalView(rows=1, seq=seq, refs=refs)
    return History(Owner(f"bench-{number}"), view, tuple(records), conversation.probes)


async def fill(place: Place, owners: int, turns: int) -> list[float]:
    """Write owners until there are so many; return how long each took."""
    writes = []
    for number in range(place.owners, owners):
        history = await asyncio.to_thread(history_of, number, turns)
        begun = perf_counter()
        await place.memories.put(history.owner, None, *history.records)
        writes.append((perf_counter() - begun) * 1000)
    place.owners = owners
    return writes


async def measure(
    place: Place, owners: int, questions: int, tokens: TokenCounter, turns: int
) -> Timed:
    """Fill a store up to so many owners, then ask it what every other is asked."""
    writes = await fill(place, owners, turns)
    chance = random.Random(owners)
    # A cache of its own, or the second store would find every question embedded.
    embedding = await _embedding(place.embedding.name)
    recall = Recall(place.memories, embedding, tokens, Settings(_env_file=None))
    searches, colds, recalls = [], [], []
    for _ in range(questions):
        history = await asyncio.to_thread(history_of, chance.randrange(owners), turns)
        first, second, third = chance.sample(history.probes, 3)
        recall.forget(history.owner)
        colds.append(await _recalled(place, recall, history, first))
        recalls.append(await _recalled(place, recall, history, second))
        begun = perf_counter()
        await place.memories.nearest(history.owner, None, third.question, limits=LIMITS)
        searches.append((perf_counter() - begun) * 1000)
    return Timed(
        store=place.store,
        model=embedding.name,
        owners=owners,
        write_p50=percentile(writes, 0.5),
        write_p95=percentile(writes, 0.95),
        search_p50=percentile(searches, 0.5),
        search_p95=percentile(searches, 0.95),
        cold_p50=percentile(colds, 0.5),
        recall_p50=percentile(recalls, 0.5),
        recall_p95=percentile(recalls, 0.95),
        index_bytes=recall.nbytes,
    )


async def _recalled(place: Place, recall: Recall, history: History, probe: Probe) -> float:
    begun = perf_counter()
    recollection = await recall.recall(
        history.owner, history.view, probe.question, budget=1000, now=probe.asked
    )
    took = (perf_counter() - begun) * 1000
    place.recalled.append(render(recollection.items))
    return took


async def compare(
    models: Sequence[str], owners: Sequence[int], questions: int, turns: int
) -> tuple[list[Timed], int, int]:
    """Measure every store with every embedding model at every size.

    Returns:
        The figures, how many recalls were the same in all stores, and how many there were.
    """
    tokens = await asyncio.to_thread(open_counter, "")
    timings: list[Timed] = []
    async with AsyncExitStack() as stack:
        places: list[Place] = []
        for model in models:
            for store in ("chroma", "postgres") if Settings().postgres_url else ("chroma",):
                places.append(await _opened(stack, store, await _embedding(model), tokens))
        for size in sorted(owners):
            for place in places:
                timings.append(await measure(place, size, questions, tokens, turns))
        same = recalls = 0
        for model in models:
            of_model = [each.recalled for each in places if each.embedding.name == model]
            answers = list(zip(*of_model, strict=True))
            recalls += len(answers)
            same += sum(len(set(each)) == 1 for each in answers)
    return timings, same, recalls


async def _opened(
    stack: AsyncExitStack, store: str, embedding: EmbeddingModel, tokens: TokenCounter
) -> Place:
    folder = stack.enter_context(TemporaryDirectory(prefix="mnemograph-bench-"))
    opened = BACKENDS[store].empty(Settings(), embedding, Path(folder))
    beside = PassageAnalyses(embedding, tokens).pack
    return Place(store, embedding, Memories(await stack.enter_async_context(opened), beside))


async def _embedding(model: str) -> EmbeddingModel:
    return await open_embeddings(Settings(_env_file=None, embeddings=model))


async def at_owners(folder: Path, owners: Sequence[int]) -> list[Figures]:
    """Return how fast Chroma in `folder` is with so many owners of 40 episodes and 280 facts."""
    embedding = await _embedding("wordllama")
    tokens = await asyncio.to_thread(open_counter, "")
    settings = Settings(_env_file=None, chroma_shards=64)
    async with BACKENDS["chroma"].empty(settings, embedding, folder) as store:
        memories = Memories(store, PassageAnalyses(embedding, tokens).pack)
        place = Place("chroma", embedding, memories)
        return [
            asdict(await measure(place, size, 40, tokens, 8 * TURNS))
            | {"rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000}
            for size in sorted(owners)
        ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast recall is, in each store.")
    parser.add_argument("--owners", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--turns", type=int, default=TURNS, help="of each owner")
    parser.add_argument(
        "--models", nargs="+", default=[Settings().embeddings], help="embedding models"
    )
    asked = parser.parse_args()
    timings, same, recalls = asyncio.run(
        compare(asked.models, asked.owners, asked.questions, asked.turns)
    )
    print_rows(timings)
    print(f"Milliseconds; {same} of {recalls} recalls the same in all stores.")


if __name__ == "__main__":
    main()
