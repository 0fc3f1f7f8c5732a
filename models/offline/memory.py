"""Memory work without a language model: extractive summaries, facts as they were said, no scores.

Deterministic. It is also what summarizes where a language model may or can not.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from domain.facts.extraction import Extraction, Source
from domain.records import Entity, Fact, Said, Turn
from domain.summary_check import details
from domain.text.sentences import sentences
from domain.text.statements import is_question
from domain.text.terms import strong_terms
from models.memory.protocol import Score
from models.offline.answers import shortened
from models.offline.chat import OFFLINE
from models.offline.facts import extract_offline
from models.tokens import TokenCounter

_PLAIN = 0.5
"""What a sentence is worth without a name, number, date or negation; each of those counts one."""
_SHARE = {"user": 1.0, "assistant": 0.35}
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
        """Work with a counter."""
        self.tokens = tokens

    async def summarize(
        self,
        turns: Sequence[Turn],
        *,
        before: str | None,
        max_tokens: int,
        missing: Sequence[str] = (),
    ) -> str:
        """Return the sentences of the turns that tell most, in order, each with who said it.

        The user's come first, those with names, numbers, dates and negations above all; one that
        holds one of the `missing` details is taken before any other.
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
        all_said = list(dict.fromkeys(_sentences_of(turns)))
        said = [each for each in all_said if strong_terms(each.text)] or all_said
        if not said:
            return "The user said nothing in words."
        chosen: list[_Sentence] = []
        covered: frozenset[str] = frozenset()

        def rank(sentence: _Sentence) -> tuple[bool, float]:
            """Whether it holds what must be in, and what it adds for its tokens."""
            wanted = any(map(sentence.holds, set(missing) - covered))
            gain = sentence.weight * (_PLAIN + len(sentence.details - covered))
            return wanted, gain / self.tokens.text(sentence.text) ** 0.5

        place = {sentence: at for at, sentence in enumerate(said)}
        fits = True
        while fits:
            fits = False
            left = [each for each in said if each not in chosen]
            for best in sorted(left, key=rank, reverse=True):
                together = sorted((*chosen, best), key=place.__getitem__)
                if fits := self.tokens.text(_as_text(together)) <= max_tokens:
                    chosen = together
                    covered |= best.details | frozenset(filter(best.holds, missing))
                    break
        return _as_text(chosen) or shortened(_as_text(said[:1]), max_tokens, self.tokens)


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
