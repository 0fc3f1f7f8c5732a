"""What a process has learned of one model from its answers: its window, its tokens, its refusals.

Nothing here is stored: a new process learns it again, or is told by the settings.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from models.errors import ContextTooLong, ModelError

Feature = Literal[
    "system_role", "schema", "tools", "parts", "temperature", "max_tokens", "usage_report"
]

_REFUSALS: dict[Feature, re.Pattern[str]] = {
    "usage_report": re.compile("stream_options|include_usage", re.I),
    "schema": re.compile(r"response_?format|json_?schema|structured output|grammar|guided", re.I),
    "temperature": re.compile("temperature", re.I),
    "max_tokens": re.compile(r"max_(completion_)?tokens", re.I),
    "parts": re.compile(r"image|multimodal|mmproj|audio|content\W+(must|should) be a string", re.I),
    "system_role": re.compile(
        r"system\W+(role|message|prompt)|developer instruction|\broles?\b|\balternat", re.I
    ),
    "tools": re.compile(r"\btools?\b|tool_choice|function", re.I),
}
"""How servers name what they refuse, in the order in which it is given up."""
_GUESSES: tuple[Feature, ...] = (
    "tools",
    "schema",
    "usage_report",
    "temperature",
    "parts",
    "system_role",
)
"""What a refusal without a name may be about, what servers like least first. Never the bound of a
reply: one without would run on."""
_TAKES_NONE = re.compile(
    r"(?<!un)support|mmproj|multimodal|must be a string|should be a string|capab|vision", re.I
)
"""How servers say that a model takes no images at all, rather than not this one."""

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
    refused: set[Feature] = field(default_factory=set)
    """What it turned out not to take."""
    blameless: set[Feature] = field(default_factory=set)
    """What it answered to at least once, or refused a request without as well."""
    window_said: bool = False
    """Whether the model itself named its window."""
    text_calls: bool = False
    """Whether it wrote a tool call as text: it is offered no tools any more."""
    noted: str = ""
    """What of it `mnemo doctor` can read already; see `said`."""
    news: list[str] = field(default_factory=list)
    """What the user should be told once, with the setting to write down."""

    def takes(self, feature: Feature) -> bool:
        """Return whether the model may be sent something."""
        return feature not in self.refused and not (feature == "tools" and self.text_calls)

    def limit(self, budget: int) -> int:
        """Return how many tokens, as counted here, prompt and reply may have: `budget` at most."""
        return budget if self.window is None else min(budget, int(self.window / self.factor))

    def refuses(self, error: ModelError, sent: Collection[Feature]) -> Feature | None:
        """Note what a refusal names of what was sent; return what to leave out and ask again.

        An image that is refused for what it is says nothing of the model.
        """
        status = getattr(error.__cause__, "status_code", None)
        if status in (401, 403):
            return None  # The key is refused, whatever the request holds.
        said = f"{error} {error.__cause__}"
        for feature, words in _REFUSALS.items():
            if feature in sent and words.search(said):
                if feature != "parts" or _TAKES_NONE.search(said):
                    self.refused.add(feature)
                return feature
        return None

    def guess(
        self, error: ModelError, sent: Collection[Feature], left_out: Collection[Feature]
    ) -> Feature | None:
        """Return what to try without after a refusal that names nothing that was sent.

        Where nothing is left to try, nothing that was left out is the reason, now or later.
        """
        if getattr(error.__cause__, "status_code", None) not in (400, 422):
            return None
        tries = (each for each in _GUESSES if each in sent and each not in self.blameless)
        guess = next(tries, None)
        if guess is None:
            self.blameless.update(left_out)
        return guess

    def counted(self, ours: int, its: int) -> None:
        """Learn from a prompt that has `ours` tokens as counted here and `its` as the model says.

        The largest ratio stays, in steps of 0.05, so that prompts do not change at every turn.
        """
        if ours >= _COUNTED:
            ratio = min(_WORST_FACTOR, its / ours)
            self.factor = max(self.factor, int(ratio * 20 + 0.999) / 20)

    def too_long(self, error: ContextTooLong, prompt: int, reply: int) -> None:
        """Learn from a refusal of `prompt` tokens with `reply` to come, as counted here."""
        if error.sent:
            self.counted(prompt, error.sent)
        window, ours = error.window, prompt + reply
        if window is None or int(window / self.factor) >= ours:
            # Not said, or said of a prompt that should have fitted: what was sent is made smaller.
            self.window, self.window_said = int(ours * _SHRINK * self.factor), False
            return
        if window != self.window:
            self.news.append(
                f"context: {self.name} reads {window} tokens at once, so prompts are kept shorter "
                f"from now on; write MNEMO_CONTEXT_WINDOW={window} into .env to have it so from "
                "the start, or give the model a larger context"
            )
        self.window, self.window_said = window, True

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
