"""The OpenAI-compatible endpoint of the settings: its address and its key. Nothing here asks it."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

from models.errors import ModelSettingsError
from settings import Settings

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


def is_near(settings: Settings) -> bool:
    """Return whether the endpoint is a server of one's own: on this machine or network."""
    host = urlsplit(endpoint(settings)).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".localhost"))


def memory_calls(settings: Settings) -> int | None:
    """Return how many calls for memory work may run at once; None for any number.

    A server of one's own mostly answers one call after the other, and a reply waits with them.
    """
    return settings.model_concurrency or (1 if is_near(settings) else None)


async def close_client(model: object) -> None:
    """Close the connections of a model that was given a client of ours; others have none."""
    client = getattr(model, "http_async_client", None)
    if client is not None:
        await client.aclose()
