"""Finding an Ollama on this machine, and how much of a prompt it reads. Nothing is changed."""

import re
from typing import Any

import httpx

ADDRESS = "http://127.0.0.1:11434"
_SECONDS = 2.0
"""How long it may take to say how much it reads."""
USUAL_WINDOW = 4_096
"""What an Ollama reads where neither the model nor a loaded copy of it says anything else."""


async def find_ollama(timeout: float = 0.3, address: str = ADDRESS) -> str | None:
    """Return the one line that starts a chat with a model that Ollama has here; else None."""
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


async def read_window(endpoint: str, model: str) -> int | None:
    """Return how many tokens an Ollama reads with a model; None where no Ollama answers."""
    address = endpoint.rstrip("/").removesuffix("/v1")
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            answer = await client.post(f"{address}/api/show", json={"model": model})
            answer.raise_for_status()
            shown = answer.json()
            loaded = (await client.get(f"{address}/api/ps")).json()
    except (httpx.HTTPError, ValueError):
        return None
    if not isinstance(shown, dict) or "model_info" not in shown:
        return None
    for running in loaded.get("models") or () if isinstance(loaded, dict) else ():
        if running.get("name") == model and isinstance(running.get("context_length"), int):
            return int(running["context_length"])
    written = re.search(r"num_ctx\s+(\d+)", str(shown.get("parameters")))
    return int(written[1]) if written else USUAL_WINDOW


def _embeds(model: dict[str, Any]) -> bool:
    """Return whether a model makes embeddings rather than talk."""
    family = str((model.get("details") or {}).get("family") or "")
    return "embed" in str(model.get("name")).casefold() or "bert" in family.casefold()
