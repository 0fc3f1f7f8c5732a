"""What others do to remember, to compare with: each fills the same budget in its own way.

They share the product's rendering and token counts, so only the choice differs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.recall.bm25 import Postings
from domain.recall.packing import Line, cost_of, pack
from domain.recall.passages import passages
from domain.records import Recalled, RecallKind
from domain.text.terms import terms
from evals.conversations import Bench, Fed, Probe

LAST = 20
SUMMARIES = 3

Ranked = list[int]
"""Positions of lines, best first."""


@dataclass(frozen=True)
class Lines:
    """A conversation as lines that may be recalled, with their vectors."""

    messages: list[Line]
    vectors: NDArray[np.float64]
    words: Postings
    vocabulary: dict[str, int]
    summaries: list[Line]
    summary_vectors: NDArray[np.float64]


Baseline = Callable[[Bench, Lines, Probe], tuple[list[Line], Ranked]]


async def lines_of(bench: Bench, fed: Fed) -> Lines:
    """Return what the baselines choose from; vectors are made ahead, as a store would."""
    said = [
        (turn.ref(at), m, passage)
        for turn in fed.turns
        for at, m in enumerate(turn.messages)
        for passage in passages(m.text)
    ]
    messages = [
        _line(bench, "evidence", ref, f"- {m.name or m.role}: {text}", m.at, place)
        for place, (ref, m, text) in enumerate(said)
    ]
    summaries = [
        _line(bench, "episode", e.id, f"- {e.summary}", e.begun, place)
        for place, e in enumerate(fed.episodes)
    ]
    vocabulary: dict[str, int] = {}
    docs = [
        np.array([vocabulary.setdefault(t, len(vocabulary)) for t in terms(text)], np.int32)
        for _, _, text in said
    ]
    return Lines(
        messages=messages,
        vectors=_vectors(bench, [text for _, _, text in said]),
        words=Postings(docs),
        vocabulary=vocabulary,
        summaries=summaries,
        summary_vectors=_vectors(bench, [e.summary for e in fed.episodes]),
    )


def last_messages(bench: Bench, lines: Lines, probe: Probe) -> tuple[list[Line], Ranked]:
    """The last messages, newest first."""
    newest = range(len(lines.messages) - 1, -1, -1)
    return lines.messages, list(newest)[:LAST]


def nearest_summaries(bench: Bench, lines: Lines, probe: Probe) -> tuple[list[Line], Ranked]:
    """The summaries most like the question by vector."""
    return lines.summaries, _nearest(bench, lines.summary_vectors, probe)[:SUMMARIES]


def nearest_messages(bench: Bench, lines: Lines, probe: Probe) -> tuple[list[Line], Ranked]:
    """The messages most like the question by vector, as many as fit."""
    return lines.messages, _nearest(bench, lines.vectors, probe)


def bm25_messages(bench: Bench, lines: Lines, probe: Probe) -> tuple[list[Line], Ranked]:
    """The messages that share words with the question, by BM25, as many as fit."""
    numbers = (lines.vocabulary.get(term, -1) for term in terms(probe.question))
    scores = lines.words.scores(dict.fromkeys(numbers, 1.0))
    order = np.argsort(-scores, kind="stable")
    return lines.messages, [int(at) for at in order if scores[at] > 0]


BASELINES: dict[str, Baseline] = {
    f"last {LAST} messages": last_messages,
    f"summaries by vector, top {SUMMARIES}": nearest_summaries,
    "every message by vector": nearest_messages,
    "BM25 over messages": bm25_messages,
}


def items_of(
    lines: Sequence[Line], ranked: Ranked, budget: int, bench: Bench
) -> tuple[Recalled, ...]:
    """Return the lines that fit, best first."""
    return pack([lines[at] for at in ranked], budget, bench.tokens.text)[0]


def _line(bench: Bench, kind: RecallKind, id: str, text: str, at: object, place: int) -> Line:
    item = {"id": id, "kind": kind, "score": 0, "text": text, "at": at}
    tokens = cost_of(text, bench.tokens.text)
    return Line(Recalled.model_validate(item | {"tokens": tokens}), place)


def _vectors(bench: Bench, texts: list[str]) -> NDArray[np.float64]:
    rows = np.array(bench.embedding.embeddings.embed_documents(texts) if texts else [])
    if not texts:
        return np.zeros((0, bench.embedding.dimensions))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float64)


def _nearest(bench: Bench, vectors: NDArray[np.float64], probe: Probe) -> Ranked:
    asked = np.array(bench.embedding.embeddings.embed_query(probe.question))
    return [int(at) for at in np.argsort(-(vectors @ asked), kind="stable")]
