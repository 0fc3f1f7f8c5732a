"""Calls of every dependency that fail at random, the same for the same seed. Nothing here tests.

A call fails before it does anything, or after: then it was done, and nobody was told.
"""

import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from models.errors import ServerFailed
from stores.errors import StoreUnavailable
from tests.support.models.scripted import Script

STORES = {
    "journal": ("read", "commit", "renew", "erase", "note_holder", "holders", "count_up"),
    "memories": ("put", "delete", "all", "nearest", "nearest_among", "episodes", "facts"),
    "checkpoints": ("aget_tuple", "aput", "aput_writes", "adelete_checkpoints"),
    "cache": ("get", "put"),
}
MODELS = {"replies": ("_answer",), "memory": ("summarize", "extract"), "embeddings": ("_ask",)}


@dataclass
class Faults:
    """Lets calls fail while it is `on`."""

    seed: int
    share: float
    """Of all calls."""
    on: bool = True
    struck: Counter[str] = field(default_factory=Counter)
    """How often each call failed."""

    def __post_init__(self) -> None:
        """Begin the sequence of chances."""
        self._chance = random.Random(self.seed)

    def among(self, script: Script) -> None:
        """Stand before every dependency of a process."""
        stores = script.parts.stores
        places: dict[str, Any] = {
            "journal": stores.journal.backend,
            "memories": stores.memories,
            "checkpoints": stores.checkpointer,
            "cache": stores.summaries._cache,
            "replies": script.chat,
            "memory": script.memory,
            "embeddings": script.parts.models.embeddings.embeddings,
        }
        for name, calls in STORES.items():
            self._before(places[name], name, calls, StoreUnavailable("The store went away."))
        for name, calls in MODELS.items():
            self._before(places[name], name, calls, ServerFailed("The model failed."))

    def _before(self, place: Any, name: str, calls: Collection[str], error: Exception) -> None:
        for call in calls:
            object.__setattr__(place, call, self._failing(getattr(place, call), name, call, error))

    def _failing(self, inner: Any, name: str, call: str, error: Exception) -> Any:
        async def failing(*args: Any, **more: Any) -> Any:
            strikes = self.on and self._chance.random() < self.share
            late = strikes and self._chance.random() < 0.5
            if strikes:
                self.struck[f"{name}.{call} {'after' if late else 'before'}"] += 1
            if strikes and not late:
                raise type(error)(*error.args)
            result = await inner(*args, **more)
            if late:
                raise type(error)(*error.args)
            return result

        return failing
