"""What can go wrong with a store, each said in one sentence.

StoreUnavailable        does not answer; nothing was stored
  StoreBusy             another process holds the data dir
StoreMismatch           answers, but holds something made with other settings
"""


class StoreUnavailable(RuntimeError):
    """A store does not answer; what was asked was not done."""


class StoreBusy(StoreUnavailable):
    """Another process holds the data dir."""


class StoreMismatch(RuntimeError):
    """A store was made with other settings than it is opened with."""
