"""One question, asked with less until the model takes it, and what that shows of the model.

A refusal alone proves nothing, since it may pass, or quote what it is not about. What was left out
is learned once the model answered without it; where no refusal named it, once the same happened
again after that answer.
"""

import re
from collections.abc import Collection, Sequence

from langchain_core.messages import BaseMessage

from models.errors import ModelError, Refused
from models.provider.error_text import all_said, unquoted
from models.provider.learned import Feature, Learned

_REFUSALS: dict[Feature, re.Pattern[str]] = {
    "usage_report": re.compile("stream_options|include_usage", re.I),
    "stream": re.compile(r"\bstream(?:ing|ed)?\b", re.I),
    "schema": re.compile(r"response_?format|json_?schema|structured output|grammar|guided", re.I),
    "temperature": re.compile("temperature", re.I),
    "max_tokens": re.compile(r"max_(completion_)?tokens", re.I),
    "parts": re.compile(
        r"image|multimodal|mmproj|audio|content\W+(\w+ )?(must|should) be a (valid )?string", re.I
    ),
    "tool_role": re.compile(r"\broles?\b|\balternat", re.I),
    "system_role": re.compile(
        r"system\W+(role|message|prompt)|developer instruction|\broles?\b|\balternat", re.I
    ),
    "tool_choice": re.compile(r"\btool.?choice", re.I),
    "tools": re.compile(r"\btools?\b|tool_choice|function", re.I),
}
"""How servers name what they refuse, in the order in which it is given up."""
_GUESSES: tuple[Feature, ...] = (
    "tool_role",
    "tool_choice",
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
    r"(?<!un)support|mmproj|multimodal|(must|should) be a (valid )?string|capab|vision", re.I
)
"""How servers say that a model takes no images at all."""
_OF_ONE = re.compile(r"\b(?:formats?|gif|jpe?g|png|webp|heic|svg)\b", re.I)
"""How they say that it does not take this one."""

_ADDRESS = re.compile(r"(?:data:|https?://)[^\s'\"]+")
"""An address, as of an image or of the provider's manual: what stands in it refuses nothing."""

TRIES = 5
"""How often one question is asked with less; the last time with the least."""


class Trial:
    """What of a question is left out, and what its answer then teaches."""

    def __init__(self, learned: Learned, messages: Sequence[BaseMessage] = ()) -> None:
        """Begin a question of these messages with all that the model is not known to refuse."""
        self._learned = learned
        self._messages = messages
        self._suspected = frozenset(learned.suspected)
        """Before this question was sent: others that are asked meanwhile prove nothing."""
        self._left_out: set[Feature] = set()
        self._said: set[Feature] = set()
        self._likely: set[Feature] = set()
        self._guess: Feature | None = None
        self._tries = 0

    def takes(self, feature: Feature) -> bool:
        """Return whether something is sent, where the question has it."""
        return self._learned.takes(feature) and feature not in self._left_out

    def leave_out(self, feature: Feature) -> None:
        """Leave something out of this question alone."""
        self._left_out.add(feature)

    def leaves_out(self, error: ModelError, sent: Collection[Feature]) -> bool:
        """Leave out what a failure is about; return False where nothing is left to try.

        What it still names though that was not sent is not what it is about.
        """
        status = getattr(error.__cause__, "status_code", None)
        if status in (401, 403):
            return False  # The key is refused, whatever the request holds.
        self._tries += 1
        if self._tries > TRIES:
            return False
        said = self._own_words(error)
        self._guess = None
        still = {f for f in self._left_out if _REFUSALS[f].search(said)}
        self._said -= still
        self._likely -= still
        for feature, words in _REFUSALS.items():
            if feature in sent and words.search(said):
                self._left_out.add(feature)
                self._leaves_all()
                if feature != "parts" or (_TAKES_NONE.search(said) and not _OF_ONE.search(said)):
                    (self._said if isinstance(error, Refused) else self._likely).add(feature)
                return True
        if status not in (400, 422):
            return False
        tries = (each for each in _GUESSES if each in sent and self._learned.may_refuse(each))
        self._guess = next(tries, None)
        if self._guess:
            self._left_out.add(self._guess)
            self._leaves_all()
        else:
            self._learned.clears(self._left_out)
        return bool(self._left_out & set(sent))

    def _leaves_all(self) -> None:
        """Leave out all that can be missed the last time: what of it mattered is not known then."""
        if self._tries == TRIES:
            self._left_out.update(_GUESSES)
            self._guess = None

    def _own_words(self, error: ModelError) -> str:
        """Return what the server says itself."""
        cause = error.__cause__
        said = f"{error} {all_said(getattr(cause, 'body', None)) or cause}"
        return unquoted(_ADDRESS.sub("", said), self._messages)

    def answered(self, sent: Collection[Feature]) -> None:
        """Learn from an answer to what was sent."""
        likely = self._likely | ({self._guess} if self._guess else set())
        likely -= {"parts"} - self._likely  # An image may be refused for what it is.
        for feature in self._said | (likely & self._suspected):
            self._learned.refuses(feature)
        self._learned.suspected |= likely
        self._learned.answered(sent)
