"""Asking for a streamed chat completion in plain JSON, past what the SDK makes of it.

The SDK walks through the types of every message that it sends and of every part that comes, only to
hand on the dictionaries that there were before. That took a tenth of a millisecond each, those of
the messages before the model was asked. Its client sends and reads them as they are just as well.
"""

from typing import Any

from openai import AsyncOpenAI, AsyncStream
from openai.resources.chat.completions import AsyncCompletionsWithRawResponse


class PlainCompletions:
    """Stands in for `chat.completions` of a client, where `ChatOpenAI` streams."""

    def __init__(self, client: AsyncOpenAI) -> None:
        """Ask by `client`, with its address, its key and its retries."""
        self._client = client

    async def create(
        self, *, extra_body: dict[str, Any] | None = None, **body: Any
    ) -> AsyncStream[object]:
        """Return the parts of an answer, each a dictionary."""
        return await self._client.post(
            "/chat/completions",
            body={**body, **(extra_body or {})},
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )

    @property
    def with_raw_response(self) -> AsyncCompletionsWithRawResponse:
        """The SDK's own way, for an answer that is not streamed."""
        return self._client.chat.completions.with_raw_response
