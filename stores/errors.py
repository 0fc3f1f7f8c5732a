"""What can go wrong with a store, each said in one sentence.

StoreUnavailable        does not answer; nothing was stored
  StoreBusy             another process holds the data dir
CheckpointGone          a run was to go on from a checkpoint that is there no more
StoreMismatch           answers, but holds something made with other settings
GenerationMoved         the owner was reset meanwhile; nothing was stored
ThreadMoved             the thread went on meanwhile; nothing was stored
NoSuchFact              a fact was to be changed that is not there
"""


class StoreUnavailable(RuntimeError):
    """A store does not answer; what was asked was not done."""


class StoreBusy(StoreUnavailable):
    """Another process holds the data dir."""


class StoreMismatch(RuntimeError):
    """A store was made with other settings than it is opened with."""

    def __init__(self, text: str, embeddings: str | None = None) -> None:
        """Say it in one sentence; where only that differs, with the store's embedding model."""
        super().__init__(text)
        self.embeddings = embeddings


class CheckpointGone(RuntimeError):
    """A run was to begin at a checkpoint that was pruned, has expired or never was."""

    def __init__(self) -> None:
        """Say it in one sentence."""
        super().__init__(
            "The place in the conversation to go on from is no longer kept: go on from the "
            "newest message, or from a later one."
        )


class GenerationMoved(RuntimeError):
    """The owner was reset while this was under way: nothing was written."""

    def __init__(self) -> None:
        """Say it in one sentence."""
        super().__init__("This memory was reset meanwhile: nothing was kept of this turn.")


class ThreadMoved(RuntimeError):
    """The thread no longer ends where it was to go on: nothing was written."""


class NoSuchFact(LookupError):
    """There is no fact of that id to be changed."""
