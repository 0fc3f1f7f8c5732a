"""Chooses what recall shows: from scored messages and facts to lines ready to be packed.

Nothing here reads a store; it works on a loaded index.
"""

from collections.abc import Callable, Collection, Container, Sequence
from datetime import datetime

import numpy as np

from domain.facts.facts import Standing
from domain.facts.wish_slots import ADDRESS
from domain.recall.changes import changed
from domain.recall.index import EvidenceIndex
from domain.recall.packing import Line, Pool, cost_of, fill
from domain.recall.query import Question
from domain.recall.ranking import Mask, Signals, judge, load_weights
from domain.records import Episode, Fact, Recalled, RecallKind, turn_of
from domain.text.dates.dates import day_heading
from domain.text.words import normalized
from stores.recall.scope import Scope

MOST_LOOKED_AT = 500
"""Units that compete for a budget, the best by score."""
MANY = 2.5
"""How much more length costs where many messages answer: then more of them, and shorter ones."""
MOST_FACTS = 24
MOST_COMPARED = 64
"""Units of the user, the best by score, that are looked through for what changed."""
MOST_CHANGES = 3
"""Changes that are shown together at most."""
NEWER_BELOW = "see below for what is newer"
"""What a prompt says of a line that a later one below it says otherwise."""
SHORTEST_FACT = 8
"""Tokens of a line below which no fact is looked for."""


class Candidates:
    """Turns ranked units into lines, and adds the facts whose messages are not among them."""

    def __init__(
        self,
        index: EvidenceIndex,
        question: Question,
        signals: Signals,
        scope: Scope,
        count: Callable[[str], int],
    ) -> None:
        """Score the units by these signals; what `wishes` takes is not shown twice."""
        self._index = index
        self._question = question
        self._scope = scope
        self._count = count
        self._judged = judge(signals, lexical=index.corpus.vectors is None)
        self._taken: frozenset[str] = frozenset()

    def wishes(self, budget: int) -> tuple[Recalled, ...]:
        """Take what the user asked for once and for all and still holds, the nearest that fit.

        Whatever a message is about, what its user wants to be called comes first.

        Returns:
            A line for each, the newest last.
        """
        scores = np.where(self._scope.live, self._judged.scores, -np.inf)
        asked = sorted(
            self._scope.facts.wishes.best(scores), key=lambda each: each[1].fact.slot != ADDRESS
        )
        taken: list[Recalled] = []
        for score, standing in asked:
            if (line := self._wish(standing.fact, score)).tokens <= budget:
                budget -= line.tokens
                taken.append(line)
        self._taken = frozenset(item.id for item in taken)
        return tuple(sorted(taken, key=lambda item: item.at))

    def ranked(
        self, allowed: Mask, shown: Container[str], budget: int, most: int | None = None
    ) -> list[Line]:
        """Return lines, best first, that about fill the budget; then facts for what is left.

        `shown` are references of messages that are shown anyway.
        """
        corpus = self._index.corpus
        rows = self._best(self._untaken(allowed), shown)
        if not rows:
            return []
        pool = self._pool(rows)
        penalty = load_weights().length_penalty * (MANY if self._question.many else 1)
        taken = fill(pool, budget, penalty, most)
        chosen, notes = self._with_newer([rows[at] for at in taken], rows)
        chosen = chosen[:most]
        why = self._judged.why(chosen)
        evidence = [
            self._evidence(row, notes.get(row, ""), reasons)
            for row, reasons in zip(chosen, why, strict=True)
        ]
        recalled = {corpus.units[rows[at]].ref for at in taken} | self._taken
        left = budget - int(pool.tokens[taken].sum())
        left -= int(sum({int(pool.days[at]): pool.headings[at] for at in taken}.values()))
        if left < SHORTEST_FACT or len(chosen) == most:
            return evidence
        return [*evidence, *self._facts(allowed, shown, recalled)][:most]

    def overview(self, near: Sequence[tuple[str, float]], shown: Container[str]) -> list[Line]:
        """Return the newest summaries, the current facts, and what is in neither yet.

        For a question about everything.
        """
        closeness = dict(near)
        episodes = [e for e in self._index.rows.episodes if self._all_live(e)][-3:]
        summaries = [self._summary(e, closeness.get(e.id, 0.0)) for e in reversed(episodes)]
        standings = self._scope.facts.standings
        current = [each for each in standings if each.current and each.fact.id not in self._taken]
        current.sort(key=lambda each: each.fact.valid_from, reverse=True)
        facts = [self._fact(each, 0.0) for each in current if self._in_span(each.fact.valid_from)]
        unread = self._unread(shown)
        return [*summaries[:1], *facts[:12], *unread, *summaries[1:], *facts[12:]]

    def _unread(self, shown: Container[str]) -> list[Line]:
        """Return what the user said in turns of no episode and no current fact, newest first."""
        read = {turn for turns in self._index.rows.turns_of_episode.values() for turn in turns}
        for standing in self._scope.facts.standings:
            read |= {turn_of(ref) for ref in standing.fact.sources}
        corpus = self._index.corpus
        rows = np.flatnonzero(self._scope.allowed & corpus.user)
        fresh = [
            row
            for row in rows[::-1].tolist()
            if corpus.units[row].turn not in read and corpus.units[row].ref not in shown
        ][:MOST_LOOKED_AT]
        why = self._judged.why(fresh)
        return [self._evidence(row, "", each) for row, each in zip(fresh, why, strict=True)]

    def _best(self, allowed: Mask, shown: Container[str]) -> list[int]:
        """Return the best rows in order of place: what lies behind them no budget reaches."""
        rows = np.flatnonzero(allowed)
        if len(rows) > MOST_LOOKED_AT:
            best = np.argpartition(-self._judged.scores[rows], MOST_LOOKED_AT)[:MOST_LOOKED_AT]
            rows = np.sort(rows[best])
        units = self._index.corpus.units
        return [row for row in rows.tolist() if units[row].ref not in shown]

    def _pool(self, rows: list[int]) -> Pool:
        corpus = self._index.corpus
        tokens = corpus.tokens[rows]
        notes = self._scope.facts.notes
        for at, row in enumerate(rows if notes else ()):
            if corpus.units[row].turn in notes:
                tokens[at] = cost_of(self._line(row), self._count)
        _, first, day = np.unique(corpus.days[rows], return_index=True, return_inverse=True)
        headings = [
            cost_of(f"{day_heading(corpus.units[rows[at]].at)}:", self._count)
            for at in first.tolist()
        ]
        return Pool(
            scores=self._judged.scores[rows],
            tokens=tokens,
            days=corpus.days[rows],
            headings=np.array(headings, dtype=np.float64)[day],
            messages=corpus.messages[rows],
            terms=[corpus.text[row] for row in rows],
        )

    def _with_newer(
        self, taken: Sequence[int], rows: Sequence[int]
    ) -> tuple[list[int], dict[int, str]]:
        """Return rows, each after what the user later said otherwise, and notes on both."""
        units, user = self._index.corpus.units, self._index.corpus.user
        best = sorted((r for r in rows if user[r]), key=lambda r: -self._judged.scores[r])
        compared = {*best[:MOST_COMPARED], *(row for row in taken if user[row])}
        newer = changed(self._index.corpus, self._question.about, compared)
        chosen: list[int] = []
        notes: dict[int, str] = {}
        for row in taken:
            if row in newer and len(notes) < 2 * MOST_CHANGES:
                chosen.append(newer[row])
                notes.setdefault(row, NEWER_BELOW)
                notes[newer[row]] = f"newer than what was said on {day_heading(units[row].at)}"
            chosen.append(row)
        return list(dict.fromkeys(chosen)), notes

    def _line(self, row: int) -> str:
        unit = self._index.corpus.units[row]
        note = self._scope.facts.notes.get(unit.turn)
        return f"{unit.line} ({note})" if note and unit.role == "user" else unit.line

    def _evidence(self, row: int, note: str, why: dict[str, float]) -> Line:
        unit = self._index.corpus.units[row]
        text = f"{self._line(row)} ({note})" if note else self._line(row)
        kind: RecallKind = "fact" if unit.role is None else "evidence"
        item = self._item(kind, unit.ref, float(self._judged.scores[row]), text, unit.at)
        return Line(item.model_copy(update={"speaker": unit.speaker or None, "why": why}), row)

    def _facts(self, allowed: Mask, shown: Container[str], recalled: Collection[str]) -> list[Line]:
        """Return facts of kept units, best first, none of whose messages is shown."""
        scores = np.where(allowed, self._judged.scores, -np.inf)
        lines: list[Line] = []
        for score, standing in self._scope.facts.best(scores):
            sources = (standing.fact.id, *standing.fact.sources)
            if any(ref in shown or ref in recalled for ref in sources):
                continue
            lines.append(self._fact(standing, score))
            if len(lines) == MOST_FACTS:
                break
        return lines

    def _wish(self, fact: Fact, score: float) -> Recalled:
        text = f"- {day_heading(fact.valid_from)}: {fact.text}"
        return self._item("fact", fact.id, score, text, fact.valid_from)

    def _item(self, kind: RecallKind, id: str, score: float, text: str, at: datetime) -> Recalled:
        tokens = cost_of(text, self._count)
        return Recalled(id=id, kind=kind, score=round(score, 4), text=text, at=at, tokens=tokens)

    def _untaken(self, untaken: Mask) -> Mask:
        """Return the units without those that say nothing but a wish that was taken."""
        if not self._taken:
            return untaken
        corpus, untaken = self._index.corpus, untaken.copy()
        for each in self._scope.facts.standings:
            if each.fact.id in self._taken:
                for row in corpus.rows_of_fact.get(each.fact.id, ()):
                    untaken[row] &= normalized(corpus.units[row].text) != normalized(each.fact.text)
        return untaken

    def _fact(self, standing: Standing, best: float) -> Line:
        ended = f" (until {day_heading(standing.until)})" if standing.until else ""
        fact, text = standing.fact, f"- {standing.fact.text}{ended}"
        item = self._item("fact", fact.id, best, text, fact.valid_from)
        return Line(item, len(self._index.corpus))

    def _summary(self, episode: Episode, closeness: float) -> Line:
        text = f"- {episode.summary}"
        item = self._item("episode", episode.id, closeness, text, episode.begun)
        return Line(item, len(self._index.corpus))

    def _all_live(self, episode: Episode) -> bool:
        shown = (turn.id for turn in episode.turns if turn.id not in episode.without)
        whole = all(turn in self._scope.live_turns for turn in shown)
        whole = whole and not episode.tells(self._scope.withheld)
        return whole and self._in_span(episode.begun)

    def _in_span(self, at: datetime) -> bool:
        span = self._scope.between
        return span is None or span[0] <= at <= span[1]
