"""The HTTP client that OpenAI-compatible models are given, and what they are told of an endpoint.

One thing is different from the SDK's own client: it does not try again where that is in vain.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from openai import DefaultAsyncHttpxClient
from pydantic import SecretStr

from models.errors import ModelSettingsError
from settings import Settings

if TYPE_CHECKING:
    import httpx2  # what the openai SDK is built on

OPENAI_URL = "https://api.openai.com/v1"
"""The endpoint where none is set: given explicitly, so that only the settings decide."""

_NO_KEY = SecretStr("none-needed")
"""Sent to servers of one's own (Ollama, vLLM), which ask for no key while the SDK does."""


def endpoint(settings: Settings) -> str:
    """Return the address of the OpenAI-compatible endpoint."""
    return settings.openai_base_url or OPENAI_URL


def is_openai(settings: Settings) -> bool:
    """Return whether that endpoint is OpenAI's own."""
    host = urlsplit(endpoint(settings)).hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")


def key(settings: Settings, wanted_by: str) -> SecretStr:
    """Return the key to send; any will do for an endpoint of one's own.

    Args:
        settings: The settings.
        wanted_by: The setting that asks for a model there, as an error names it.

    Raises:
        ModelSettingsError: If OpenAI's own endpoint is to be used without a key.
    """
    if settings.openai_api_key and settings.openai_api_key.get_secret_value():
        return settings.openai_api_key
    if is_openai(settings):
        raise ModelSettingsError(
            f"{wanted_by} asks for a model of OpenAI, but OPENAI_API_KEY is not set: set it, or "
            "set OPENAI_BASE_URL to a server of your own."
        )
    return _NO_KEY


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

    return DefaultAsyncHttpxClient(timeout=patience, event_hooks={"response": [stop_vain_retries]})


async def close_client(model: object) -> None:
    """Close the connections of a model that was given a client of ours; others have none."""
    client = getattr(model, "http_async_client", None)
    if isinstance(client, DefaultAsyncHttpxClient):
        await client.aclose()


def _wait(response: "httpx2.Response") -> float:
    try:
        return float(response.headers.get("retry-after", 0))
    except ValueError:  # a date: rare, and the SDK reads it
        return 0.0
