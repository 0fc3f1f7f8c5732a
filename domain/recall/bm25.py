"""BM25 over documents given as term numbers: scores and coverage of a query, in numpy.

Immutable: adding documents returns a new index that shares what was there. Nothing here knows
what a document is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

Terms = NDArray[np.integer[Any]]
"""Numbers of a document's terms, in order, with repeats."""
Scores = NDArray[np.float64]
"""One number a document."""

_K1 = 1.2
_B = 0.75
_MERGED = 4
"""Runs of documents are indexed apart while each is this many times as long as what follows it."""
_MOST = 255
"""How often a term counts in one document."""


@dataclass(frozen=True)
class _Segment:
    """Postings of a run of documents, by term."""

    first: int
    """The first document of the run."""
    last: int
    """The one after its last."""
    starts: NDArray[np.int32]
    """Where each term's postings begin; one more for the end of the last."""
    rows: NDArray[np.integer[Any]]
    """Document of each posting, counted over all segments."""
    counts: NDArray[np.uint8]
    """How often the term stands in that document."""


class Postings:
    """An inverted index with the scores of BM25."""

    def __init__(self, docs: Sequence[Terms]) -> None:
        """Index documents."""
        self._index(np.empty(0, np.int32), np.empty(0), docs, ())

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self._sizes)

    def __getitem__(self, row: int) -> Terms:
        """Return the terms of a document."""
        return self._flat[self._starts[row] : self._starts[row + 1]]

    def docs(self, first: int) -> list[Terms]:
        """Return the documents from one on."""
        return [self[row] for row in range(first, len(self))]

    def replaced(self, first: int, docs: Sequence[Terms]) -> "Postings":
        """Return an index with `docs` instead of the documents from `first` on.

        What is indexed of those before them is shared: a few documents at the end cost little.
        """
        more = object.__new__(Postings)
        segments = [segment for segment in self._segments if segment.last <= first]
        more._index(self._flat[: self._starts[first]], self._sizes[:first], docs, segments)
        return more

    def extended(self, docs: Sequence[Terms]) -> "Postings":
        """Return an index with more documents at the end."""
        return self.replaced(len(self), docs)

    def _index(
        self,
        before: Terms,
        sizes: Scores,
        docs: Sequence[Terms],
        earlier: Sequence[_Segment],
    ) -> None:
        """Index `docs` after those `before`, of which the segments `earlier` hold the first."""
        fresh = np.fromiter(map(len, docs), dtype=np.float64, count=len(docs))
        self._sizes: Scores = np.concatenate([sizes, fresh])
        self._starts = np.concatenate([[0], np.cumsum(self._sizes)]).astype(np.int64)
        self._flat = _small(np.concatenate([before, *docs]))
        n, segments = len(self._sizes), list(earlier)
        start = segments[-1].last if segments else 0
        while segments and start - segments[-1].first < _MERGED * (n - start):
            start = segments.pop().first
        if start < n or not segments:
            segments.append(_segment(self._flat[self._starts[start] :], self._sizes[start:], start))
        self._segments = tuple(segments)
        self.lengths: Scores = self._sizes / max(float(self._sizes.mean()) if n else 0, 1e-9)
        """Terms of each document, by the mean."""
        self._norm = _K1 * (1 - _B + _B * self.lengths)
        holding = np.zeros(max(len(segment.starts) - 1 for segment in segments))
        for segment in segments:
            holding[: len(segment.starts) - 1] += np.diff(segment.starts)
        self.idf: Scores = np.log(1 + (n - holding + 0.5) / (holding + 0.5))
        """How much each term tells: more, the fewer documents hold it."""

    @property
    def nbytes(self) -> int:
        """About how many bytes it takes."""
        arrays: list[NDArray[Any]] = [
            array for s in self._segments for array in (s.starts, s.rows, s.counts)
        ]
        arrays += [self._flat, self._starts, self._sizes, self.lengths, self._norm, self.idf]
        return sum(array.nbytes for array in arrays)

    def telling(self, terms: Sequence[int]) -> Scores:
        """Return the idf of each term; of one that no document holds (-1, say), the largest."""
        most = log(1 + (len(self) + 0.5) / 0.5)
        return np.array([self.idf[t] if 0 <= t < len(self.idf) else most for t in terms])

    def scores(self, query: Mapping[int, float]) -> Scores:
        """Return the BM25 score of every document for weighted terms."""
        weights = {
            term: self.idf[term] * w for term, w in query.items() if 0 <= term < len(self.idf)
        }
        postings = [(self._postings_of(term), worth) for term, worth in weights.items()]
        parts = [(rows, counts, worth) for each, worth in postings for rows, counts in each]
        if not parts:
            return np.zeros(len(self))
        rows = np.concatenate([rows for rows, _, _ in parts])
        counts = np.concatenate([counts for _, counts, _ in parts])
        worth = np.repeat([worth for _, _, worth in parts], [len(rows) for rows, _, _ in parts])
        shares = worth * (_K1 + 1) * counts / (counts + self._norm[rows])
        return np.bincount(rows, shares, minlength=len(self)).astype(np.float64, copy=False)

    def counts(self, terms: Sequence[int]) -> NDArray[np.float32]:
        """Return how often each term (a row) stands in each document (a column)."""
        counted = np.zeros((len(terms), len(self)), dtype=np.float32)
        for line, term in enumerate(terms):
            for rows, counts in self._postings_of(term):
                counted[line, rows] = counts
        return counted

    def weighed(self, counts: NDArray[np.float32], lengths: Scores) -> NDArray[np.float64]:
        """Return counts as BM25 weighs them in documents of such lengths (by the mean)."""
        norm = _K1 * (1 - _B + _B * lengths)
        weighed: NDArray[np.float64] = counts * (_K1 + 1) / (counts + norm)
        return weighed

    def _postings_of(self, term: int) -> list[tuple[Terms, NDArray[np.uint8]]]:
        postings = []
        for segment in self._segments:
            if 0 <= term < len(segment.starts) - 1:
                where = slice(segment.starts[term], segment.starts[term + 1])
                postings.append((segment.rows[where], segment.counts[where]))
        return postings


def _segment(flat: Terms, sizes: Scores, first: int) -> _Segment:
    last = first + len(sizes)
    rows = np.repeat(np.arange(first, last, dtype=np.int64), sizes.astype(np.int64))
    pairs, counts = np.unique(flat.astype(np.int64) * (last + 1) + rows, return_counts=True)
    of = pairs // (last + 1)
    size = int(of[-1]) + 1 if len(of) else 0
    return _Segment(
        first=first,
        last=last,
        starts=np.searchsorted(of, np.arange(size + 1)).astype(np.int32),
        rows=_small(pairs % (last + 1)),
        counts=np.minimum(counts, _MOST).astype(np.uint8),
    )


def _small(numbers: NDArray[np.integer[Any]]) -> Terms:
    """Return numbers in as few bytes as the largest one needs."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
