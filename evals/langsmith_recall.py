"""Recall as a LangSmith experiment: questions as a data set, and evaluators of what is recalled.

Everything runs and stays on this machine; `--upload` puts data set and results into LangSmith.
`python -m evals.langsmith_recall DIR [--budget N --upload NAME]`
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from langsmith import Client
from langsmith.evaluation import aevaluate

from domain.recall.packing import render
from evals.conversations import Dialogue, feed, open_bench
from evals.locomo import load
from evals.measures import share_of_words
from models.embeddings.open import MULTILINGUAL, open_embeddings
from models.offline.memory import OfflineMemory
from models.tokens import open_counter
from settings import Settings

Values = dict[str, Any]
Recall = Callable[[Values], Awaitable[Values]]


def examples(conversations: Iterable[Dialogue]) -> list[Values]:
    """Return what is asked and what answers it, as a data set holds it."""
    rows = []
    for conversation in conversations:
        said = {u.id: u.message for s in conversation.sessions for u in s.utterances}
        rows += [
            {
                "inputs": {"conversation": conversation.name, "question": probe.question},
                "outputs": {
                    "answer": probe.answer,
                    "evidence": [said[id] for id in probe.evidence],
                },
            }
            for probe in conversation.probes
        ]
    return rows


def evidence_recall(outputs: Values, reference_outputs: Values) -> Values:
    """Score the share of the messages that hold the answer and were recalled word for word."""
    evidence: Sequence[str] = reference_outputs["evidence"]
    return {
        "key": "evidence_recall",
        "score": mean(text in outputs["context"] for text in evidence),
    }


def answer_support(outputs: Values, reference_outputs: Values) -> Values:
    """Score the share of the answer's content words that the recalled text holds."""
    score = share_of_words(reference_outputs["answer"], outputs["context"])
    return {"key": "answer_support", "score": score}


EVALUATORS = (evidence_recall, answer_support)


async def experiment(
    folder: Path, *, budget: int, embeddings: str = MULTILINGUAL, upload: str | None = None
) -> dict[str, float]:
    """Put every question to the product's recall; return the mean of each score.

    Raises:
        NotBenchmark: If the folder holds no conversation, in one sentence.
    """
    conversations = load(folder)
    tokens = await asyncio.to_thread(open_counter, "")
    embedding = await open_embeddings(Settings(embeddings=embeddings))
    rows = examples(conversations)
    async with open_bench(embedding, tokens) as bench:
        asked = {each.name: each.probes[0].asked for each in conversations if each.probes}
        fed = {
            each.name: await feed(bench, each, "offline", OfflineMemory(tokens))
            for each in conversations
        }

        async def recall(inputs: Values) -> Values:
            name = inputs["conversation"]
            recollection = await bench.recall.recall(
                fed[name].owner, fed[name].view, inputs["question"], budget=budget, now=asked[name]
            )
            return {"context": render(recollection.items)}

        if upload is None:
            scored = await _here(recall, rows)
        else:
            await asyncio.to_thread(_upload, upload, rows)
            scored = await _there(recall, upload, {"budget": budget, "embeddings": embeddings})
    by_key: dict[str, list[float]] = {}
    for key, score in scored:
        by_key.setdefault(key, []).append(score)
    return {key: mean(scores) for key, scores in by_key.items()}


async def _here(recall: Recall, rows: Sequence[Values]) -> list[tuple[str, float]]:
    """Score every question on this machine: `aevaluate` traces also where it uploads no result."""
    scored = []
    for row in rows:
        outputs = await recall(row["inputs"])
        for evaluator in EVALUATORS:
            score = evaluator(outputs, row["outputs"])
            scored.append((score["key"], score["score"]))
    return scored


async def _there(recall: Recall, data: str, how: Values) -> list[tuple[str, float]]:
    """Score every question of a data set of LangSmith, and keep the results there."""
    results = await aevaluate(
        recall,
        data=data,
        evaluators=EVALUATORS,
        experiment_prefix="mnemograph-recall",
        metadata=how,
    )
    return [
        (score.key, float(score.score or 0))
        async for row in results
        for score in row["evaluation_results"]["results"]
    ]


def _upload(name: str, rows: Sequence[Values]) -> None:
    """Write the data set to LangSmith, unless one of that name is there."""
    client = Client()
    if not client.has_dataset(dataset_name=name):
        dataset = client.create_dataset(name, description="Questions about conversations.")
        client.create_examples(dataset_id=dataset.id, examples=list(rows))


def main() -> None:
    """Run the experiment and print its scores."""
    parser = argparse.ArgumentParser(description="Recall as a LangSmith experiment.")
    parser.add_argument("folder", type=Path, help="conversations in LoCoMo's form")
    parser.add_argument("--budget", type=int, default=1000, help="tokens of recalled text")
    parser.add_argument("--upload", metavar="NAME", help="the data set's name in LangSmith")
    given = parser.parse_args()
    scores = asyncio.run(experiment(given.folder, budget=given.budget, upload=given.upload))
    for key, score in scores.items():
        print(f"{key:16} {score:.3f}")


if __name__ == "__main__":
    main()
