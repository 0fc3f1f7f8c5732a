"""What the routes and the LangGraph server's hooks of one process work with, opened once.

Beside the parts that graphs run on: who may call, how much, and the account of what it cost.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from graph.parts import use_process_parts
from nodes.state import Parts
from service.auth.identity import ANYBODY, Caller, Tokens, open_tokens
from service.conversation import Conversation
from service.thread_locks import ThreadLocks, open_thread_locks
from service.usage.callbacks import metering
from service.usage.limits import Limits, open_limits
from stores.errors import StoreUnavailable

FEW = 8
"""Owners of an installation that are loaded before any of them says something: a second of work for
one who brought 10,000 messages along."""


@dataclass(frozen=True)
class Serving:
    """The parts, limits, locks and conversation of one serving process."""

    parts: Parts
    tokens: Tokens | None
    """None where nobody is asked for a token."""
    limits: Limits
    conversation: Conversation
    locks: ThreadLocks
    """One turn at a time on a thread."""
    turns: asyncio.Semaphore
    """Places for turns that this process answers at once."""

    async def caller(self, authorization: str | None, acting_for: str | None) -> Caller:
        """Return who is calling; anybody where nobody is asked for a token.

        Raises:
            IdentityError: If the caller is not accepted.
        """
        if self.tokens is None:
            return ANYBODY
        return await self.tokens.caller(authorization, acting_for)


OpenServing = Callable[[], AbstractAsyncContextManager[Serving]]


@asynccontextmanager
async def open_serving(parts: Parts) -> AsyncIterator[Serving]:
    """Serve with `parts`, which stay their opener's to close.

    Raises:
        StoreUnavailable: If Redis does not answer.
        ValueError: If the public key of the settings cannot be read.
    """
    async with (
        open_tokens(parts.settings) as tokens,
        open_limits(parts.settings) as limits,
        open_thread_locks(parts.settings) as locks,
    ):
        await _preload(parts)
        with metering(parts, limits):
            places = asyncio.Semaphore(parts.settings.max_turns)
            yield Serving(parts, tokens, limits, Conversation(parts), locks, places)
            # What the turns began in the background is part of what they cost.
            await parts.stores.background.finish(parts.settings.model_timeout)


async def _preload(parts: Parts) -> None:
    """Begin to load what is remembered, where few people talk: so no first message waits for it."""
    stores = parts.stores
    with suppress(StoreUnavailable):  # Then the first message waits.
        owners = await stores.journal.backend.some_owners(FEW + 1)
        for owner in owners if len(owners) <= FEW else ():
            if parts.settings.tier(None, owner.character_id).remembers:
                stores.recall.begin(owner, await stores.journal.read(owner))


_current: Serving | None = None


@asynccontextmanager
async def use_process_serving() -> AsyncIterator[Serving]:
    """Serve with the parts of this process; for its one application.

    Raises:
        StoreUnavailable: If a store does not answer.
        ValueError: If the public key of the settings cannot be read.
    """
    global _current
    async with use_process_parts() as parts, open_serving(parts) as serving:
        _current = serving
        # To look through all that is loaded by now takes the garbage collector 120 ms, in which
        # nobody is answered: it leaves that out from now on.
        gc.collect()
        gc.freeze()
        try:
            yield serving
        finally:
            _current = None


def process_serving() -> Serving:
    """Return what this process serves with, for hooks that no application is passed to.

    Raises:
        RuntimeError: If the application is not running.
    """
    if _current is None:
        raise RuntimeError("The application is not running: langgraph.json names it in http.app.")
    return _current
