"""What can go wrong with a model, as one clear sentence each.

The tree alone: what providers call these things is in `provider/errors.py`.
"""


class ModelError(RuntimeError):
    """A model gave no usable answer; the text is one sentence for the user.

    ```
    ModelError
    ├── RateLimited        too many requests; try again
    ├── QuotaExhausted     the account is empty
    ├── TimedOut           no answer in time
    ├── Unreachable        no connection
    ├── ServerFailed       the server broke down
    │   └── StillLoading   it is not ready yet
    ├── Refused            key, permission, model name, request
    ├── ContextTooLong     the prompt is longer than the model can read
    └── BadReply           an answer came, but not one to use
        ├── ContentFiltered    the provider withheld it
        ├── EmptyReply         it says nothing
        ├── CutReply           it stopped in the middle
        └── MalformedReply     it is not what was asked for
    ```
    """

    after_text: bool = False
    """Whether a part of the answer had come, and may have been shown: then it is not asked again,
    or two beginnings of a reply would stand in a row."""


class ModelSettingsError(ValueError):
    """A model cannot be opened with these settings; the text says which to change."""


class RateLimited(ModelError):
    """The provider wants fewer requests; the text says when to try again, where it told."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        """Say it, with the seconds that the provider asks to wait, where it told."""
        super().__init__(text)
        self.wait = wait


class QuotaExhausted(ModelError):
    """The account behind the key has no credit left."""


class TimedOut(ModelError):
    """No answer, or no next part of one, in time."""


class Unreachable(ModelError):
    """No connection to the model server."""


class ServerFailed(ModelError):
    """The model server reported a failure of its own."""


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


class CutReply(BadReply):
    """The answer stopped in the middle."""


class MalformedReply(BadReply):
    """The answer is not in the form that was asked for."""
