"""The tools of a model while it answers: it asks memory again, and is told to forget.

Their calls live in the run only.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, tzinfo
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import ToolCall
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field, ValidationError

from domain.clean_text import clean
from domain.records import Recalled
from models.forget_tool import FORGET_MEMORY
from models.provider.roles import alternating
from nodes.forget_memory import Forgetting
from nodes.prompt import Prompt, memory_block
from nodes.state import Origin, Parts
from stores.recall.recall import render

LEAST = 160
"""Tokens that must be free for a search to be worth offering."""


class SearchMemory(BaseModel):
    """Search everything this person ever said, when what you remember is not enough."""

    query: str = Field(description="What to look for: names, things, words that were used.")
    since: str | None = Field(default=None, description="Only from this date on, as 2026-05-31.")
    until: str | None = Field(default=None, description="Only up to this date, as 2026-05-31.")


TOOL = {
    **convert_to_openai_tool(SearchMemory),
    "function": {**convert_to_openai_tool(SearchMemory)["function"], "name": "search_memory"},
}


class MemorySearch:
    """The searches of one run, within what the prompt left free, beside what it forgets."""

    def __init__(self, parts: Parts, origin: Origin, prompt: Prompt, more: bool) -> None:
        """Search for `origin`'s owner.

        Args:
            parts: What the graph runs on.
            origin: Where the turn begins.
            prompt: It says how many tokens are left.
            more: Whether memory holds something that the prompt does not show.
        """
        self._more = more
        self._parts = parts
        self.forgetting = Forgetting(parts, origin)
        self._origin = origin
        self._chat = parts.models.of(origin.owner.character_id)
        self._calls = 0
        self._room = prompt.budget["limit"] - prompt.budget["total"]
        self.tokens = 0
        """Tokens that the tool, its calls and its answers took of the prompt."""
        self.recalled: list[Recalled] = []

    @property
    def offered(self) -> bool:
        """Whether another search may be asked for."""
        settings = self._parts.settings
        return (
            settings.search_memory
            and self._more
            and not self._chat.offline
            and self._chat.learned.takes("tools")
            and self._origin.tier.remembers
            and self._calls < settings.search_memory_calls
            and self._room - self.tokens >= LEAST
        )

    def tools(self) -> list[dict[str, Any]]:
        """Return the tools to offer; none where there is nothing to look for, or no room."""
        tools = [*([TOOL] if self.offered else []), *self.forgetting.tools()]
        cost = sum(self._parts.models.tokens.text(str(tool)) for tool in tools)
        if self._room < cost:
            return []
        if tools and not self.tokens and not self._chat.offline:
            self.tokens = cost
        return tools

    def withdraw(self) -> None:
        """Count nothing for a tool that the model did not take."""
        self.tokens = 0

    async def answer(self, reply: AIMessage) -> list[ToolMessage]:
        """Return the answers to the calls of a reply."""
        self.tokens += self._parts.models.tokens.message(reply)
        answers = []
        for call in reply.tool_calls:
            forgets = call["name"] == FORGET_MEMORY
            text = await (self.forgetting.answer(call) if forgets else self._search(call))
            message = ToolMessage(text, tool_call_id=call["id"] or "")
            self.tokens += self._parts.models.tokens.message(message)
            answers.append(message)
        return answers

    async def answer_in_text(
        self, query: str, messages: Sequence[BaseMessage]
    ) -> list[BaseMessage]:
        """Return the prompt with what a call that was written as text asked for.

        A model that writes its calls so knows no tool messages; what was found stands in front
        of the message to answer. The prompt stays as it is where the call cannot be read.
        """
        self.withdraw()
        if not query or not self._parts.settings.search_memory or not self._more:
            return list(messages)
        text = await self._recalled(SearchMemory(query=query), None)
        self.tokens += self._parts.models.tokens.text(text)
        return alternating([*messages[:-1], HumanMessage(text), messages[-1]])

    async def _search(self, call: ToolCall) -> str:
        if not self.offered:
            return "No more searches this time: answer with what you have."
        try:
            asked = SearchMemory.model_validate(call["args"])
            between = _span(asked, self._origin.zone or UTC)
        except (ValidationError, ValueError):
            self._calls += 1
            return "That was no valid search: give a query, and dates as 2026-05-31."
        return await self._recalled(asked, between)

    async def _recalled(
        self, asked: SearchMemory, between: tuple[datetime, datetime] | None
    ) -> str:
        """Return what is remembered of a query, as a block for the prompt."""
        self._calls += 1
        counter = self._parts.models.tokens
        frame = counter.message(HumanMessage(memory_block("", self._parts.stores.key))) + 8
        recollection = await self._parts.stores.recall.recall(
            self._origin.owner,
            self._origin.view,
            clean(asked.query),
            budget=max(0, self._room - self.tokens - frame - LEAST // 2),
            now=self._origin.local(self._parts.now()),
            refs=self._origin.refs,
            as_of=self._origin.as_of,
            between=between,
            widen=True,
        )
        if not recollection.items:
            return "Nothing about that is remembered."
        self.recalled += recollection.items
        return memory_block(render(recollection.items), self._parts.stores.key)


def _span(asked: SearchMemory, zone: tzinfo) -> tuple[datetime, datetime] | None:
    if not asked.since and not asked.until:
        return None
    since = datetime.fromisoformat(asked.since) if asked.since else datetime(1, 1, 2)
    until = datetime.fromisoformat(asked.until) if asked.until else datetime(9999, 12, 30)
    return (
        datetime.combine(since.date(), time.min, zone),
        datetime.combine(until.date(), time.max, zone),
    )
