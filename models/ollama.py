"""Finding an Ollama on this machine, to tell its user how to switch to it. Nothing is changed."""

from typing import Any

import httpx

ADDRESS = "http://127.0.0.1:11434"


async def find_ollama(timeout: float = 0.3, address: str = ADDRESS) -> str | None:
    """Return the one line that starts a chat with a model that Ollama has here; else None.

    Args:
        timeout: Seconds to wait: this is asked in passing, at the start of a chat.
        address: Where Ollama would be.
    """
    try:
        # Past any proxy: this machine is meant.
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
            answer = await client.get(f"{address}/api/tags")
            answer.raise_for_status()
            listed = answer.json()
    except (httpx.HTTPError, ValueError):
        return None
    models = listed.get("models") if isinstance(listed, dict) else None
    for model in models or ():
        if isinstance(model, dict) and (name := model.get("name")) and not _embeds(model):
            return f"OPENAI_BASE_URL={address}/v1 MNEMO_CHAT_MODEL={name} mnemo chat"
    return None


def _embeds(model: dict[str, Any]) -> bool:
    """Return whether a model makes embeddings rather than talk."""
    family = str((model.get("details") or {}).get("family") or "")
    return "embed" in str(model.get("name")).casefold() or "bert" in family.casefold()
