"""Which chat model the settings mean, and opening it.

Names follow LangChain's convention; a bare name is a model of the OpenAI-compatible endpoint.
"""

import re
from typing import TYPE_CHECKING, Literal

from langchain_core.language_models import BaseChatModel

from models.embeddings.local import WordLlamaEmbeddings
from models.embeddings.open import BUILT_IN
from models.errors import ModelSettingsError
from models.offline.chat import OFFLINE, OfflineChatModel
from models.provider.endpoint import endpoint, is_near, is_openai, key
from models.provider.opening import opening
from settings import Settings

if TYPE_CHECKING:
    from models.provider.endpoint_chat import (
        EndpointChat,  # a second to import: only where one is opened
    )

Part = Literal["chat", "memory"]
"""What a model is for: replies, or summaries, facts and scores."""

DEFAULT_CHAT_MODEL = "gpt-6-luna"
"""OpenAI's small model of autumn 2026, used where a key is set and no model is named."""

PROVIDERS = re.compile(
    "anthropic(_bedrock)?|azure_(ai|openai)|baseten|bedrock(_converse)?|bedrock_mantle_anthropic"
    "|bedrock_mantle_openai|cohere|deepseek|fireworks|google_(anthropic_vertex|genai|vertexai)"
    "|groq|huggingface|ibm|langsmith|litellm|meta|mistralai|nvidia|ollama|openai|openrouter"
    "|perplexity|together|upstage|xai"
)
"""LangChain's names of providers. Anything else before a colon belongs to a model's name, such as
`llama3.2:3b` of Ollama or `ft:gpt-4.1:me` of OpenAI."""


def chat_model_name(settings: Settings, part: Part = "chat") -> str:
    """Return the name of the model for a part: as set, or what stands in where nothing is.

    Raises:
        ModelSettingsError: If an endpoint of one's own is set, but not which model to use there.
    """
    if part == "memory" and settings.memory_model:
        return settings.memory_model
    if settings.chat_model:
        return settings.chat_model
    if settings.offline:
        return OFFLINE
    if is_openai(settings):
        return DEFAULT_CHAT_MODEL
    raise ModelSettingsError(
        f"OPENAI_BASE_URL is set to {settings.openai_base_url}, but not which model to use there: "
        "set MNEMO_CHAT_MODEL to its name."
    )


def open_chat_model(settings: Settings, part: Part = "chat") -> BaseChatModel:
    """Return the chat model for a part. It blocks for a moment: call it in a thread.

    Raises:
        ModelSettingsError: If the settings name none, or one that cannot be opened.
    """
    name = chat_model_name(settings, part)
    variable = f"MNEMO_{'MEMORY' if part == 'memory' and settings.memory_model else 'CHAT'}_MODEL"
    return open_named(settings, name, variable, part)


def open_named(settings: Settings, name: str, variable: str, part: Part = "chat") -> BaseChatModel:
    """Return the model of a name. It blocks for a moment: call it in a thread.

    Args:
        settings: The settings.
        name: As people write it: `provider:model`, or a bare name.
        variable: What names it, as an error says.
        part: What it is for.

    Raises:
        ModelSettingsError: If it cannot be opened.
    """
    if name == OFFLINE:
        return OfflineChatModel.open(BUILT_IN.get(settings.embeddings, WordLlamaEmbeddings)())
    provider, colon, bare = name.partition(":")
    if colon and provider == "openai":
        return _open_openai(settings, bare, variable, part)
    if colon and PROVIDERS.fullmatch(provider):
        return _open_provider(settings, name, variable)
    return _open_openai(settings, name, variable, part)


def _open_provider(settings: Settings, name: str, variable: str) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    with opening(f"{variable}={name}"):
        return init_chat_model(
            name, timeout=settings.model_timeout, max_retries=settings.model_retries
        )


def _open_openai(settings: Settings, name: str, variable: str, part: Part) -> "EndpointChat":
    from models.provider.endpoint_chat import EndpointChat
    from models.provider.openai_client import open_client

    model = EndpointChat(
        model=name,
        api_key=key(settings, variable),
        base_url=endpoint(settings),
        timeout=settings.model_timeout,
        max_retries=settings.model_retries,
        stream_usage=True,  # not the default for an endpoint that is given explicitly
        stream_chunk_timeout=None,  # `patience` instead
        patience=settings.model_timeout,
        slow=is_near(settings),
        http_async_client=open_client(settings.model_timeout),
        talks=part == "chat",
        legacy_max_tokens=not is_openai(settings),
    )
    levels = (model.profile or {}).get("reasoning_effort_levels") or ()
    if is_openai(settings) and "none" in levels and model.use_responses_api is None:
        # Thinking would eat the tokens reserved for the reply, and without it these models take
        # function tools on the same endpoint as everybody else's.
        model.reasoning_effort = "none"
        model.use_responses_api = False
    return model
