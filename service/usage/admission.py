"""A conversation within the limits of its users' tiers, for channels that no server guards.

What is counted, and where, is `limits`' affair; what turns cost, `watch`'s.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Unpack

from domain.owner import Owner
from nodes.state import Parts
from service.conversation import Content, Conversation, TurnOptions
from service.turn_report import Event, TurnDone, TurnReport
from service.usage import metrics
from service.usage.callbacks import metering
from service.usage.limits import LimitExceeded, Limits, open_limits
from stores.errors import StoreUnavailable


class LimitedConversation(Conversation):
    """Runs turns as long as their users may."""

    def __init__(self, parts: Parts, limits: Limits) -> None:
        """Ask `limits` before each turn."""
        super().__init__(parts)
        self._limits = limits

    async def turn(
        self, owner: Owner, thread: str, message: Content, **options: Unpack[TurnOptions]
    ) -> AsyncGenerator[Event, None]:
        """Answer `message` as `Conversation` does; one too many ends at once in a report.

        Its `error` says when to come back. Nothing of the message is stored.
        """
        refusal = await self._refusal(owner.user_id, options.get("tier"))
        if refusal is not None:
            yield TurnDone(TurnReport(reply="", error=refusal))
            return
        run = super().turn(owner, thread, message, **options)
        async with aclosing(run) as events:
            async for event in events:
                yield event

    async def _refusal(self, user_id: str, tier: str | None) -> str | None:
        """Count a message; return in one sentence why it may not be answered."""
        try:
            await self._limits.admit(user_id, tier)
        except LimitExceeded as error:
            metrics.LIMITED.labels("turns").inc()
            return str(error)
        except (StoreUnavailable, ValueError) as error:  # ValueError: there is no such tier.
            return str(error)
        return None


@asynccontextmanager
async def open_conversation(parts: Parts) -> AsyncIterator[Conversation]:
    """Open a conversation whose turns are counted and written to the ledger.

    Raises:
        StoreUnavailable: If there are limits, counted in a Redis that does not answer.
    """
    async with open_limits(parts.settings) as limits:
        with metering(parts, limits):
            yield LimitedConversation(parts, limits)
            # What the turns began in the background is part of what they cost.
            await parts.stores.background.finish(parts.settings.model_timeout)
