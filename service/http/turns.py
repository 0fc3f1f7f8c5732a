"""A turn as a request asks for it: admitted, alone on its thread, and stopped with its client."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from domain.owner import Owner
from service.conversation import Content
from service.serving import Serving
from service.turn_report import Event, TurnDone, TurnReport, report_of
from service.usage import metrics
from service.usage.limits import LimitExceeded

RETRY_AFTER = 1.0
"""Seconds after which a place is likely to be free again: about as long as a short turn takes."""
HEARTBEAT = 15.0
"""Seconds of silence after which a stream says that it is alive; proxies close at 30 to 60."""


@dataclass(frozen=True)
class Ask:
    """What a request wants answered."""

    owner: Owner
    thread: str
    content: Content
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `Conversation.turn`."""


class RunningTurn:
    """A turn in a task of its own, which holds its place and its thread's lock until the end."""

    def __init__(self, serving: Serving, ask: Ask, tier: str | None) -> None:
        """Begin it, in the tier asked for, else its character's."""
        tier = serving.parts.settings.tier_name(tier, ask.owner.character_id)
        self._events: asyncio.Queue[Event | Exception] = asyncio.Queue()
        self._admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(serving, ask, tier))

    async def _run(self, serving: Serving, ask: Ask, tier: str | None) -> None:
        try:
            async with _admitted(serving, ask, tier):
                self._admitted.set_result(None)
                turn = serving.conversation.turn(
                    ask.owner, ask.thread, ask.content, tier=tier, **ask.options
                )
                async with aclosing(turn) as events:
                    async for event in events:
                        self._events.put_nowait(event)
        except Exception as error:  # noqa: BLE001 (handed to whoever waits, who raises it)
            if not self._admitted.done():
                self._admitted.set_exception(error)
            self._events.put_nowait(error)

    async def admitted(self) -> None:
        """Wait until the turn may begin.

        Raises:
            LimitExceeded: If the user, or this process, has too much to do.
            ThreadBusy: If the thread still answers an earlier message.
            StoreUnavailable: If a store does not answer.
        """
        try:
            await self._admitted
        except asyncio.CancelledError:
            self._task.cancel()
            raise

    async def events(self) -> AsyncGenerator[Event | None, None]:
        """Yield what happens, `None` where nothing did for `HEARTBEAT` seconds.

        A caller that leaves early stops the turn; what was said is kept for the next one.
        """
        try:
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        event = await self._events.get()
                except TimeoutError:
                    yield None
                    continue
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, TurnDone):
                    return
        finally:
            await self._stop()

    async def _stop(self) -> None:
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    async def report(self, request: Request) -> TurnReport | None:
        """Return the turn's report; None where the client left before its end."""
        gone = asyncio.create_task(_disconnected(request))
        done = asyncio.create_task(report_of(self.events()))
        try:
            await asyncio.wait([gone, done], return_when=asyncio.FIRST_COMPLETED)
            return await done if done.done() else None
        finally:
            for task in (gone, done):
                task.cancel()
            await asyncio.wait([gone, done])


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def begin_turn(serving: Serving, ask: Ask, tier: str | None) -> RunningTurn:
    """Begin a turn once it may; the caller reads its events or its report.

    Raises:
        LimitExceeded: If the user, or this process, has too much to do.
        ThreadBusy: If the thread still answers an earlier message.
        StoreUnavailable: If a store does not answer.
    """
    turn = RunningTurn(serving, ask, tier)
    await turn.admitted()
    return turn


@asynccontextmanager
async def _admitted(serving: Serving, ask: Ask, tier: str | None) -> AsyncIterator[None]:
    """Hold a place among this process's turns, and the thread."""
    if serving.turns.locked():
        metrics.LIMITED.labels("turns").inc()
        raise LimitExceeded("Too many conversations at once: try again in a second.", RETRY_AFTER)
    async with serving.turns:
        try:
            await serving.limits.admit(ask.owner.user_id, tier)
        except LimitExceeded:
            metrics.LIMITED.labels("turns").inc()
            raise
        wait = serving.parts.settings.thread_wait
        async with serving.locks.hold(ask.thread, wait):
            yield
