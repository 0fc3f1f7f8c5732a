"""What a process has learned of one model from its answers: its window, its tokens, its refusals.

Nothing here is stored: a new process learns it again, or is told by the settings.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
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
    "stream",
]

AGAIN = 600.0
"""Seconds after which what a refusal taught is tried once more: its cause may have passed."""
_SHRINK = 0.6
"""What is left of a prompt that was too long for a model which does not say how much it reads."""
_WORST_FACTOR = 4.0
"""A model's tokens for one of ours at most; more is a server that counts something else."""
_COUNTED = 200
"""Tokens from which on a prompt's own count says something of the model's."""


@dataclass
class Pause:
    """A time for which something is not tried: twice as long each time that it was in vain."""

    seconds: float = 0.0
    until: float = 0.0

    def over(self) -> bool:
        """Return whether it may be tried."""
        return monotonic() >= self.until

    def begin(self) -> None:
        """Wait from now on; one that still lasts stays as it is."""
        if self.over():
            self.seconds = 2 * self.seconds or AGAIN
            self.until = monotonic() + self.seconds


@dataclass
class Shorter:
    """A window that a refusal taught, and until when it is kept to."""

    window: int
    named: bool
    """Whether the model itself named it."""
    pause: Pause


@dataclass
class Learned:
    """One model, as its answers showed it. Shared by all that ask it."""

    name: str = ""
    """As the user wrote it in the settings."""
    window: int | None = None
    """Its own tokens that prompt and reply may have together, by the settings; None: not said."""
    shorter: Shorter | None = None
    """What its refusals made of that."""
    factor: float = 1.0
    """Its own tokens for one token as counted here, 1 or more."""
    refused: dict[Feature, Pause] = field(default_factory=dict)
    """What it turned out not to take, and how long that is not tried."""
    suspected: set[Feature] = field(default_factory=set)
    """What it answered only without, once; see `Trial`."""
    blameless: dict[Feature, float] = field(default_factory=dict)
    """Until when no refusal is taken to be about something: it answered to it just before, or
    refused a request without it as well."""
    text_calls: bool = False
    """Whether it wrote a tool call as text: it is offered no tools any more."""
    noted: str = ""
    """What of it `mnemo doctor` can read already; see `said`."""
    news: list[str] = field(default_factory=list)
    """What the user should be told once."""
    told: int | None = None
    """The window that the user was told of."""

    def takes(self, feature: Feature) -> bool:
        """Return whether the model may be sent something."""
        refused = feature in self.refused and not self.refused[feature].over()
        return not refused and not (feature == "tools" and self.text_calls)

    def refuses(self, feature: Feature) -> None:
        """Learn that the model answers only without something."""
        self.refused.setdefault(feature, Pause()).begin()

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
        shorter = self._kept_to()
        window = shorter.window if shorter else self.window
        return budget if window is None else min(budget, self.reads(window))

    def reads(self, window: int) -> int:
        """Return how many tokens, as counted here, fit into a window."""
        return int(window / self.factor)

    def shortened_in_vain(self) -> None:
        """Forget a window: no prompt that keeps to it was answered."""
        self.shorter = None

    def _kept_to(self) -> Shorter | None:
        """Return the window that a refusal taught while it is kept to."""
        return self.shorter if self.shorter and not self.shorter.pause.over() else None

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
        pause = self.shorter.pause if self.shorter else Pause()
        pause.begin()
        if window is None or self.reads(window) >= ours:
            # Not said, or said of a prompt that should have fitted: what was sent is made smaller.
            self.shorter = Shorter(int(ours * _SHRINK * self.factor), False, pause)
        else:
            self.shorter = Shorter(window, True, pause)

    def said(self) -> str:
        """Return what was learned and is kept to, in a line; nothing where nothing is."""
        lines = []
        if (shorter := self._kept_to()) and shorter.named:
            window = shorter.window
            lines.append(f"reads {window} tokens at once (MNEMO_CONTEXT_WINDOW={window})")
        if self.factor > 1:
            lines.append(f"counts {self.factor:.2f} tokens for one that is counted here")
        if refused := sorted(
            feature for feature, pause in self.refused.items() if not pause.over()
        ):
            lines.append(f"takes no {', '.join(refused)}".replace("_", " "))
        if self.text_calls:
            lines.append("writes tool calls as text, so it is offered no tools")
        return "; ".join(lines)

    def tell(self) -> list[str]:
        """Return what the user was not told yet."""
        news, self.news = self.news, []
        if (shorter := self._kept_to()) and shorter.named and shorter.window != self.told:
            window = self.told = shorter.window
            news.append(
                f"context: {self.name} reads {window} tokens at once, so prompts are kept shorter "
                f"from now on; write MNEMO_CONTEXT_WINDOW={window} into .env to have it so from "
                "the start, or give the model a larger context"
            )
        return news
