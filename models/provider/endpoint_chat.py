"""The chat model of an OpenAI-compatible endpoint, whose replies are cleaned while they stream.

Everything such a server writes passes here before anybody sees it; what decides is `reply_text`.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from functools import partial
from time import monotonic, thread_time
from typing import Any, Self, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from openai import APIConnectionError, BadRequestError
from pydantic import model_validator

from domain.clean_text import clean
from models.errors import MalformedReply, TimedOut
from models.provider.error_text import unquoted
from models.provider.plain_completions import PlainCompletions
from models.provider.reply_text import (
    INSTEAD,
    REASONING,
    WRITTEN_CALL,
    is_call,
    is_plain,
    read_call,
    shown,
    shown_plain,
)
from models.provider.spoken_text import thoughts

LONGEST = 400_000
"""Characters of one answer, some 100,000 tokens: more is a server that knows no end."""
_SHORT = 2_000
"""Characters up to which an answer is looked through at each of its parts."""
_PAUSE = 20
"""Times that a look took, after which the next one is taken at a longer answer: looking then costs
a twentieth of the time in which the answer comes, and does not grow with its square."""
_WHOLE = "whole"
"""Marks a part of a stream that holds a whole message."""
_AFTER_END = 2.0
"""Seconds for what may follow the end of an answer: what it cost, and the end of the connection."""


class EndpointChat(ChatOpenAI):
    """`ChatOpenAI` for whatever server may be there."""

    talks: bool = True
    """Whether its replies are for people: then they are freed of what is no part of them."""
    legacy_max_tokens: bool = False
    """Whether a reply's bound is sent by its old name, the only one that many servers know."""
    patience: float = 60.0
    """Seconds that a server may stay silent between two parts of its answer."""
    slow: bool = False
    """Whether its first part may take no longer than that either, with all retries: a server of
    one's own that is too slow is no faster when it is asked again."""

    thinks_first: bool = False
    """Whether it turned out to think aloud from its first word on, and to mark the end alone."""

    streams: bool = True
    """Whether it is asked for streams, unless a question says otherwise."""

    @model_validator(mode="after")
    def _stream_plainly(self) -> Self:
        self.async_client = PlainCompletions(self.root_async_client)
        return self

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            async for chunk in self._read(*args, **kwargs):
                yield chunk
        except BadRequestError as error:
            said = unquoted(str(error), args[0])
            if not self.legacy_max_tokens or "max_completion_tokens" not in said:
                raise
            self.legacy_max_tokens = False
            async for chunk in self._read(*args, **kwargs):
                yield chunk

    async def _whole(
        self, *args: Any, stream_usage: bool | None = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Yield an answer that is not streamed, as the one part of it."""
        generation = (await self._agenerate(*args, **kwargs)).generations[0]
        answer = cast(AIMessage, generation.message)
        refusal = answer.additional_kwargs.get("refusal")
        calls = [
            tool_call_chunk(name=c["name"], args=json.dumps(c["args"]), id=c["id"], index=number)
            for number, c in enumerate(answer.tool_calls)
        ]
        whole = AIMessageChunk(
            content=_said(answer.content)[0],
            additional_kwargs={"refusal": refusal} if refusal else {},
            response_metadata=answer.response_metadata,
            usage_metadata=answer.usage_metadata,
            tool_call_chunks=calls,
        )
        yield ChatGenerationChunk(message=whole, generation_info=generation.generation_info)

    async def _read(
        self, *args: Any, streams: bool | None = None, written_calls: bool = True, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Yield an answer with its text as it may be shown."""
        raw, seen, thought = "", "", ""
        look_at = partial(self._seen, offered="tools" in kwargs, calls=written_calls)
        usage: UsageMetadata | None = None
        cut: dict[str, Any] = {}
        called, look, plain = False, 0.0, self.talks and not self.thinks_first
        streams = self.streams if streams is None else streams
        parts = super()._astream if streams else self._whole
        async for chunk in self._patiently(parts(*args, **kwargs)):
            message = cast(AIMessageChunk, chunk.message)
            # Servers that report with each part report the sum so far.
            usage, message.usage_metadata = message.usage_metadata or usage, None
            if message.additional_kwargs.pop(_WHOLE, False) and message.content in (raw, ""):
                chunk = _with(chunk, "", "")  # All that came, once more.
                message = cast(AIMessageChunk, chunk.message)
                message.tool_call_chunks = [] if called else message.tool_call_chunks
            called = called or bool(message.tool_call_chunks)
            if isinstance(message.content, str) and message.content:
                raw = (raw + message.content)[:LONGEST]
                said, aloud = "", ""
                plain = plain and is_plain(raw, len(message.content))
                if plain:
                    said = shown_plain(raw)[len(seen) :]
                    seen += said
                elif len(raw) <= _SHORT or monotonic() >= look:
                    began = thread_time()
                    now, all_aloud = look_at(raw, final=False)
                    said = now[len(seen) :] if now.startswith(seen) else ""
                    aloud, thought = all_aloud[len(thought) :], all_aloud
                    seen += said
                    look = monotonic() + _PAUSE * (thread_time() - began)
                if aloud or said != message.content:
                    chunk = _with(chunk, said, aloud)
            yield chunk
            if len(raw) == LONGEST:
                cut = {"finish_reason": "length"}
                break
        last, all_aloud = look_at(raw, final=True)
        rest = last[len(seen) :] if last.startswith(seen) else ""
        called = self.talks and written_calls and is_call(raw, offered="tools" in kwargs)
        marks = {WRITTEN_CALL: read_call(raw) or ""} if called else {}
        if not last.startswith(seen) and not marks:
            self.thinks_first, marks = True, {INSTEAD: last}
        elif last and not all_aloud:
            self.thinks_first = False
        if aloud := all_aloud[len(thought) :]:
            marks[REASONING] = aloud
        if rest or marks or usage or cut:
            end = AIMessageChunk(content=rest, additional_kwargs=marks, usage_metadata=usage)
            yield ChatGenerationChunk(message=end, text=rest, generation_info=cut or None)

    def _seen(self, raw: str, *, final: bool, **how: bool) -> tuple[str, str]:
        """Return what of a reply can be shown already, or at its end, and what is thought aloud."""
        if not self.talks:
            return clean(raw if final else raw[: _whole(raw)]), ""
        aloud = thoughts(raw)
        waits = self.thinks_first and not final and not aloud
        return "" if waits else shown(raw, final=final, **how), aloud

    async def _patiently(
        self, chunks: AsyncIterator[ChatGenerationChunk]
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Yield the parts of an answer, and wait for none too long.

        The library's own bound (`stream_chunk_timeout`) loses a cancellation that comes with a
        part, on Python 3.11: so does `asyncio.wait_for` there.

        Raises:
            TimedOut: If the server stayed silent.
        """
        left = self.patience if self.slow else None
        ended = went_on = False
        while True:
            asked = monotonic()
            try:
                async with asyncio.timeout(left):
                    chunk = await anext(chunks)
            except (StopAsyncIteration, TimeoutError, APIConnectionError) as error:
                if ended or isinstance(error, StopAsyncIteration):
                    return
                if isinstance(error, APIConnectionError):
                    raise
                raise TimedOut(
                    f"The model server did not answer within {self.patience:g} s; your message is "
                    "kept, send it again or try later."
                ) from error
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                # How the library stumbles over JSON of another form; its own error is a dict.
                if error.args and isinstance(error.args[0], dict):
                    raise
                raise MalformedReply(
                    "The model server's answer is not in the form that was asked for."
                ) from error
            says = _says_something(chunk) or left is None
            left = self.patience if says else max(0.0, (left or 0.0) - (monotonic() - asked))
            # Some servers name the end in each part.
            went_on = went_on or (ended and _says_something(chunk))
            ended = not went_on and (
                ended or bool((chunk.generation_info or {}).get("finish_reason"))
            )
            yield chunk
            left = min(left, _AFTER_END) if ended else left

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], *args: Any
    ) -> ChatGenerationChunk | None:
        """Keep what the library leaves out: what was thought aloud, and a refusal.

        Raises:
            ValueError: If it is an error, as the library raises those that it knows.
        """
        if chunk.get("object") == "error":
            raise ValueError(chunk)
        choices = chunk.get("choices") or [{}]
        whole = not choices[0].get("delta") and choices[0].get("message")
        delta = choices[0].get("delta") or whole or {}
        delta["role"] = "assistant"  # Whatever else a server calls it.
        if isinstance(delta.get("function_call"), dict):  # The name before `tool_calls`.
            made = delta.pop("function_call")
            if made.get("name") or made.get("arguments"):
                asked = {"index": 0, "id": "0", "function": made}
                delta["tool_calls"] = delta.get("tool_calls") or [asked]
        for number, call in enumerate(delta.get("tool_calls") or ()):
            if isinstance(call, dict):
                if call.get("index") is None:
                    call["index"] = number  # Calls of a whole answer have none.
                made = call.setdefault("function", None)  # Without one, it cannot be read.
                if isinstance(made, dict) and isinstance(made.get("arguments"), dict):
                    made["arguments"] = json.dumps(made["arguments"])
        if isinstance(delta.get("content"), list | dict):
            delta["content"], aloud = _said(delta["content"])
            delta[REASONING] = delta.get(REASONING) or aloud
        choices[0]["delta"] = delta
        if not _counts(chunk.get("usage")):
            chunk = {name: value for name, value in chunk.items() if name != "usage"}
        converted = super()._convert_chunk_to_generation_chunk(chunk, *args)
        thought = delta.get(REASONING) or delta.get("reasoning")
        more = {REASONING: thought, "refusal": delta.get("refusal")}
        if converted is not None:
            said = {name: text for name, text in more.items() if isinstance(text, str) and text}
            converted.message.additional_kwargs.update(said, **{_WHOLE: True} if whole else {})
        return converted

    def _get_request_payload(
        self, input_: LanguageModelInput, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(input_, stop=stop, **kwargs)
        if self.legacy_max_tokens and "max_completion_tokens" in payload:
            payload["max_tokens"] = payload.pop("max_completion_tokens")
        return payload


def _said(content: Any) -> tuple[str, str]:
    """Return what blocks of content say, and what is thought aloud in them."""
    said, aloud = "", ""
    for block in content if isinstance(content, list) else [content]:
        if isinstance(block, str):
            said += block
        elif isinstance(block, dict):
            thinks = re.search("think|reason", str(block.get("type")))
            inner = block.get("text") or block.get("thinking") or block.get("content")
            text = inner if isinstance(inner, str) else "".join(_said(inner or []))
            said, aloud = (said, aloud + text) if thinks else (said + text, aloud)
    return said, aloud


def _counts(usage: object) -> bool:
    """Return whether a report of usage is one."""
    wanted = ("prompt_tokens", "completion_tokens")
    return isinstance(usage, dict) and all(
        isinstance(usage.get(name), int)
        and usage[name] >= 0
        and isinstance(usage.get(f"{name}_details") or {}, dict)
        for name in wanted
    )


def _says_something(chunk: ChatGenerationChunk) -> bool:
    """Return whether a part of an answer holds a part of it, rather than nothing."""
    message = cast(AIMessageChunk, chunk.message)
    more = message.additional_kwargs or message.tool_call_chunks or chunk.generation_info
    return bool(message.content or more)


def _whole(raw: str) -> int:
    """Return where a text ends in a whole character."""
    return len(raw) - 1 if "\ud800" <= raw[-1] <= "\udbff" else len(raw)


def _with(chunk: ChatGenerationChunk, text: str, thought: str) -> ChatGenerationChunk:
    """Return a chunk with other text, and with what was thought aloud beside it."""
    more = {**chunk.message.additional_kwargs, **({REASONING: thought} if thought else {})}
    message = chunk.message.model_copy(update={"content": text, "additional_kwargs": more})
    return ChatGenerationChunk(message=message, generation_info=chunk.generation_info)
