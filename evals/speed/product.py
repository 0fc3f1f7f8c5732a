"""The product's chat graph with scripted models, on the stores that a benchmark gives it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from langchain_core.messages import HumanMessage

from evals.speed.scripted_model import ScriptedModel
from graph.chat import build
from graph.parts import open_parts
from models.memory.llm import LanguageMemory
from nodes.state import ChatContext, Parts
from settings import Settings


class Product:
    """One process of the product."""

    def __init__(self, parts: Parts) -> None:
        """Replace the models of opened parts."""
        self.model = ScriptedModel()
        memory = LanguageMemory(self.model, "scripted", parts.models.tokens)
        chat = replace(parts.models.chat, model=self.model)
        models = replace(parts.models, chat=chat, memory=memory)
        self.parts = replace(parts, models=models)
        self._graph = build(self.parts).compile(checkpointer=parts.stores.checkpointer)

    async def turn(self, owner: str, text: str, thread: str | None = None) -> dict[str, Any]:
        """Run a turn on the owner's one thread, or on another one; return what it left."""
        on: Any = {"configurable": {"thread_id": f"{thread or owner}"}}
        said: Any = {"messages": [HumanMessage(text, id=uuid4().hex)]}
        context = ChatContext(user_id=owner)
        return dict(await self._graph.ainvoke(said, on, context=context, durability="exit"))

    async def rest(self) -> None:
        """Wait for folding and extraction."""
        await self.parts.stores.background.finish(60)


@asynccontextmanager
async def open_product(**chosen: Any) -> AsyncIterator[Product]:
    """Open the product with settings of its own; the environment's are not read."""
    usual = {"chat_model": "offline", "embeddings": "wordllama"}
    async with open_parts(Settings(_env_file=None, **(usual | chosen))) as parts:
        yield Product(parts)
