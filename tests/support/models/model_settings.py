"""Settings for tests of models: what is not given is unset, whatever the environment says."""

from typing import Any

from settings import Settings
from tests.support.servers.openai_server import OpenAIServer


def settings(server: OpenAIServer | None = None, **values: Any) -> Settings:
    """Return settings; with a server, those of its endpoint, impatient and without retries."""
    unset = {
        "_env_file": None,
        "openai_api_key": None,
        "openai_base_url": None,
        "chat_model": None,
        "memory_model": None,
        "embeddings": "use-multilingual",
    }
    served: dict[str, Any] = {}
    if server is not None:
        served = {
            "openai_base_url": f"{server.url}/v1",
            "chat_model": "test-model",
            "model_timeout": 2.0,
            "model_retries": 0,
        }
    return Settings(**{**unset, **served, **values})
