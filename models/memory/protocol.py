"""What the memory asks of a model: summaries, their scores, and extractions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.facts.extraction import Extraction, Source
from domain.records import Entity, Fact, Record, Turn


class Score(Record):
    """A model's opinion of a summary."""

    value: float
    """0 (useless) to 1 (keeps everything that matters)."""
    missing: tuple[str, ...] = ()
    """Details the summary should have kept."""


class MemoryModel(Protocol):
    """A model at work on memories. Errors of the provider surface as `ModelError`."""

    name: str
    """As the user wrote it in the settings, or "offline"."""
    extractive: bool
    """True where no language model is behind it."""

    async def summarize(
        self,
        turns: Sequence[Turn],
        *,
        before: str | None,
        max_tokens: int,
        missing: Sequence[str] = (),
    ) -> str:
        """Return a summary of `turns` that keeps names, numbers, dates and negations.

        Args:
            turns: An unbroken run of turns, oldest first.
            before: The previous episode's summary, as context only.
            max_tokens: Upper bound of the answer.
            missing: Details that an earlier attempt left out and that must be in.
        """

    async def score(self, turns: Sequence[Turn], summary: str) -> Score | None:
        """Return the model's own score of a summary; None where no language model can give one."""

    async def extract(
        self, messages: Sequence[Source], stored: Sequence[Fact | Entity], now: datetime
    ) -> Extraction:
        """Return what the user's `messages` state, against the nearest `stored` facts and entities.

        Sources and targets of the answer are ids of `messages` and `stored`; anything else the
        model made up is left out.
        """
