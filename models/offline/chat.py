"""The built-in chat model that works without a key or a network, and says what it is.

A LangChain chat model like any other: it streams, counts its tokens and takes tools, of which it
calls the one that forgets. What it answers is decided in `answers.py`.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from models.embeddings.local import LocalEmbeddings
from models.forget_tool import FORGET_MEMORY
from models.offline.answers import reply
from models.offline.facts import wishes_to_forget
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
    encoder: LocalEmbeddings
    """Likeness of meaning between a question and what is remembered."""
    model_name: str = OFFLINE

    @classmethod
    def open(cls, encoder: LocalEmbeddings) -> "OfflineChatModel":
        """Return it, loading what it needs: call it in a thread."""
        return cls(tokens=open_counter(OFFLINE), encoder=encoder)

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
        """Return itself with these tools."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(iter(self._chunks(messages, kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self._chunks(messages, kwargs):
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
        for chunk in await asyncio.to_thread(self._chunks, messages, kwargs):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _chunks(
        self, messages: Sequence[BaseMessage], options: Mapping[str, Any]
    ) -> list[ChatGenerationChunk]:
        """Return the answer word by word, then what it cost; or calls of the tool that forgets."""
        reading = read(messages)
        offered = [tool["function"]["name"] for tool in options.get("tools", ())]
        asks = FORGET_MEMORY in offered and reading.forgot is None
        wishes = wishes_to_forget(reading.message) if asks else []
        text = "" if wishes else reply(reading, self.encoder, self.tokens)
        closing = AIMessageChunk(
            content="",
            tool_call_chunks=[
                tool_call_chunk(
                    name=FORGET_MEMORY, args=json.dumps({"what": wish}), id=f"call_{at}", index=at
                )
                for at, wish in enumerate(wishes)
            ],
            usage_metadata=self._usage(messages, text),
            response_metadata={"finish_reason": "stop", "model_name": OFFLINE},
            chunk_position="last",
        )
        words = [AIMessageChunk(content=word) for word in re.findall(r"\s*\S+", text)]
        return [ChatGenerationChunk(message=part) for part in (*words, closing)]

    def _usage(self, messages: Sequence[BaseMessage], text: str) -> UsageMetadata:
        read_in, written = self.tokens.prompt(messages), self.tokens.text(text)
        return UsageMetadata(
            input_tokens=read_in, output_tokens=written, total_tokens=read_in + written
        )
