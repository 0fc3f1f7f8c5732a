"""The HTTP client that OpenAI-compatible models are given.

Two things are different from the SDK's own client: it does not try again where that is in vain, and
it reads streams of every kind of server.
"""

from typing import TYPE_CHECKING

from openai import DefaultAsyncHttpxClient

from models.provider.event_stream import events

if TYPE_CHECKING:
    import httpx2  # what the openai SDK is built on


def open_client(patience: float) -> DefaultAsyncHttpxClient:
    """Return the HTTP client for one model; whoever opens it closes it with `aclose`.

    Args:
        patience: Seconds for one answer; a server that asks for a longer wait is not waited for.
    """

    async def stop_vain_retries(response: "httpx2.Response") -> None:
        # The SDK would retry each 429, also for an empty account, and wait up to two minutes.
        if response.status_code == 429:
            body = await response.aread()
            if b"insufficient_quota" in body or _wait(response) > patience:
                response.headers["x-should-retry"] = "false"

    async def read_any_stream(response: "httpx2.Response") -> None:
        if response.status_code == 200 and b'"stream":true' in response.request.content:
            written = response.aiter_bytes
            setattr(response, "aiter_bytes", lambda: events(written()))  # noqa: B010  # for its one reader, past the type of a method

    hooks = [stop_vain_retries, read_any_stream]
    return DefaultAsyncHttpxClient(timeout=patience, event_hooks={"response": hooks})


def _wait(response: "httpx2.Response") -> float:
    try:
        return float(response.headers.get("retry-after", 0))
    except ValueError:  # a date: rare, and the SDK reads it
        return 0.0
