"""The chat model of an OpenAI-compatible endpoint, whose replies are cleaned while they stream.

Everything such a server writes passes here before anybody sees it; what decides is `reply_text`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI

from models.errors import TimedOut
from models.provider.reply_text import (
    INSTEAD,
    REASONING,
    WRITTEN_CALL,
    clean,
    is_call,
    read_call,
    shown,
    thoughts,
)


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

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        raw, seen, thought = "", "", ""
        async for chunk in self._patiently(super()._astream(*args, **kwargs)):
            message = chunk.message
            if isinstance(message.content, str) and message.content:
                raw += message.content
                now = self._seen(raw, final=False)
                said = now[len(seen) :] if now.startswith(seen) else ""
                seen += said
                chunk = _with(chunk, said, thoughts(raw)[len(thought) :] if self.talks else "")
                thought = thoughts(raw) if self.talks else ""
            yield chunk
        last = self._seen(raw, final=True)
        rest = last[len(seen) :] if last.startswith(seen) else ""
        marks = {WRITTEN_CALL: read_call(raw) or ""} if self.talks and is_call(raw) else {}
        if not last.startswith(seen) and not marks:
            self.thinks_first, marks = True, {INSTEAD: last}
        if rest or marks:
            yield ChatGenerationChunk(
                message=AIMessageChunk(content=rest, additional_kwargs=marks), text=rest
            )

    def _seen(self, raw: str, *, final: bool) -> str:
        """Return what of a reply can be shown already, or at its end."""
        if not self.talks:
            return clean(raw if final else raw[: _whole(raw)])
        waits = self.thinks_first and not final and not thoughts(raw)
        return "" if waits else shown(raw, final=final)

    async def _patiently(
        self, chunks: AsyncIterator[ChatGenerationChunk]
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Yield the parts of an answer, and wait for none too long.

        The library's own bound (`stream_chunk_timeout`) loses a cancellation that comes with a
        part, on Python 3.11: so does `asyncio.wait_for` there.

        Raises:
            TimedOut: If the server stayed silent.
        """
        seconds = self.patience if self.slow else None
        while True:
            try:
                async with asyncio.timeout(seconds):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise TimedOut(
                    f"The model server did not answer within {self.patience:g} s; your message is "
                    "kept, send it again or try later."
                ) from error
            seconds = self.patience
            yield chunk

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], *args: Any
    ) -> ChatGenerationChunk | None:
        """Keep what the library leaves out: what was thought aloud, and a refusal."""
        converted = super()._convert_chunk_to_generation_chunk(chunk, *args)
        choices = chunk.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        thought = delta.get(REASONING) or delta.get("reasoning")
        more = {REASONING: thought, "refusal": delta.get("refusal")}
        if converted is not None:
            said = {name: text for name, text in more.items() if isinstance(text, str) and text}
            converted.message.additional_kwargs.update(said)
        return converted

    def _get_request_payload(
        self, input_: LanguageModelInput, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(input_, stop=stop, **kwargs)
        if self.legacy_max_tokens and "max_completion_tokens" in payload:
            payload["max_tokens"] = payload.pop("max_completion_tokens")
        return payload


def _whole(raw: str) -> int:
    """Return where a text ends in a whole character."""
    return len(raw) - 1 if "\ud800" <= raw[-1] <= "\udbff" else len(raw)


def _with(chunk: ChatGenerationChunk, text: str, thought: str) -> ChatGenerationChunk:
    """Return a chunk with other text, and with what was thought aloud beside it."""
    more = {**chunk.message.additional_kwargs, **({REASONING: thought} if thought else {})}
    message = chunk.message.model_copy(update={"content": text, "additional_kwargs": more})
    return ChatGenerationChunk(message=message, generation_info=chunk.generation_info)
