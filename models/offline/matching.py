"""Which remembered sentences answer a question, for the model that only quotes."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from domain.text.sentences import sentences
from domain.text.statements import first_person, is_question
from domain.text.terms import keywords, strong_terms, terms
from domain.text.words import mentions, words
from models.embeddings.local import LocalEmbeddings, WordLlamaEmbeddings
from models.offline.prompt import Remembered

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
"""Likeness by the encoder of many languages: what answers a question has 0.15 to 0.5, as a
rule; at 0.2, a sixth of the answers that `evals/told_and_asked.py` asks for in Spanish is lost."""
_I = {"i"}
_NAMED = 3.0
"""How much more than another word a name in a question weighs."""


@dataclass(frozen=True)
class _Match:
    item: Remembered
    fit: float
    """How much of the question its words answer, with what else speaks for it."""
    score: float


def content(text: str) -> frozenset[str]:
    """Return the stems that say what a text is about: not those of small talk."""
    return _meeting(strong_terms(text))


def _meeting(stems: Iterable[str]) -> frozenset[str]:
    """Return stems such that "allergy" and "allergic" have one."""
    return frozenset(stem.removesuffix("i") if len(stem) > 4 else stem for stem in stems)


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
    matches = _matches(question, [item for item in remembered if not _asks(item)], vectors)
    if not matches:
        return [], False
    top = max(matches, key=lambda match: match.score)
    leading = [match.item for match in matches if match.fit >= 0.8 * top.fit]
    if _I & set(words(question)):  # Not what somebody of theirs does.
        own = [item for item in leading if item.by != "user" or _I & set(words(item.text))]
        leading = own or leading
    # Where one of two answers is newer, it replaces the other.
    return _latest(leading, MOST if _SEVERAL.search(question) else 1), top.fit >= _SURE


def nearest(
    question: str, remembered: Sequence[Remembered], encoder: LocalEmbeddings
) -> list[Remembered]:
    """Return the sentences of the user that come near a question by meaning, the nearest first."""
    said = {
        item.text: item
        for item in remembered
        if item.by != "assistant" and not (item.pair or item.past or _asks(item))
    }
    rows = encoder.matrix([question, *said])
    alike = zip((rows[1:] @ rows[0]).tolist(), said.values(), strict=True)
    near: list[Remembered] = []
    for likeness, item in sorted(alike, key=lambda each: -each[0]):
        if likeness >= _NEAR and len(near) < MOST and not _says_again(item, near):
            near.append(item)
    return near


def _asks(item: Remembered) -> bool:
    """Return whether a question stands in an item: it answers none, nor does what follows it."""
    return any(map(is_question, sentences(item.text)))


def about_user(remembered: Sequence[Remembered]) -> list[Remembered]:
    """Return the latest statements of the user and notes about them, the latest last."""
    said = [
        item
        for item in remembered
        if not (item.by == "assistant" or item.past or item.name or item.pair)
        and (item.by == "note" or first_person(item.text) is not False)
        and not _asks(item)
        and content(item.text)
    ]
    return _latest(said, 4)[::-1]


def _latest(items: Iterable[Remembered], most: int) -> list[Remembered]:
    """Return the latest of the items, the latest first, none of which repeats another."""
    chosen: list[Remembered] = []
    for item in sorted(items, key=lambda item: item.order, reverse=True):
        if len(chosen) < most and not _says_again(item, chosen):
            chosen.append(item)
    return chosen


def _says_again(item: Remembered, others: Iterable[Remembered]) -> bool:
    return any(_repeats(item, other) for other in others)


def _repeats(item: Remembered, other: Remembered) -> bool:
    a, b = content(item.text), content(other.text)
    return item.name == other.name and len(a & b) >= 0.5 * min(len(a), len(b))


def _matches(
    question: str, items: Sequence[Remembered], vectors: WordLlamaEmbeddings
) -> list[_Match]:
    """Return the items that answer a question: none without a number that it names."""
    wanted = content(question) or _meeting(terms(question))
    if not wanted or not items:
        return []
    stems = [_meeting(terms(item.text)) for item in items]
    spread, named = Counter(chain(*stems)), content(" ".join(keywords(question)))
    rarity = {
        stem: math.log(1 + len(items) / (0.5 + spread[stem])) * (_NAMED if stem in named else 1)
        for stem in wanted
    }
    rows = vectors.matrix([question, *(item.text for item in items)])
    asked = set(_NUMBER.findall(question))
    matches: list[_Match] = []
    alone: dict[tuple[str, int, int], frozenset[str]] = {}
    for item, has, likeness in zip(items, stems, (rows[1:] @ rows[0]).tolist(), strict=True):
        shared = wanted & has
        share = sum(rarity[stem] for stem in shared) / sum(rarity.values())
        fit = share + _bonus(question, item)
        day, place, index = item.order
        if not item.pair:
            alone[item.order] = shared
        elif shared in (alone.get(item.order), alone.get((day, place, index + 1))):
            continue  # One of the two says as much.
        answers = share >= 0.45 or (share >= 0.2 and likeness >= 0.35) or likeness >= 0.6
        if answers and fit > 0 and asked <= set(_NUMBER.findall(f"{item.text} {item.day}")):
            matches.append(_Match(item, fit, fit + 0.4 * max(likeness, 0.0)))
    return matches


def _bonus(question: str, item: Remembered) -> float:
    """Return what speaks for an item beside its words."""
    bonus = -0.35 if item.by == "assistant" else 0.0
    if item.by == "user" and first_person(question) and first_person(item.text) is False:
        bonus -= 0.5
    if item.past:
        bonus += 0.3 if _BACK_THEN.search(question) else -0.6
    return bonus
