"""The parts that graphs run on: stores and models, opened once a process.

The server takes its checkpointer and store from here, so that all of a process is one house.
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.store.base import BaseStore

from models.embeddings.open import open_embeddings
from models.open import open_models
from nodes.state import Parts
from settings import Settings
from stores.errors import StoreMismatch
from stores.open import going_on, open_stores


@asynccontextmanager
async def open_parts(settings: Settings, *, load: bool = True) -> AsyncIterator[Parts]:
    """Open models and stores as the settings say.

    Memories made with another embedding model go on with it where the settings name none. Built-in
    embeddings are loaded at once with `load`, else when they are first needed.

    Raises:
        StoreUnavailable: If a store does not answer, in one sentence saying what to start.
        StoreMismatch: If a store was made with other settings.
        ModelSettingsError: If a model cannot be opened with these settings.
    """
    async with AsyncExitStack() as stack:
        models = await open_models(settings, load=load)
        stack.push_async_callback(models.aclose)
        try:
            stores = await stack.enter_async_context(
                open_stores(settings, models.embeddings, models.tokens)
            )
        except StoreMismatch as mismatch:
            settings = going_on(settings, mismatch)
            models = replace(models, embeddings=await open_embeddings(settings, load=load))
            stack.push_async_callback(models.embeddings.aclose)
            stores = await stack.enter_async_context(
                open_stores(settings, models.embeddings, models.tokens)
            )
        yield Parts(settings, models, stores, now=lambda: datetime.now().astimezone())


class _Process:
    """The one set of parts of this process, opened when first needed."""

    def __init__(self) -> None:
        self._opening = asyncio.Lock()
        self._exit = AsyncExitStack()
        self._parts: Parts | None = None
        self._users = 0

    async def get(self) -> Parts:
        async with self._opening:
            if self._parts is None:
                settings = await asyncio.to_thread(Settings)
                self._parts = await self._exit.enter_async_context(open_parts(settings))
                # What is loaded by now stays: no collection need halt a turn to look through it.
                gc.freeze()
            return self._parts

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Parts]:
        """Hold the parts open; the last user closes them."""
        parts = await self.get()
        self._users += 1
        try:
            yield parts
        finally:
            self._users -= 1
            if self._users == 0:
                self._parts = None
                await self._exit.aclose()


_process = _Process()
process_parts = _process.get
"""Return the parts of this process, opening them first where nobody has."""
use_process_parts = _process.use
"""Hold the parts of this process open while in use."""


@asynccontextmanager
async def checkpointer() -> AsyncIterator[BaseCheckpointSaver[str]]:
    """Yield the checkpointer that the LangGraph server uses."""
    async with use_process_parts() as parts:
        yield parts.stores.checkpointer


@asynccontextmanager
async def store() -> AsyncIterator[BaseStore]:
    """Yield the store that the LangGraph server uses."""
    async with use_process_parts() as parts:
        yield parts.stores.long_term
