"""Which remembered sentences answer a question, for the model that only quotes."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.text.questions import asks_how_many, asks_when, asks_who
from domain.text.statements import first_person, is_question
from domain.text.terms import keywords, names, numbers
from domain.text.words import mentions, words
from models.embeddings.local import LocalEmbeddings, WordLlamaEmbeddings
from models.offline.prompt import Remembered
from models.offline.words import content, stems

MOST = 3
"""Sentences of one answer at most."""
_NUMBER = re.compile(r"\d+")
_BACK_THEN = re.compile(
    r"\b(before|previous|previously|used to|former|formerly|first|originally|earlier|last|past"
    r"|did i live|did i work|back then)\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\b(what|which)\b.*\b(like|love|enjoy|hate|eat|plan|are|hobbies|\w{4,}s)\b|\b(who|all|list)\b",
    re.IGNORECASE,
)
_SURE = 0.6
"""Fit of an answer from which on nothing else is looked for."""
_NEAR = 0.15
"""Likeness by the encoder of many languages: what answers a question has 0.2 to 0.5, as a rule."""
_NAMED = 3.0
"""How much more than another word a name in a question weighs."""


@dataclass(frozen=True)
class _Asked:
    text: str
    rarity: Mapping[str, float]
    """What is asked for: stems, each with how rare it is among all that is remembered."""
    numbers: frozenset[str]
    """Numbers in the question: an answer holds them, or is dated so."""


@dataclass(frozen=True)
class _Match:
    item: Remembered
    fit: float
    """How much of the question its words answer; 0 where it does not."""
    likeness: float
    matched: frozenset[str]

    @property
    def score(self) -> float:
        return self.fit + 0.4 * max(self.likeness, 0.0)


def whom_it_asks_of(
    question: str, remembered: Sequence[Remembered]
) -> tuple[str, Sequence[Remembered]]:
    """Return a question without names of speakers, and what may answer it: what they say.

    A question is about the speakers whom it names, one in the first person about who asks.
    """
    names = {item.name for item in remembered} - {""}
    about = {name for name in names if mentions(question, name)}
    spoken = " ".join(w for w in question.split() if not any(mentions(w, name) for name in about))
    if names and (about or first_person(question)):
        whose = about or {""}
        remembered = [item for item in remembered if item.by != "user" or item.name in whose]
    return spoken or question, remembered


def best(
    question: str, remembered: Sequence[Remembered], vectors: WordLlamaEmbeddings
) -> tuple[list[Remembered], bool]:
    """Return what answers a question, and whether its words leave little doubt.

    Nothing, one sentence, or a few where it asks for several. Ranked by stemmed content words
    weighted by rarity and by likeness of meaning. What the user said or a note states beats what
    the assistant said; of what says the same, the later wins.
    """
    candidates = [item for item in remembered if not is_question(item.text)]
    matches = _rank(question, candidates, vectors)
    if not matches:
        return [], False
    sure = matches[0].fit >= _SURE
    leading = [match for match in matches if match.fit >= 0.8 * matches[0].fit]
    if not _SEVERAL.search(question):
        # Where one of two answers is newer, it replaces the other.
        return [max(leading, key=lambda match: match.item.order).item], sure
    chosen: list[_Match] = []
    for match in sorted(leading, key=lambda match: match.item.order, reverse=True):
        if len(chosen) < MOST and not any(_repeats(match.item, other.item) for other in chosen):
            chosen.append(match)
    return [match.item for match in chosen], sure


def nearest(
    question: str, remembered: Sequence[Remembered], encoder: LocalEmbeddings
) -> list[Remembered]:
    """Return the sentences of the user that come near a question by meaning, the nearest first.

    Args:
        question: In any language.
        remembered: What the prompt holds.
        encoder: Likeness of texts in any language.
    """
    said = {
        item.text: item
        for item in remembered
        if item.by != "assistant" and not (item.pair or item.past or is_question(item.text))
    }
    if not said:
        return []
    rows = encoder.matrix([question, *said])
    alike = (rows[1:] @ rows[0]).tolist()
    ranked = sorted(zip(alike, said.values(), strict=True), key=lambda each: -each[0])
    return [item for likeness, item in ranked[:MOST] if likeness >= _NEAR]


def _rank(
    question: str, candidates: Sequence[Remembered], vectors: WordLlamaEmbeddings
) -> list[_Match]:
    wanted = content(question) or stems(question)
    if not wanted or not candidates:
        return []
    words_of = [stems(item.text) for item in candidates]
    spread = Counter(stem for words in words_of for stem in words)
    named = content(" ".join(keywords(question)))
    asked = _Asked(
        question,
        {
            stem: math.log(1 + len(candidates) / (0.5 + spread[stem]))
            * (_NAMED if stem in named else 1.0)
            for stem in wanted
        },
        frozenset(_NUMBER.findall(question)),
    )
    rows = vectors.matrix([question, *(item.text for item in candidates)])
    alike = (rows[1:] @ rows[0]).tolist()
    matches = [
        _match(asked, item, words, likeness)
        for item, words, likeness in zip(candidates, words_of, alike, strict=True)
    ]
    alone = {m.item.order: m.matched for m in matches if not m.item.pair}
    useful = [m for m in matches if m.fit > 0 and not (m.item.pair and _needless(m, alone))]
    return sorted(useful, key=lambda match: (-match.score, match.item.order))


def _match(asked: _Asked, item: Remembered, words: frozenset[str], likeness: float) -> _Match:
    """Return how well one item answers: not at all without a number that is asked for."""
    matched = frozenset(asked.rarity.keys() & words)
    share = sum(asked.rarity[stem] for stem in matched) / sum(asked.rarity.values())
    has_numbers = asked.numbers <= set(_NUMBER.findall(f"{item.text} {item.day or ''}"))
    answers = share >= 0.45 or (share >= 0.2 and likeness >= 0.35) or likeness >= 0.6
    fit = share + _bonus(asked.text, item) - 0.004 * len(words)
    return _Match(item, max(fit, 0.0) if answers and has_numbers else 0.0, likeness, matched)


def _needless(pair: _Match, alone: Mapping[tuple[int, int, int], frozenset[str]]) -> bool:
    """Return whether one sentence of a pair matches as much as both."""
    day, place, index = pair.item.order
    return pair.matched in (alone.get((day, place, index)), alone.get((day, place, index + 1)))


def _bonus(question: str, item: Remembered) -> float:
    """Return what speaks for an item beside its words."""
    bonus = -0.35 if item.by == "assistant" else 0.0
    if item.by == "user" and first_person(question) and first_person(item.text) is False:
        bonus -= 0.5
    if item.past and not _BACK_THEN.search(question):
        bonus -= 0.6
    if item.past and _BACK_THEN.search(question):
        bonus += 0.3
    if asks_when(question) or asks_how_many(question):
        bonus += 0.12 * (numbers(words(item.text)) > 0)
    if asks_who(question):
        bonus += 0.12 * (names(item.text) > 0)
    return bonus


def _repeats(item: Remembered, other: Remembered) -> bool:
    a, b = content(item.text), content(other.text)
    return item.name == other.name and len(a & b) >= 0.5 * min(len(a), len(b))


def about_user(remembered: Sequence[Remembered]) -> list[Remembered]:
    """Return the latest statements of the user and notes about them, the latest last."""
    said = [i for i in remembered if i.by != "assistant" and not (i.past or i.name)]
    chosen: list[Remembered] = []
    for item in sorted(said, key=lambda item: item.order, reverse=True):
        clear = not item.pair and (item.by == "note" or first_person(item.text) is not False)
        new = clear and not is_question(item.text) and len(content(item.text)) > 1
        if new and len(chosen) < 4 and not any(_repeats(item, other) for other in chosen):
            chosen.append(item)
    return chosen[::-1]
