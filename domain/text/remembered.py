"""Functions of a text that remember what they worked out: many answers, but few of long texts."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_LONGEST = 1_000
"""Characters of a text of which many are remembered; of longer ones a few."""
_FEW = 64
"""A turn looks at what was just said many times over."""


def remembered(most: int) -> Callable[[F], F]:
    """Return a decorator for a function of a text, which is its first argument.

    `most` answers are remembered for texts of usual length.
    """

    def decorate(work: F) -> F:
        usual, long = lru_cache(most)(work), lru_cache(_FEW)(work)

        @wraps(work)
        def remembering(text: str, *more: Any, **named: Any) -> Any:
            return (usual if len(text) <= _LONGEST else long)(text, *more, **named)

        return cast("F", remembering)

    return decorate
