"""Memory work without a language model: extractive summaries, facts as they were said, no scores.

Deterministic. It is also what summarizes where a language model may or can not.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from domain.facts.extraction import Extraction, Source
from domain.records import Entity, Fact, Said, Turn
from domain.summary_check import details
from domain.text.sentences import sentences
from domain.text.statements import is_question
from domain.text.terms import strong_terms
from models.embeddings.local import WordLlamaEmbeddings
from models.memory.protocol import Score
from models.offline.answers import shortened
from models.offline.chat import OFFLINE
from models.offline.facts import extract_offline
from models.tokens import TokenCounter

_DETAIL = 0.3
"""What a name, number, date or negation that is not in yet adds to a sentence's worth."""
_SHARE = {"user": 1.0, "assistant": 0.35}
_TOO_ALIKE = 0.92
_SHORT = 2
"""Content words of an answer that says nothing without its question."""
_WORTH = 3
"""Content words from which on what the character says is worth keeping; never its questions."""
_LONGEST_QUESTION = 150
_ENDS = frozenset(".!?…。！？\"'")


@dataclass(frozen=True)
class _Sentence:
    text: str
    speaker: str
    weight: float
    details: frozenset[str]

    def holds(self, detail: str) -> bool:
        return detail in self.details or detail.casefold() in self.text.casefold()


class OfflineMemory:
    """The `MemoryModel` without a language model."""

    name = OFFLINE
    extractive = True

    def __init__(self, tokens: TokenCounter) -> None:
        """Work with a counter; word vectors are loaded when first needed."""
        self.tokens = tokens

    async def summarize(
        self,
        turns: Sequence[Turn],
        *,
        before: str | None,
        max_tokens: int,
        missing: Sequence[str] = (),
    ) -> str:
        """Return the most central sentences of the turns, in order, each with who said it.

        The user's sentences come first, those with names, numbers, dates and negations above
        all; a sentence that holds one of the `missing` details is taken before any other.
        """
        return await asyncio.to_thread(self._summarize, turns, max_tokens, missing)

    async def score(self, turns: Sequence[Turn], summary: str) -> Score | None:
        """Return None: there is nobody to judge."""
        return None

    async def extract(
        self, messages: Sequence[Source], stored: Sequence[Fact | Entity], now: datetime
    ) -> Extraction:
        """Return what the user's `messages` state in the first person, in their own words."""
        return await asyncio.to_thread(extract_offline, messages)

    def _summarize(self, turns: Sequence[Turn], max_tokens: int, missing: Sequence[str]) -> str:
        all_said = _sentences_of(turns)
        said = [sentence for sentence in all_said if strong_terms(sentence.text)] or all_said
        if not said:
            return "The user said nothing in words."
        vectors = WordLlamaEmbeddings().matrix([sentence.text for sentence in said])
        central = _centrality(vectors, said)
        chosen: list[int] = []
        for detail in missing:
            for index in [i for i, sentence in enumerate(said) if sentence.holds(detail)][:1]:
                if index not in chosen and self._fits([*chosen, index], said, max_tokens):
                    chosen.append(index)
        while (best := self._next(said, central, vectors, chosen, max_tokens)) is not None:
            chosen.append(best)
        if not chosen:
            nearest = said[int(np.argmax(central))]
            return shortened(_as_text([nearest]), max_tokens, self.tokens)
        return _as_text([said[index] for index in sorted(chosen)])

    def _next(
        self,
        said: Sequence[_Sentence],
        central: NDArray[np.float32],
        vectors: NDArray[np.float32],
        chosen: Sequence[int],
        max_tokens: int,
    ) -> int | None:
        """Return the sentence that adds most for its tokens; None if none fits or adds anything."""
        covered = frozenset().union(*(said[index].details for index in chosen))
        alike = (vectors @ vectors[chosen].T).max(axis=1) if chosen else np.zeros(len(said))

        def worth(index: int) -> float:
            sentence = said[index]
            gain = central[index] * (1 - alike[index]) + _DETAIL * len(sentence.details - covered)
            return float(sentence.weight * gain / self.tokens.text(sentence.text) ** 0.5)

        open_ = [i for i in range(len(said)) if i not in chosen and alike[i] < _TOO_ALIKE]
        for index in sorted(open_, key=lambda index: (-worth(index), index)):
            if self._fits([*chosen, index], said, max_tokens):
                return index
        return None

    def _fits(self, chosen: Sequence[int], said: Sequence[_Sentence], max_tokens: int) -> bool:
        text = _as_text([said[index] for index in sorted(chosen)])
        return self.tokens.text(text) <= max_tokens


def _as_text(sentences: Sequence[_Sentence]) -> str:
    """Return sentences as text; who says several in a row is named once."""
    return " ".join(
        f"{speaker} said: {' '.join(sentence.text for sentence in run)}"
        for speaker, run in groupby(sentences, key=lambda sentence: sentence.speaker)
    )


def _sentences_of(turns: Sequence[Turn]) -> list[_Sentence]:
    """Return every sentence with its speaker; what only the character said weighs less."""
    weighted: list[_Sentence] = []
    question = ""
    for turn, said in [(each, said) for each in turns for said in each.messages]:
        user = said.role == "user"
        speaker = " ".join((said.name or ("The user" if user else "The character")).split())[:40]
        parts = sentences(said.text)
        for index, text in enumerate(parts):
            whole = text if text[-1:] in _ENDS else f"{text}."
            if user and index == 0 and question and len(strong_terms(text)) <= _SHORT:
                whole = f'(asked "{question}") {whole}'  # a short answer needs its question
            if not user and (is_question(text) or len(strong_terms(text)) < _WORTH):
                continue
            weight = _SHARE[said.role] * (0.3 if is_question(text) else 1.0)
            weighted.append(_Sentence(whole, speaker, weight, _details(turn, said, text)))
        asked = parts and not user and is_question(parts[-1])
        question = parts[-1] if asked and len(parts[-1]) <= _LONGEST_QUESTION else ""
    return weighted


def _details(turn: Turn, said: Said, sentence: str) -> frozenset[str]:
    """Return what the check of a summary will look for in one sentence."""
    alone = said.model_copy(update={"text": sentence, "role": "user"})
    return frozenset(details([turn.model_copy(update={"messages": (alone,)})]))


def _centrality(vectors: NDArray[np.float32], said: Sequence[_Sentence]) -> NDArray[np.float32]:
    """Return how near each sentence is to what the conversation is about, 0 to 1."""
    weights = np.array([sentence.weight for sentence in said], dtype=np.float32)
    centre = (vectors * weights[:, None]).sum(axis=0)
    length = float(np.linalg.norm(centre)) or 1.0
    near: NDArray[np.float32] = np.clip(vectors @ (centre / length), 0.05, 1)
    return near
