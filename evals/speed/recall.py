"""How fast recall is: an owner with years of made-up conversation, asked one question at a time.

`python -m evals.speed.recall`. Times include the vector store's search; the first load of the
turn index is measured apart, with nothing known, after one change, and after unknown ones.
"""

import argparse
import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter

from rich.console import Console
from rich.table import Table

from domain.owner import Owner
from domain.rows import key_of
from evals.conversations import (
    Bench,
    Dialogue,
    Probe,
    Session,
    Statement,
    Utterance,
    feed,
    open_bench,
)
from evals.measures import percentile
from models.embeddings.open import MULTILINGUAL, open_embeddings
from models.tokens import open_counter
from settings import Settings
from stores.recall.recall import Recall

_WHO = [
    "Anna",
    "Boris",
    "Carla",
    "Dmitri",
    "Elena",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Keiko",
    "Lars",
    "Mina",
    "Noor",
    "Otto",
]
_WHERE = [
    "Lisbon",
    "Oslo",
    "Bergen",
    "Kyoto",
    "Porto",
    "Graz",
    "Leeds",
    "Turin",
    "Quito",
    "Izmir",
    "Perth",
    "Riga",
    "Ghent",
]
_WHAT = [
    "violin",
    "telescope",
    "kayak",
    "greenhouse",
    "bicycle",
    "recipe",
    "novel",
    "garden",
    "painting",
    "marathon",
    "sailboat",
    "thesis",
    "quilt",
    "motorbike",
    "accordion",
    "aquarium",
    "vineyard",
    "puppet",
    "sculpture",
    "podcast",
    "bakery",
    "workshop",
]
_DID = [
    "bought",
    "repaired",
    "sold",
    "borrowed",
    "described",
    "photographed",
    "lost",
    "finished",
    "started",
    "cleaned",
    "moved",
    "painted",
    "promised",
    "visited",
    "planned",
    "cancelled",
    "inherited",
    "measured",
]
_HOW = [
    "slowly",
    "yesterday",
    "with",
    "great",
    "care",
    "last",
    "week",
    "for",
    "her",
    "birthday",
    "in",
    "the",
    "rain",
    "twice",
]


@dataclass(frozen=True)
class Speed:
    """What the benchmark found, in milliseconds."""

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


def made_up(turns: int, seed: int = 7) -> Dialogue:
    """Return a conversation of so many turns, with a summary and facts for each session."""
    chance = random.Random(seed)
    begun = datetime(2024, 1, 1, 18, 0, tzinfo=UTC)
    sessions: list[Session] = []
    questions: list[str] = []
    for number in range(0, turns, 14):
        said: list[Utterance] = []
        facts: list[Statement] = []
        for turn in range(number, min(number + 14, turns)):
            who, where, what, did = (chance.choice(words) for words in (_WHO, _WHERE, _WHAT, _DID))
            more = f"{chance.choice(_DID)} the {chance.choice(_WHAT)} {chance.choice(_HOW)}"
            text = f"{who} {did} a {what} in {where} and then {more}, which made me think."
            reply = f"A {what} from {where}! Did {who} tell you why {more.split()[0]} came first?"
            said.append(Utterance(f"{turn}u", "user", None, text))
            said.append(Utterance(f"{turn}a", "assistant", None, reply))
            questions.append(f"What did {who} do with the {what} in {where}?")
            if turn % 2 == 0:
                facts.append(Statement(f"{who} {did} a {what} in {where}.", who, (f"{turn}u",)))
        at = begun + timedelta(days=number)
        summary = " ".join(fact.text for fact in facts)
        sessions.append(Session(at, tuple(said), summary, tuple(facts)))
    now = begun + timedelta(days=turns + 30)
    probes = tuple(Probe(question, "", "speed", (), now) for question in questions)
    return Dialogue("speed", tuple(sessions), probes)


async def measure_speed(turns: int, questions: int, embeddings: str) -> Speed:
    """Return how fast an owner of so many turns is recalled from.

    Args:
        turns: What the owner said before.
        questions: How many are asked.
        embeddings: The embedding model, as the settings name it.
    """
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
        facts = sum(len(session.statements) for session in conversation.sessions)
        return Speed(
            turns=turns,
            messages=2 * turns,
            facts=facts,
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
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--embeddings", nargs="*", default=[MULTILINGUAL, "wordllama"])
    given = parser.parse_args()
    speeds = {
        name: asdict(asyncio.run(measure_speed(given.turns, given.questions, name)))
        for name in given.embeddings
    }
    if given.json:
        print(json.dumps(speeds))
        return
    table = Table("measure", *speeds)
    for measure in Speed.__dataclass_fields__:
        values = [speed[measure] for speed in speeds.values()]
        table.add_row(measure, *(f"{v:,.1f}" if isinstance(v, float) else f"{v:,}" for v in values))
    Console().print(table)


if __name__ == "__main__":
    main()
