"""What a process has learned of one model from its answers: its window, its tokens, its refusals.

Nothing here is stored: a new process learns it again, or is told by the settings.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Literal

from models.errors import ContextTooLong

Feature = Literal[
    "system_role",
    "tool_role",
    "schema",
    "tools",
    "tool_choice",
    "parts",
    "temperature",
    "max_tokens",
    "usage_report",
]

AGAIN = 600.0
"""Seconds after which what one refusal taught is tried once more: its cause may have passed."""
_SHRINK = 0.6
"""What is left of a prompt that was too long for a model which does not say how much it reads."""
_WORST_FACTOR = 4.0
"""A model's tokens for one of ours at most; more is a server that counts something else."""
_COUNTED = 200
"""Tokens from which on a prompt's own count says something of the model's."""


@dataclass
class Learned:
    """One model, as its answers showed it. Shared by all that ask it."""

    name: str = ""
    """As the user wrote it in the settings."""
    window: int | None = None
    """Its own tokens that prompt and reply may have together; None while nobody said."""
    factor: float = 1.0
    """Its own tokens for one token as counted here, 1 or more."""
    refused: dict[Feature, float] = field(default_factory=dict)
    """What it turned out not to take, and when that is tried once more; `inf`: not any more."""
    suspected: set[Feature] = field(default_factory=set)
    """What it answered only without, once; see `Trial`."""
    blameless: dict[Feature, float] = field(default_factory=dict)
    """Until when no refusal is taken to be about something: it answered to it just before, or
    refused a request without it as well."""
    window_said: bool = False
    """Whether the model itself named its window."""
    guessed: tuple[float, int | None, bool] | None = None
    """Until when a window that it did not name is kept to, which one holds then, and whether that
    was named."""
    text_calls: bool = False
    """Whether it wrote a tool call as text: it is offered no tools any more."""
    noted: str = ""
    """What of it `mnemo doctor` can read already; see `said`."""
    news: list[str] = field(default_factory=list)
    """What the user should be told once, with the setting to write down."""

    def takes(self, feature: Feature) -> bool:
        """Return whether the model may be sent something."""
        refused = monotonic() < self.refused.get(feature, 0.0)
        return not refused and not (feature == "tools" and self.text_calls)

    def refuses(self, feature: Feature) -> None:
        """Learn that the model answers only without something: for a while, then for good."""
        until = self.refused.get(feature)
        if until is None:
            self.refused[feature] = monotonic() + AGAIN
        elif monotonic() >= until:
            self.refused[feature] = inf

    def answered(self, sent: Collection[Feature]) -> None:
        """Learn from an answer to what was sent."""
        self.suspected -= set(sent)
        self.clears(sent)
        for feature in sent:
            self.refused.pop(feature, None)

    def clears(self, features: Collection[Feature]) -> None:
        """Learn what refusals are not about, for a while: a server may get another model."""
        self.blameless.update(dict.fromkeys(features, monotonic() + AGAIN))

    def may_refuse(self, feature: Feature) -> bool:
        """Return whether a refusal that names nothing may be about something."""
        return monotonic() >= self.blameless.get(feature, 0.0)

    def limit(self, budget: int) -> int:
        """Return how many tokens, as counted here, prompt and reply may have: `budget` at most."""
        if self.guessed and monotonic() >= self.guessed[0]:
            self.guessed_in_vain()
        return budget if self.window is None else min(budget, self.reads(self.window))

    def reads(self, window: int) -> int:
        """Return how many tokens, as counted here, fit into a window."""
        return int(window / self.factor)

    def guessed_in_vain(self) -> None:
        """Take back a window that the model did not name."""
        if self.guessed:
            _, self.window, self.window_said = self.guessed
            self.guessed = None

    def counted(self, ours: int, its: int) -> None:
        """Learn from a prompt that has `ours` tokens as counted here and `its` as the model says.

        The largest ratio stays, in steps of 0.05, so that prompts do not change at every turn.
        """
        if ours >= _COUNTED:
            ratio = min(_WORST_FACTOR, its / ours)
            self.factor = max(self.factor, int(ratio * 20 + 0.999) / 20)

    def too_long(self, error: ContextTooLong, prompt: int, reply: int, *, parts: bool) -> None:
        """Learn from a refusal of `prompt` tokens with `reply` to come, as counted here.

        Args:
            error: The refusal.
            prompt: Tokens of the text of the prompt.
            reply: What the reply may take.
            parts: Whether the prompt held images or other parts, which are not counted here.
        """
        if error.sent and not parts:
            self.counted(prompt, error.sent)
        window, ours = error.window, prompt + reply
        if window is None or self.reads(window) >= ours:
            # Not said, or said of a prompt that should have fitted: what was sent is made smaller.
            before = self.guessed[1:] if self.guessed else (self.window, self.window_said)
            self.guessed = (monotonic() + AGAIN, *before)
            self.window, self.window_said = int(ours * _SHRINK * self.factor), False
            return
        if window != self.window:
            self.news.append(
                f"context: {self.name} reads {window} tokens at once, so prompts are kept shorter "
                f"from now on; write MNEMO_CONTEXT_WINDOW={window} into .env to have it so from "
                "the start, or give the model a larger context"
            )
        self.window, self.window_said, self.guessed = window, True, None

    def said(self) -> str:
        """Return what was learned, in a line; nothing where nothing was."""
        lines = []
        if self.window_said:
            lines.append(f"reads {self.window} tokens at once (MNEMO_CONTEXT_WINDOW={self.window})")
        if self.factor > 1:
            lines.append(f"counts {self.factor:.2f} tokens for one that is counted here")
        if self.refused:
            lines.append(f"takes no {', '.join(sorted(self.refused))}".replace("_", " "))
        if self.text_calls:
            lines.append("writes tool calls as text, so it is offered no tools")
        return "; ".join(lines)

    def tell(self) -> list[str]:
        """Return what the user was not told yet."""
        news, self.news = self.news, []
        return news
