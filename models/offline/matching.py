"""Which remembered sentences answer a question, for the model that only quotes.

By the words of the question first; where they leave doubt, by meaning.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from domain.text.statements import first_person, is_question
from domain.text.terms import names_inside, strong_terms, terms
from domain.text.words import mentions, words
from models.embeddings.local import LocalEmbeddings
from models.offline.prompt import Remembered

MOST = 3
"""Sentences of one answer at most."""
_ENOUGH = 0.5
"""Share of a question's words, weighed by how rare they are, that an answer has at least."""
_SURE = 0.6
"""Share from which on nothing else is looked for."""
_NUMBER = re.compile(r"\d+")
_BACK_THEN = re.compile(
    r"\b(before|previous|previously|used to|former|formerly|first|originally|earlier|last|past"
    r"|did i live|did i work|back then)\b",
    re.IGNORECASE,
)
_I = {"i"}


def _meeting(stems: Iterable[str]) -> frozenset[str]:
    """Return stems such that "allergy" and "allergic" have one."""
    return frozenset(stem.removesuffix("i") if len(stem) > 4 else stem for stem in stems)


def answers_to(
    question: str, remembered: Sequence[Remembered], encoder: LocalEmbeddings
) -> tuple[list[Remembered], list[Remembered]]:
    """Return the sentences that answer a question by its words, and those that only come near it.

    A question is about the speakers whom it names, one in the first person about who asks. What
    answers it asks nothing itself, and lacks no number that the question names.
    """
    names, of_self = {item.name for item in remembered} - {""}, first_person(question)
    about = {name for name in names if mentions(question, name)}
    whose = about or ({""} if names and of_self else None)
    numbers = set(_NUMBER.findall(question))
    items = [
        item
        for item in remembered
        if (item.note or whose is None or item.name in whose)
        and numbers <= set(_NUMBER.findall(f"{item.text} {item.day}"))
        and not is_question(item.text)
    ]
    spoken = " ".join(w for w in question.split() if not any(mentions(w, name) for name in about))
    answers, sure = _by_words(spoken or question, items)
    # Near a question about nobody who talks here is what it does not ask.
    if sure or (of_self is False and not about):
        return answers, []
    quoted = {answer.text for answer in answers}
    near = [i for i in _nearest(spoken or question, items, encoder) if i.text not in quoted]
    return answers, near[: MOST - len(answers)]


def _by_words(question: str, items: Sequence[Remembered]) -> tuple[list[Remembered], bool]:
    """Return the sentences with most words of a question, and whether they leave little doubt."""
    of_self = first_person(question)
    wanted = _meeting(strong_terms(question) | names_inside(question, question=True))
    # A name alone may look like a small word.
    wanted = wanted or _meeting(terms(question)) or frozenset(words(question))
    stems = [_meeting(terms(item.text)) | names_inside(item.text) for item in items]
    spread = Counter(chain(*stems))
    # A word that nobody said counts as one that was said once.
    rarity = {stem: math.log(1 + len(items) / (0.5 + (spread[stem] or 1))) for stem in wanted}
    shares: dict[Remembered, float] = {}
    for item, has in zip(items, stems, strict=True):
        share = sum(rarity[stem] for stem in wanted & has) / (sum(rarity.values()) or 1.0)
        if of_self and not item.note and first_person(item.text) is False:
            share /= 2  # What is said of others answers who asks about themselves with a doubt.
        if share >= _ENOUGH:
            shares[item] = share
    once, own = bool(_BACK_THEN.search(question)), bool(_I & set(words(question)))

    def suits(item: Remembered) -> tuple[bool, bool, float]:
        """Whether it holds now, or did once if that is asked; whether of whom is asked; share."""
        of_other = own and not item.note and not _I & set(words(item.text))
        return item.past == once, not of_other, shares[item]

    best = max(map(suits, shares), default=(False, False, 0.0))
    answers = [item for item in shares if suits(item) == best]
    return _latest(answers, MOST), best[-1] >= _SURE


def _nearest(
    question: str, items: Sequence[Remembered], encoder: LocalEmbeddings
) -> list[Remembered]:
    """Return the sentences that come near a question by meaning, the nearest first."""
    said = {item.text: item for item in items if not item.past}
    rows = encoder.matrix([question, *said])
    alike = zip((rows[1:] @ rows[0]).tolist(), said.values(), strict=True)
    near: list[Remembered] = []
    for likeness, item in sorted(alike, key=lambda each: -each[0]):
        if likeness >= encoder.near and len(near) < MOST and not _says_again(item, near):
            near.append(item)
    return near


def about_user(remembered: Sequence[Remembered]) -> list[Remembered]:
    """Return the latest statements of the user and notes about them, the latest last."""
    said = [
        item
        for item in remembered
        if not (item.past or item.name)
        and (item.note or first_person(item.text) is not False)
        and not is_question(item.text)
        and strong_terms(item.text)
    ]
    return _latest(said, 4)[::-1]


def _latest(items: Sequence[Remembered], most: int) -> list[Remembered]:
    """Return the latest of the items, the latest first, none of which repeats another."""
    chosen: list[Remembered] = []
    oldest_first = sorted(items, key=lambda item: item.date)
    for item in reversed(oldest_first):
        if len(chosen) < most and not _says_again(item, chosen):
            chosen.append(item)
    return chosen


def _says_again(item: Remembered, others: Iterable[Remembered]) -> bool:
    """Return whether an item says half of what one of the others says, or more."""
    about = strong_terms(item.text)
    return any(
        item.name == other.name
        and len(about & strong_terms(other.text))
        >= 0.5 * min(len(about), len(strong_terms(other.text)))
        for other in others
    )
