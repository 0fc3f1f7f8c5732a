"""Makes `domain/recall/ranking_weights.json`: recall's signals weighed, learned from talks.

`python -m evals.train_ranker LOCOMO [--beam DIR]`. Conversations go through the product's own
ingestion and signals; the loss is a softmax over the passages of a conversation, in which a message
that answers counts by all its passages together, with L2. Needs scipy.
"""

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

import domain.recall
from domain.recall.packing import Pool, fill
from domain.text.dates.dates import day_heading
from evals.beam import load as load_beam
from evals.conversations import Bench, Dialogue, Fed, Probe, feed, open_bench
from evals.folding import feed_by_turns
from evals.locomo import load
from models.embeddings.open import MULTILINGUAL, open_embeddings
from models.offline.memory import OfflineMemory
from models.tokens import open_counter
from settings import Settings
from stores.recall.selection import MOST_LOOKED_AT

Matrix = NDArray[np.float64]

TARGET = Path(str(domain.recall.__file__)).with_name("ranking_weights.json")
PENALTY = 0.4
"""What a rank loses with the logarithm of its tokens."""
SHRINK = 15.0
"""Weight of the L2 term."""
NEGATIVES = 200
"""Passages without the answer that a question is learned with."""
FLOOR_ONLY = ("facts.raw",)
"""Signals that depend on how a store measures: used for the floor alone."""
CHATS = 2.0
"""How much more a question of a chat counts: there are five times as many of LoCoMo's."""
VECTORS = (
    *("said", "bare", "said.raw", "bare.raw", "bare.before", "bare.after"),
    *("speaker.bare", "meant.speaker.bare"),
)
"""Signals that need a vector for each message."""


@dataclass(frozen=True)
class Example:
    """One question: signals and costs of each passage, and which messages answer it."""

    features: Matrix
    answers: Sequence[NDArray[np.int64]]
    """The passages of each message that answers."""
    pool: Pool
    """Without scores."""
    worth: float = 1.0
    """How much it counts."""


@dataclass(frozen=True)
class Data:
    """Every question with its signals."""

    names: tuple[str, ...]
    examples: dict[str, list[Example]]
    """By conversation."""

    def columns(self, without: Sequence[str]) -> list[int]:
        """Return the columns of all signals but some."""
        return [at for at, name in enumerate(self.names) if name not in without]


async def gather(
    conversations: Sequence[Dialogue], chats: Sequence[Dialogue], embeddings: str
) -> Data:
    """Return every question's signals, from the product's own recall."""
    embedding = await open_embeddings(Settings(embeddings=embeddings))
    tokens = await asyncio.to_thread(open_counter, "")
    names: tuple[str, ...] = ()
    examples: dict[str, list[Example]] = {}
    async with open_bench(embedding, tokens) as bench:
        for conversation in conversations:
            fed = await feed(bench, conversation, "recorded")
            names, examples[conversation.name] = await _examples(bench, fed, conversation)
        for chat in chats:
            fed = await feed_by_turns(bench, chat, OfflineMemory(tokens))
            names, each = await _examples(bench, fed, chat)
            examples[chat.name] = [replace(example, worth=CHATS) for example in each]
    return Data(names, examples)


async def _examples(
    bench: Bench, fed: Fed, dialogue: Dialogue
) -> tuple[tuple[str, ...], list[Example]]:
    probes = [probe for probe in dialogue.probes if probe.evidence]
    each = [await _example(bench, fed, probe) for probe in probes]
    return each[0][0], [example for _, example in each]


async def _example(bench: Bench, fed: Fed, probe: Probe) -> tuple[tuple[str, ...], Example]:
    survey = await bench.recall.survey(fed.owner, fed.view, probe.question, now=probe.asked)
    signals = {n: v for n, v in survey.signals.items() if n not in FLOOR_ONLY}
    corpus = survey.index.corpus
    refs = np.array([unit.ref for unit in corpus.units])
    answers = [np.flatnonzero(refs == fed.refs[id]) for id in probe.evidence]
    headings = [bench.tokens.text(f"{day_heading(unit.at)}:\n") for unit in corpus.units]
    pool = Pool(
        np.zeros(0),
        corpus.tokens,
        corpus.days,
        np.array(headings, dtype=np.float64),
        corpus.messages,
        corpus.text.docs(0),
    )
    features = np.stack(list(signals.values()), axis=1).astype(np.float32)
    return tuple(signals), Example(features.astype(np.float64), answers, pool)


def fit(examples: Sequence[Example], columns: Sequence[int]) -> Matrix:
    """Return one weight a column: softmax over passages, every answer alike, L2 on scaled data.

    It is enough that one passage of a message is shown, so what is made likely is any of them.
    """
    chosen = [_sample(example) for example in examples]
    rows = np.concatenate([e.features[s] for e, s in zip(examples, chosen, strict=True)])
    rows = rows[:, list(columns)]
    spread = rows.std(axis=0) + 1e-6
    rows = (rows - rows.mean(axis=0)) / spread
    lengths = np.array([len(sample) for sample in chosen])
    starts = np.r_[0, np.cumsum(lengths)[:-1]]
    question = np.repeat(np.arange(len(chosen)), lengths)
    weight = np.array([each.worth * len(each.answers) ** 0.5 for each in examples])
    messages = [
        (start + np.searchsorted(sample, rows), w / len(example.answers))
        for example, sample, start, w in zip(examples, chosen, starts, weight, strict=True)
        for rows in example.answers
    ]
    answering = np.concatenate([rows for rows, _ in messages])
    counts = np.array([len(rows) for rows, _ in messages])
    worth = np.array([share for _, share in messages])
    firsts = np.r_[0, np.cumsum(counts)[:-1]]

    def loss(weights: Matrix) -> tuple[float, Matrix]:
        scores = rows @ weights
        likely = np.exp(scores - np.maximum.reduceat(scores, starts)[question])
        likely /= np.add.reduceat(likely, starts)[question]
        shown = np.maximum(np.add.reduceat(likely[answering], firsts), 1e-12)
        gap = weight[question] * likely
        np.add.at(gap, answering, -np.repeat(worth / shown, counts) * likely[answering])
        return (
            float(-worth @ np.log(shown)) + SHRINK * float(weights @ weights) / 2,
            rows.T @ gap + SHRINK * weights,
        )

    solution = minimize(
        loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200}
    )
    learned: Matrix = solution.x / spread
    return learned


def _sample(example: Example) -> NDArray[np.int64]:
    """Return the answers, the passages most like them at first sight, and some at random."""
    rough = example.features.sum(axis=1)
    hard = np.argsort(-rough, kind="stable")[:NEGATIVES]
    some = np.random.default_rng(0).permutation(len(rough))[: NEGATIVES // 3]
    return np.unique(np.concatenate([*example.answers, hard, some]))


def evidence_recall(
    examples: Sequence[Example], columns: Sequence[int], weights: Matrix, budget: int
) -> tuple[int, int]:
    """Return how many answering messages are shown when ranked by the weights, and how many are."""
    hits = wanted = 0
    for example in examples:
        pool = example.pool
        scores = example.features[:, list(columns)] @ weights
        best = np.argsort(-scores, kind="stable")[:MOST_LOOKED_AT]
        taken = set(best[fill(pool.of(best, scores), budget, PENALTY)].tolist())
        hits += sum(not taken.isdisjoint(rows.tolist()) for rows in example.answers)
        wanted += len(example.answers)
    return hits, wanted


def leave_one_out(data: Data, columns: Sequence[int], budget: int) -> dict[str, tuple[int, int]]:
    """Return `evidence_recall` of each conversation by weights learned from all the others."""
    results = {}
    for name, examples in data.examples.items():
        others = [e for other, es in data.examples.items() if other != name for e in es]
        results[name] = evidence_recall(examples, columns, fit(others, columns), budget)
    return results


def _shares(counts: Mapping[str, tuple[int, int]]) -> str:
    """Return the share of each conversation, and of all together."""
    together = tuple(map(sum, zip(*counts.values(), strict=True)))
    every = {"together": together, **counts}
    return ", ".join(f"{name} {hits / max(of, 1):.3f}" for name, (hits, of) in every.items())


def main() -> None:
    """Learn the weights and write them, with what they reach."""
    parser = argparse.ArgumentParser(description="Learn the ranker's weights from talks.")
    parser.add_argument("path", type=Path, help="a folder of LoCoMo's conversations")
    parser.add_argument("--beam", type=Path, help="a folder of BEAM's chats")
    parser.add_argument("--budget", type=int, default=1000, help="tokens of recalled text")
    parser.add_argument("--embeddings", default=MULTILINGUAL, help="the embedding model")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    given = parser.parse_args()
    chats = load_beam(given.beam) if given.beam else []
    talks = load(given.path)
    data = asyncio.run(gather(talks, chats, given.embeddings))
    every = [example for examples in data.examples.values() for example in examples]
    learned: dict[str, object] = {"length_penalty": PENALTY}
    for title, without in (("full", ()), ("lexical", VECTORS)):
        columns = data.columns(without)
        weights = fit(every, columns)
        print(f"{title}: {len(columns)} signals")
        trained = {
            name: evidence_recall(examples, columns, weights, given.budget)
            for name, examples in data.examples.items()
        }
        for how, counts in (
            ("learned on all", trained),
            ("left out", leave_one_out(data, columns, given.budget)),
        ):
            for group in filter(None, (talks, chats)):
                print(f"  {how}: {_shares({talk.name: counts[talk.name] for talk in group})}")
        learned[title] = {
            data.names[column]: round(float(weight), 4)
            for column, weight in zip(columns, weights, strict=True)
        }
    if not given.dry:
        TARGET.write_text(json.dumps(learned, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
