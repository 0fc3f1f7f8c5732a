"""Which passages of a conversation answer a message: signals about each, and a learned weighing.

Every signal is about words, speakers and times in general; none knows a data set. The weights are
made by `evals/train_ranker.py`. Nothing here does I/O beyond reading them once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from domain.recall.bm25 import Scores
from domain.recall.corpus import Corpus
from domain.recall.passages import UNNAMED
from domain.recall.query import ASSISTANT, USER, Question
from domain.text.questions import asks_for
from domain.text.terms import terms

_FEEDBACK_UNITS = 8
_FEEDBACK_TERMS = 12
_FEEDBACK_WEIGHT = 0.5
_RANK_OFFSET = 10
_TOLD_WITHIN = 7 * 86_400.0
"""Seconds within which people tell of what happened."""

Mask = NDArray[np.bool_]
Signals = dict[str, Scores]
"""Name of a signal to its value for each unit."""


@dataclass(frozen=True)
class Votes:
    """What the vector store found near the question, best first."""

    facts: Sequence[tuple[str, float]] = ()
    """Fact ids with their cosine similarity."""
    turns: Sequence[tuple[Sequence[str], float]] = ()
    """The turns of each episode found, with the similarity of its summary."""


@dataclass(frozen=True)
class Weights:
    """Learned weights by name of signal, for what is known at the time."""

    full: Mapping[str, float]
    """Where units have vectors."""
    lexical: Mapping[str, float]
    """Where they have none."""
    length_penalty: float
    """What a rank loses with the logarithm of its tokens."""


def signals(
    corpus: Corpus, question: Question, live: Mask, vectors: NDArray[np.float32] | None = None
) -> Signals:
    """Return what speaks for or against each unit, by the conversation itself.

    Args:
        corpus: The units.
        question: What is asked.
        live: The units that count; the others get no score and lend none to their neighbours.
        vectors: Of the question's `in_first_person` and `bare`, two rows of length 1; None where
            no model runs in this process.
    """
    return _Reading(corpus, question, live, vectors).signals()


def voted(corpus: Corpus, votes: Votes, live: Mask) -> Signals:
    """Return what the vector store's finds say for the units that they were drawn from."""
    n = len(corpus)
    facts, ranked, summaries = np.zeros(n), np.zeros(n), np.zeros(n)
    for rank, (fact, similarity) in enumerate(votes.facts):
        for row in corpus.rows_of_fact.get(fact, ()):
            facts[row] = max(facts[row], similarity)
            ranked[row] = max(ranked[row], _RANK_OFFSET / (_RANK_OFFSET + rank))
    for turns, similarity in votes.turns:
        rows = [row for turn in turns for row in corpus.rows_of_turn.get(turn, ())]
        summaries[rows] = np.maximum(summaries[rows], similarity)
    return {
        "facts.raw": facts * live,
        "facts.near": _scaled(facts * live),
        "facts.rank": ranked * live,
        "summary.near": _scaled(summaries * live),
    }


@dataclass(frozen=True)
class Judged:
    """What the weights make of the signals."""

    scores: Scores
    names: tuple[str, ...]
    weighed: NDArray[np.float64]
    """One row a signal, in the order of `names`."""

    def why(self, rows: Sequence[int], most: int = 4) -> list[dict[str, float]]:
        """Return for each unit the signals that spoke most for it, strongest first."""
        shares = self.weighed[:, list(rows)].T
        best = np.argsort(-shares, axis=1)[:, :most]
        strongest = np.take_along_axis(shares, best, axis=1).round(3)
        return [
            {self.names[at]: share for at, share in zip(names, values, strict=True) if share > 0}
            for names, values in zip(best.tolist(), strongest.tolist(), strict=True)
        ]


def judge(values: Signals, *, lexical: bool) -> Judged:
    """Return the weighed signals and their sums; `lexical` is for units without vectors."""
    weights = load_weights()
    chosen = weights.lexical if lexical else weights.full
    weighed = np.stack([values[name] * weight for name, weight in chosen.items()])
    return Judged(weighed.sum(axis=0), tuple(chosen), weighed)


@cache
def load_weights() -> Weights:
    """Return the shipped weights."""
    text = files("domain.recall").joinpath("ranking_weights.json").read_text(encoding="utf-8")
    data = json.loads(text)
    return Weights(data["full"], data["lexical"], data["length_penalty"])


@dataclass
class _Reading:
    """One question put to one corpus."""

    corpus: Corpus
    question: Question
    live: Mask
    vectors: NDArray[np.float32] | None
    by_name: Signals = field(default_factory=dict)

    def signals(self) -> Signals:
        """Return all signals."""
        self._link()
        self._words()
        self._coverage()
        self._vectors()
        self._neighbours()
        self._speaker()
        self._kind_of_answer()
        return self.by_name

    def _link(self) -> None:
        """Find each unit's live neighbours, before and after."""
        n, before = len(self.corpus), self.corpus.before
        ok = (before >= 0) & self.live
        ok[ok] = self.live[before[ok]]
        after = np.full(n, -1)
        rows = np.flatnonzero(ok)
        after[before[rows]] = rows
        self.before, self.after = np.where(ok, before, -1), after

    def _next(self, values: Scores, links: NDArray[np.int64]) -> Scores:
        return np.where(links >= 0, values[links], 0.0)

    def _words(self) -> None:
        corpus, question = self.corpus, self.question
        about = dict.fromkeys(corpus.ids(question.about), 1.0)
        every = dict.fromkeys(corpus.ids(question.terms), 1.0)
        key = self._lively(corpus.key.scores(every))
        self.by_name["text"] = _scaled(self._lively(corpus.text.scores(about)))
        self.by_name["key"] = _scaled(key)
        self.by_name["alone"] = _scaled(self._lively(corpus.alone.scores(every)))
        self.by_name["facts"] = _scaled(self._lively(corpus.facts.scores(about)))
        self.by_name["feedback"] = _scaled(
            self._lively(corpus.key.scores(self._expanded(key, every)))
        )

    def _expanded(self, key: Scores, every: Mapping[int, float]) -> dict[int, float]:
        """Return the question with terms of its best units (RM3)."""
        postings = self.corpus.key
        best = np.argsort(-key, kind="stable")[:_FEEDBACK_UNITS]
        best = best[key[best] > 0]
        if not len(best):
            return dict(every)
        share = key[best] / key[best].sum()
        docs = [postings[row] for row in best]
        worth = np.repeat(share / np.maximum([len(d) for d in docs], 1), [len(d) for d in docs])
        mass_of_term = np.bincount(np.concatenate(docs), weights=worth).astype(np.float64)
        mass = mass_of_term * postings.idf[: len(mass_of_term)]
        mass[[term for term in self._speaker_terms() if 0 <= term < len(mass)]] = 0
        top = np.argsort(-mass, kind="stable")[:_FEEDBACK_TERMS]
        total = float(mass[top].sum()) or 1.0
        expanded = dict(every)
        for term in top:
            weight = _FEEDBACK_WEIGHT * len(every) * float(mass[term]) / total
            expanded[int(term)] = expanded.get(int(term), 0.0) + weight
        return expanded

    def _speaker_terms(self) -> list[int]:
        return self.corpus.ids(term for name in self.corpus.names for term in terms(name))

    def _coverage(self) -> None:
        """How much of the question's words a unit holds, alone and with its neighbours."""
        text = self.corpus.text
        ids = self.corpus.ids(dict.fromkeys(self.question.about))
        telling = text.telling(ids)
        share = telling / max(float(telling.sum()), 1e-9)
        own = np.where(self.live, text.counts(ids), 0)
        near, lengths = own.copy(), np.where(self.live, text.lengths, 0)
        edged = np.concatenate([own, np.zeros((len(ids), 1), own.dtype)], axis=1)  # for link -1
        for links in (self.before, self.after, self._twice(self.before), self._twice(self.after)):
            near += edged[:, links]
            lengths = lengths + self._next(text.lengths, links)
        self.by_name["covers"] = share @ (own > 0)
        self.by_name["covers.key"] = share @ ((self.corpus.key.counts(ids) > 0) & self.live)
        self.by_name["covers.near"] = share @ (near > 0)
        mean = max(float(lengths[self.live].mean()), 1e-9) if self.live.any() else 1.0
        self.by_name["near"] = _scaled(telling @ text.weighed(near, lengths / mean))

    def _twice(self, links: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(links >= 0, links[links], -1)

    def _vectors(self) -> None:
        n = len(self.corpus)
        said, bare = np.zeros(n), np.zeros(n)
        if self.vectors is not None and self.corpus.vectors is not None:
            said, bare = map(self._lively, self.corpus.nearness(self.vectors))
        self.by_name["said.raw"], self.by_name["bare.raw"] = said, bare
        self.by_name["said"] = _scaled(np.maximum(said, 0))
        self.by_name["bare"] = _scaled(np.maximum(bare, 0))

    def _neighbours(self) -> None:
        for name in ("alone", "bare", "facts"):
            values = self.by_name[name]
            self.by_name[f"{name}.before"] = self._next(values, self.before)
            self.by_name[f"{name}.after"] = self._next(values, self.after)

    def _speaker(self) -> None:
        """Whether the one person that the question is about said it, and when it was said."""
        corpus, meant = self.corpus, self.question.speakers
        said = np.zeros(len(corpus))
        implied = meant <= {USER, ASSISTANT}
        if len(meant) == 1:
            (speaker,) = meant
            if implied:
                said = (corpus.user == (speaker == USER)).astype(np.float64)
                unnamed = corpus.speakers == UNNAMED["user"]
                if speaker == USER and unnamed.any():
                    said *= unnamed  # not what others say of themselves
            else:
                said = (corpus.speakers == speaker).astype(np.float64)
        about = {
            "speaker": said,
            "speaker.text": said * self.by_name["text"],
            "speaker.bare": said * self.by_name["bare"],
            "speaker.asks": said * corpus.trait("asks"),
            "speaker.drawn": said * np.minimum(corpus.drawn, 2) / 2,
        }
        self.by_name |= about
        for name, values in about.items():  # it tells less where the question names nobody
            self.by_name[f"meant.{name}"] = values * implied
        self.by_name["period"] = self.by_name["period.told"] = np.zeros(len(corpus))
        if self.question.period is not None:
            begin, end = (moment.timestamp() for moment in self.question.period)
            self.by_name["period"] = ((corpus.at >= begin) & (corpus.at < end)).astype(np.float64)
            soon_after = (corpus.at >= end) & (corpus.at < end + _TOLD_WITHIN)
            self.by_name["period.told"] = soon_after.astype(np.float64)

    def _kind_of_answer(self) -> None:
        """Whether a unit holds a time, number or name where the question asks for one."""
        corpus, text = self.corpus, self.question.text
        self.by_name["when"] = corpus.trait("times") * asks_for(text, "when")
        self.by_name["how many"] = corpus.trait("numbers") * asks_for(text, "count")
        self.by_name["who"] = corpus.trait("names") * asks_for(text, "who")

    def _lively(self, values: Scores) -> Scores:
        return np.where(self.live, values, 0.0)


def _scaled(values: Scores) -> Scores:
    """Return values by their maximum."""
    most = float(values.max()) if len(values) else 0.0
    return values / most if most > 0 else np.zeros(len(values))
