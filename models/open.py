"""Opening all models that the settings name, once for a process. Nothing here calls one."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from langchain_core.language_models import BaseChatModel

from models.chat import chat_model_name, open_chat_model, open_named
from models.embeddings.open import EmbeddingModel, open_embeddings
from models.memory.protocol import MemoryModel
from models.offline.chat import OFFLINE
from models.offline.memory import OfflineMemory
from models.provider.endpoint import close_client, memory_calls
from models.provider.learned import Learned
from models.tokens import TokenCounter, open_counter
from settings import Settings


@dataclass(frozen=True)
class ChatModel:
    """A model that writes replies."""

    model: BaseChatModel
    name: str
    """As the user wrote it, the default's name, or "offline"."""
    learned: Learned
    """What this process has learned of it."""

    @property
    def offline(self) -> bool:
        """Whether it is no language model."""
        return self.name == OFFLINE


@dataclass(frozen=True)
class Models:
    """The models of one process. Whoever opens them closes them."""

    chat: ChatModel
    """Writes the replies of whoever has no model of their own."""
    memory: MemoryModel
    """Writes summaries and draws facts."""
    extractive: MemoryModel
    """Does the same without a language model: for the tier and the times without one."""
    embeddings: EmbeddingModel
    tokens: TokenCounter
    """Counts for `chat`; every budget is in its tokens."""
    memory_name: str
    characters: Mapping[str, ChatModel] = field(default_factory=lambda: MappingProxyType({}))
    """The models of the characters that have one of their own, by the character's id."""

    def of(self, character_id: str) -> ChatModel:
        """Return the model that replies as a character."""
        return self.characters.get(character_id, self.chat)

    async def aclose(self) -> None:
        """Close the connections that the models hold."""
        for chat in {id(c): c for c in (self.chat, *self.characters.values())}.values():
            await close_client(chat.model)
        await close_client(getattr(self.memory, "model", None))
        await self.embeddings.aclose()


async def open_models(settings: Settings, *, load: bool = True) -> Models:
    """Return the models of the settings; built-in embeddings without `load` when first needed.

    Raises:
        ModelSettingsError: If one cannot be opened; the text says which setting to change.
    """
    chat_name, memory_name = chat_model_name(settings), chat_model_name(settings, "memory")
    tokens = await asyncio.to_thread(open_counter, chat_name)
    extractive = OfflineMemory(tokens)
    model = await asyncio.to_thread(open_chat_model, settings)
    chat = ChatModel(model, chat_name, Learned(chat_name, settings.context_window))
    by_name = {chat_name: chat}
    for name, place in character_models(settings).items():
        if name not in by_name:
            model = await asyncio.to_thread(open_named, settings, name, place)
            by_name[name] = ChatModel(model, name, Learned(name, settings.context_window))
    memory: MemoryModel = extractive
    if memory_name != OFFLINE:
        from models.memory.llm import LanguageMemory  # with a model server's client

        model = await asyncio.to_thread(open_chat_model, settings, "memory")
        alike = by_name.get(memory_name)
        learned = alike.learned if alike else Learned(memory_name, settings.context_window)
        memory = LanguageMemory(
            model, memory_name, tokens, learned=learned, concurrency=memory_calls(settings)
        )
    return Models(
        chat=chat,
        memory=memory,
        extractive=extractive,
        embeddings=await open_embeddings(settings, load=load),
        tokens=tokens,
        memory_name=memory_name,
        characters={
            id: by_name[character.model]
            for id, character in settings.characters.items()
            if character.model
        },
    )


def character_models(settings: Settings) -> dict[str, str]:
    """Return the models that characters name, each with where the first of them does."""
    places: dict[str, str] = {}
    for id, character in settings.characters.items():
        if character.model:
            places.setdefault(character.model, f"{settings.characters_file}: {id}.model")
    return places
