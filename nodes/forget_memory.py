"""What a model does that is asked to forget something: looked for now, forgotten with the turn."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages.tool import ToolCall
from pydantic import ValidationError

from domain.clean_text import clean
from domain.facts.forgetting import NOTHING_WANTED, Wanted, meant_by
from domain.records import Turn
from models.forget_tool import (
    FORGET_MEMORY,
    FORGOTTEN,
    LATER,
    NO_MORE,
    NOT_FOUND,
    TOOL,
    ForgetMemory,
)
from nodes.state import Origin, Parts
from stores.errors import GenerationMoved, StoreUnavailable
from stores.maintenance.forgetting import forget, reached_by

FORGET_CALLS, IN_VAIN = 6, 2
"""Calls a turn at most: somebody may name a few things, and a model may try again; and how many of
them may find nothing, or ask for the same once more."""


class Forgetting:
    """What one turn forgets because its model was asked to."""

    def __init__(self, parts: Parts, origin: Origin) -> None:
        """Forget for `origin`'s owner."""
        self._parts, self._origin = parts, origin
        self._statements: list[str] = []
        self._last = False
        self._calls = self._in_vain = 0
        self.degraded: list[str] = []
        """What a store that did not answer has kept from being forgotten."""

    @property
    def offered(self) -> bool:
        """Whether there is anything to forget, and a model that can be told how."""
        chat, view = self._parts.models.of(self._origin.owner.character_id), self._origin.view
        takes = self._parts.settings.search_memory and chat.learned.takes("tools")
        something = view.seq > 0 or view.rows > 0
        return something and (chat.offline or takes) and not self._spent

    @property
    def _spent(self) -> bool:
        return self._calls >= FORGET_CALLS or self._in_vain >= IN_VAIN

    def tools(self) -> Sequence[dict[str, Any]]:
        """Return the tool to offer."""
        return [TOOL] if self.offered else []

    async def answer(self, call: ToolCall) -> str:
        """Look for what a call wants forgotten; return what the model is told."""
        if not self.offered:
            return NO_MORE
        self._calls += 1
        try:
            what = clean(ForgetMemory.model_validate(call["args"]).what).strip()
        except ValidationError:
            self._in_vain += 1
            return NOT_FOUND
        head, generation = self._origin.head or "", self._origin.view.generation
        at = self._origin.local(self._parts.now())
        wanted = meant_by([(what, at)]) if what else Wanted(last_before=[head])
        self._in_vain += what in self._statements
        if what:
            self._statements.append(what)
        self._last = self._last or not what
        try:
            reached = await reached_by(self._parts.stores, self._origin.owner, generation, wanted)
        except (GenerationMoved, StoreUnavailable):
            return LATER
        self._in_vain += reached.nothing
        return NOT_FOUND if reached.nothing else FORGOTTEN

    async def carry_out(self, turn: Turn) -> Wanted:
        """Forget what was asked for, with the turn that asks; return what that was.

        Raises:
            GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
        """
        if not self._statements and not self._last:
            return NOTHING_WANTED
        wanted = replace(
            meant_by((what, turn.at) for what in self._statements),
            asking=[turn.id],
            last_before=[turn.parent or ""] if self._last else [],
        )
        now, generation = self._parts.now(), self._origin.view.generation
        try:
            await forget(self._parts.stores, self._origin.owner, generation, wanted, now=now)
        except StoreUnavailable as error:
            self.degraded.append(f"{FORGET_MEMORY}: {error}")
        return wanted
