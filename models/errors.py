"""What can go wrong with a model, as one clear sentence each.

The tree alone: what providers call these things is in `provider/errors.py`.
"""

from typing import ClassVar


class ModelError(RuntimeError):
    """A model gave no usable answer; the text is one sentence for the user.

    ```
    ModelError
    ├── RateLimited        too many requests; try again          (retryable, `retry_after`)
    ├── QuotaExhausted     the account is empty
    ├── TimedOut           no answer in time                     (retryable)
    ├── Unreachable        no connection                         (retryable)
    ├── ServerFailed       the server broke down                 (retryable)
    │   └── StillLoading   it is not ready yet                   (retryable)
    ├── Refused            key, permission, model name, request
    ├── ContextTooLong     the prompt is longer than the model can read
    └── BadReply           an answer came, but not one to use
        ├── ContentFiltered    the provider withheld it
        ├── EmptyReply         it says nothing                   (retryable)
        ├── CutReply           it stopped in the middle          (retryable)
        └── MalformedReply     it is not what was asked for      (retryable)
    ```
    """

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed a little later."""
    after_text: bool = False
    """Whether a part of the answer had come, and may have been shown: then it is not asked again,
    or two beginnings of a reply would stand in a row."""


class ModelSettingsError(ValueError):
    """A model cannot be opened with these settings; the text says which to change."""


class RateLimited(ModelError):
    """The provider wants fewer requests."""

    retryable = True

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        """Say what happened, and after how many seconds to try again where the server told."""
        super().__init__(text)
        self.retry_after = retry_after


class QuotaExhausted(ModelError):
    """The account behind the key has no credit left."""


class TimedOut(ModelError):
    """No answer, or no next part of one, in time."""

    retryable = True


class Unreachable(ModelError):
    """No connection to the model server."""

    retryable = True


class ServerFailed(ModelError):
    """The model server reported a failure of its own."""

    retryable = True


class StillLoading(ServerFailed):
    """The model server is up, but still reads the model's weights."""


class Refused(ModelError):
    """The server refuses this request and will refuse it again."""


class ContextTooLong(ModelError):
    """The prompt does not fit into the model's context."""

    def __init__(self, text: str, window: int | None = None, sent: int | None = None) -> None:
        """Say it, with the model's tokens that fit and those that were sent, where it told."""
        super().__init__(text)
        self.window = window
        self.sent = sent


class BadReply(ModelError):
    """An answer came, but it cannot be used."""


class ContentFiltered(BadReply):
    """The provider's content filter, or the model itself, withheld the answer."""

    def __init__(self) -> None:
        """There is nothing more to say about it than that."""
        super().__init__(
            "The model provider's content filter withheld the answer: say it in other words."
        )


class EmptyReply(BadReply):
    """The answer says nothing."""

    retryable = True


class CutReply(BadReply):
    """The answer stopped in the middle."""

    retryable = True


class MalformedReply(BadReply):
    """The answer is not in the form that was asked for."""

    retryable = True
