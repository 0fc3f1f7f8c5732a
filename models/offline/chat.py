"""The built-in chat model that works without a key or a network, and says what it is.

A LangChain chat model like any other: it streams, counts its tokens and takes (and ignores)
tools. What it answers is decided in `answers.py`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from models.embeddings.local import LocalEmbeddings, WordLlamaEmbeddings
from models.offline.answers import reply
from models.offline.prompt import read
from models.tokens import TokenCounter, open_counter

OFFLINE = "offline"
"""The name of the built-in model."""


class OfflineChatModel(BaseChatModel):
    """Answers questions with remembered sentences, acknowledges statements, invents nothing.

    The same prompt always gets the same answer.
    """

    tokens: TokenCounter
    """Counts what it reads and writes."""
    vectors: WordLlamaEmbeddings
    """Likeness of meaning between a question and what is remembered."""
    encoder: LocalEmbeddings | None = None
    """Likeness of meaning in every language; None: a question in other words finds nothing."""
    model_name: str = OFFLINE

    @classmethod
    def open(cls, encoder: LocalEmbeddings | None = None) -> "OfflineChatModel":
        """Return it, loading what it needs: call it in a thread."""
        return cls(tokens=open_counter(OFFLINE), vectors=WordLlamaEmbeddings(), encoder=encoder)

    @property
    def _llm_type(self) -> str:
        return OFFLINE

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return itself: tools are accepted, and never called."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = self._answer(messages)
        message = AIMessage(
            text, usage_metadata=self._usage(messages, text), response_metadata=_metadata()
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await asyncio.to_thread(self._generate, messages)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        text = self._answer(messages)
        for chunk in self._chunks(text, self._usage(messages, text)):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        text = await asyncio.to_thread(self._answer, messages)
        usage = await asyncio.to_thread(self._usage, messages, text)
        for chunk in self._chunks(text, usage):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _answer(self, messages: Sequence[BaseMessage]) -> str:
        return reply(read(messages), self.vectors, self.tokens, self.encoder)

    def _chunks(self, text: str, usage: UsageMetadata) -> Iterator[ChatGenerationChunk]:
        """Yield the answer word by word, then what it cost."""
        for word in re.findall(r"\s*\S+", text):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        closing = AIMessageChunk(
            content="",
            usage_metadata=usage,
            response_metadata=_metadata(),
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=closing)

    def _usage(self, messages: Sequence[BaseMessage], text: str) -> UsageMetadata:
        read_in, written = self.tokens.prompt(messages), self.tokens.text(text)
        return UsageMetadata(
            input_tokens=read_in, output_tokens=written, total_tokens=read_in + written
        )


def _metadata() -> dict[str, str]:
    return {"finish_reason": "stop", "model_name": OFFLINE}
