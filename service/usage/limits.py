"""How much a user may ask for: messages a minute, tokens a day, bytes a message.

Counted in Redis where Redis is configured, so for all processes at once, else in this process.
What a tier is given stands in the settings; what things cost in `ledger`. The library that counts
is imported only where some tier is bounded.
"""

import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from domain.owner import digest
from settings import Settings

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.storage import MemoryStorage, RedisStorage
    from limits.aio.strategies import FixedWindowRateLimiter


class LimitExceeded(Exception):
    """A user asked for more than their tier gives; the text is one sentence with what to do."""

    def __init__(self, text: str, wait: float) -> None:
        """Say it, and after how many seconds it is worth trying again."""
        super().__init__(text)
        self.wait = max(1, math.ceil(wait))


class MessageTooLarge(Exception):
    """One request says more than is taken at once; the text is one sentence."""

    def __init__(self, most: int) -> None:
        """Say how many bytes there may be."""
        super().__init__(
            f"This request says more than the {most:,} bytes it may: send it in smaller parts."
        )


class Quota(BaseModel):
    """What is left of a user's day."""

    limit: int = Field(description="Tokens a day.")
    left: int
    seconds: int = Field(description="After which it is whole again.")


class Limits:
    """The limits of all users, by tier."""

    def __init__(
        self, settings: Settings, storage: "MemoryStorage | RedisStorage | None" = None
    ) -> None:
        """Count in `storage`, which may be None where no tier is bounded.

        Raises:
            ValueError: If there is something to count and no storage for it.
        """
        if storage is None and bounded(settings):
            raise ValueError("Limits that are set need a storage to be counted in.")
        self._settings, self._storage = settings, storage

    async def admit(self, user_id: str, tier: str | None = None) -> None:
        """Count one message of a user, before its turn begins.

        Raises:
            LimitExceeded: If the user's minute or day is used up; the message is not counted.
            StoreUnavailable: If Redis does not answer.
        """
        await self.check_day(user_id, tier)
        rate = self._settings.tier(tier).turns_per_minute
        if rate is None or self._storage is None:
            return
        from limits import RateLimitItemPerMinute
        from limits.aio.strategies import MovingWindowRateLimiter

        item, user = RateLimitItemPerMinute(rate), digest(user_id)
        messages = MovingWindowRateLimiter(self._storage)
        with _redis_errors():
            taken = await messages.hit(item, user)
            reset = 0.0 if taken else (await messages.get_window_stats(item, user)).reset_time
        if not taken:
            wait = math.ceil(max(1, reset - time.time()))
            raise LimitExceeded(
                f"You sent {rate:,} message{'s' if rate > 1 else ''} within a minute, which is all "
                f"that is taken here: wait {_words(wait)}.",
                wait,
            )

    async def check_day(self, user_id: str, tier: str | None = None) -> None:
        """Refuse what a user's day has no tokens left for.

        Raises:
            LimitExceeded: If it has none.
            StoreUnavailable: If Redis does not answer.
        """
        quota = await self.quota(user_id, tier)
        if quota is not None and quota.left <= 0:
            raise LimitExceeded(
                f"Your {quota.limit:,} tokens of today are used up: wait {_words(quota.seconds)}.",
                quota.seconds,
            )

    async def charge(self, user_id: str, tier: str | None, tokens: int) -> None:
        """Count tokens that a turn cost.

        Raises:
            StoreUnavailable: If Redis does not answer.
        """
        if (day := self._day(tier)) and tokens > 0:
            with _redis_errors():
                await day[0].hit(day[1], digest(user_id), cost=tokens)

    async def quota(self, user_id: str, tier: str | None = None) -> Quota | None:
        """Return what is left of a user's day; None where the tier has no bound.

        Raises:
            StoreUnavailable: If Redis does not answer.
        """
        if (day := self._day(tier)) is None:
            return None
        tokens, item = day
        with _redis_errors():
            window = await tokens.get_window_stats(item, digest(user_id))
        seconds = math.ceil(max(0, window.reset_time - time.time()))
        return Quota(limit=item.amount, left=max(0, window.remaining), seconds=seconds)

    def _day(self, tier: str | None) -> "tuple[FixedWindowRateLimiter, RateLimitItem] | None":
        """Return what counts the tokens of a day, and how many there are; None for any number."""
        most = self._settings.tier(tier).tokens_per_day
        if most is None or self._storage is None:
            return None
        from limits import RateLimitItemPerDay
        from limits.aio.strategies import FixedWindowRateLimiter

        return FixedWindowRateLimiter(self._storage), RateLimitItemPerDay(most)

    def check_size(self, said: Any) -> None:
        """Refuse what is too much to be looked at closely.

        Raises:
            MessageTooLarge: If its texts are longer than the settings allow.
        """
        most = self._settings.message_bytes
        if says_more(said, most):
            raise MessageTooLarge(most)


def bounded(settings: Settings) -> bool:
    """Return whether any tier has a limit."""
    tiers = settings.all_tiers.values()
    return any(tier.turns_per_minute or tier.tokens_per_day for tier in tiers)


def says_more(value: Any, most: int) -> bool:
    """Return whether all texts and names in a JSON value, however deep, have more bytes than that.

    A value that is no text counts as one byte, so that a long list of nothing is long too.
    """
    size, left = 0, [value]
    while left and size <= most:
        part = left.pop()
        if isinstance(part, str):
            size += len(part.encode("utf-8", "surrogatepass"))
        elif isinstance(part, dict):
            left += part.keys()
            left += part.values()
        elif isinstance(part, list | tuple):
            left += part
        size += 1
    return size > most


@asynccontextmanager
async def open_limits(settings: Settings) -> AsyncIterator[Limits]:
    """Open the limits where the settings say they are counted; nowhere if there are none.

    Raises:
        StoreUnavailable: If there are limits, counted in a Redis that does not answer.
    """
    if not bounded(settings):
        yield Limits(settings)
        return
    from limits.aio.storage import MemoryStorage, RedisStorage

    if settings.redis_url is None:
        local = MemoryStorage()
        try:
            yield Limits(settings, local)
        finally:
            if local.timer is not None:
                local.timer.cancel()
        return
    from stores.redis.connection import connect

    url = settings.redis_url.get_secret_value()
    async with connect(url, settings.store_timeout) as client:
        storage = RedisStorage("redis://", implementation="redispy", key_prefix="mnemo:limits")
        bridge: Any = storage.bridge  # Its client is to be ours, which may be a cluster's.
        bridge.connection_getter = lambda _: client
        bridge.register_scripts()
        yield Limits(settings, storage)


@contextmanager
def _redis_errors() -> Iterator[None]:
    """Turn an error of Redis into the one sentence that callers expect."""
    from redis.exceptions import RedisError  # here it has long been imported

    from stores.redis.connection import failed

    try:
        yield
    except (RedisError, OSError) as error:
        raise failed(error) from error


def _words(seconds: float) -> str:
    """Return a span of time in words, such as "3 hours and 20 minutes"."""
    left = math.ceil(seconds)
    parts = []
    for name, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " and ".join(parts[:2]) or "a second"
