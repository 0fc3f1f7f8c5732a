"""Opening all models that the settings name, once for a process. Nothing here calls one."""

import asyncio
from dataclasses import dataclass, field

from langchain_core.language_models import BaseChatModel

from models.chat import chat_model_name, open_chat_model
from models.embeddings.open import EmbeddingModel, open_embeddings
from models.memory.protocol import MemoryModel
from models.offline.chat import OFFLINE
from models.offline.memory import OfflineMemory
from models.provider.endpoint import close_client, memory_calls
from models.provider.learned import Learned
from models.tokens import TokenCounter, open_counter
from settings import Settings


@dataclass(frozen=True)
class Models:
    """The models of one process. Whoever opens them closes them."""

    chat: BaseChatModel
    """Writes the replies."""
    memory: MemoryModel
    """Writes summaries and draws facts."""
    extractive: MemoryModel
    """Does the same without a language model: for the tier and the times without one."""
    embeddings: EmbeddingModel
    tokens: TokenCounter
    """Counts for the chat model; every budget is in its tokens."""
    chat_name: str
    """As the user wrote it in the settings, the default's name, or "offline"."""
    memory_name: str
    offline: bool
    """True where no language model writes the replies."""
    learned: Learned = field(default_factory=Learned)
    """What this process has learned of the chat model."""

    async def aclose(self) -> None:
        """Close the connections that the models hold."""
        await close_client(self.chat)
        await close_client(getattr(self.memory, "model", None))
        await self.embeddings.aclose()


async def open_models(settings: Settings) -> Models:
    """Return the models of the settings, loaded in a thread.

    Raises:
        ModelSettingsError: If one cannot be opened; the text says which setting to change.
    """
    chat_name, memory_name = chat_model_name(settings), chat_model_name(settings, "memory")
    tokens = await asyncio.to_thread(open_counter, chat_name)
    extractive = OfflineMemory(tokens)
    chat = await asyncio.to_thread(open_chat_model, settings)
    memory: MemoryModel = extractive
    learned = Learned(chat_name, settings.context_window)
    if memory_name != OFFLINE:
        from models.memory.llm import LanguageMemory  # with a model server's client

        model = await asyncio.to_thread(open_chat_model, settings, "memory")
        alike = memory_name == chat_name
        about = learned if alike else Learned(memory_name, settings.context_window)
        memory = LanguageMemory(
            model, memory_name, tokens, learned=about, concurrency=memory_calls(settings)
        )
    return Models(
        chat=chat,
        memory=memory,
        extractive=extractive,
        embeddings=await open_embeddings(settings),
        tokens=tokens,
        chat_name=chat_name,
        memory_name=memory_name,
        offline=chat_name == OFFLINE,
        learned=learned,
    )
