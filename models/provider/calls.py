"""Calling a model: whatever goes wrong inside surfaces as a `ModelError`.

What providers call these things is in `errors.py` beside this, imported once something went wrong:
a process without a model server never loads its client, which takes a second.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from langchain_core.messages import BaseMessage


@contextmanager
def as_model_errors(messages: Sequence[BaseMessage] = ()) -> Iterator[None]:
    """Turn what a provider's client raises inside into a `ModelError`; let all else pass.

    What an error quotes of the messages that were sent is not read.
    """
    try:
        yield
    except _provider_errors() as error:
        from models.provider.errors import translate

        translated = translate(error, messages)
        if translated is None or translated is error:
            raise
        raise translated from error


def _provider_errors() -> tuple[type[Exception], ...]:
    """Return what a model call may raise; Python asks once something was raised."""
    from models.provider.errors import PROVIDER_ERRORS

    return PROVIDER_ERRORS
