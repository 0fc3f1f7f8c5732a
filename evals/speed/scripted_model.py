"""A chat model that answers at once, the same in every way of talking that is measured.

It notes when it is first asked and what it is sent, so that a turn's time splits into what comes
before the model and what comes after it.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

SUMMARY_WORDS = 100
_REPLY = "That is good to know, and I shall remember what you told me about it just now."
_STATED = re.compile(r"^(m\d+) \([^)]*\): (.+)$", re.MULTILINE)


@dataclass
class Clock:
    """When the model of one turn was first asked."""

    asked: float | None = None
    """Seconds of `perf_counter`."""


CLOCK: ContextVar[Clock | None] = ContextVar("clock", default=None)
"""The clock of the turn that is under way in this context."""


class ScriptedModel(BaseChatModel):
    """Replies in one sentence, summarizes by the first words, takes each message for a fact."""

    prompts: list[list[BaseMessage]] = Field(default_factory=list)
    """All that it was sent since the list was last emptied, memory work included."""

    replies: Iterator[str] = Field(default_factory=lambda: iter(()))
    """What it replies, one after the other; then one sentence, always the same."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *_: Any, **more: Any) -> ChatResult:
        text = self._answer(messages)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **more: Any) -> ChatResult:
        return self._generate(messages)

    async def _astream(
        self, messages: list[BaseMessage], *_: Any, **more: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        text = self._answer(messages)
        chunk = AIMessageChunk(content=text, response_metadata={"finish_reason": "stop"})
        yield ChatGenerationChunk(message=chunk)

    def _answer(self, messages: list[BaseMessage]) -> str:
        clock = CLOCK.get()
        if clock is not None and clock.asked is None:
            clock.asked = perf_counter()
        self.prompts.append(messages)
        task, data = str(messages[0].content), str(messages[-1].content)
        if '"facts"' in task:
            return json.dumps({"facts": [_fact(*m) for m in _STATED.findall(data)], "entities": []})
        if '"missing"' in task:
            return '{"value": 0.9, "missing": []}'
        if "summar" in task.lower():
            return " ".join(data.split()[:SUMMARY_WORDS])
        return next(self.replies, _REPLY)


def _fact(source: str, text: str) -> dict[str, Any]:
    stated = {"op": "add", "target": None, "text": text, "kind": "event", "subject": "user"}
    return stated | {"slot": None, "source": source, "when": None}
