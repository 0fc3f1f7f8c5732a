"""Opens the stores that the settings name, as one, and closes them in the right order.

Each kind of store is imported where it is opened: a command starts sooner without the others.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langgraph.store.base import BaseStore

from domain.owner import Owner
from domain.rows import Memory, key_of
from models.embeddings.open import EmbeddingModel, open_embeddings
from models.tokens import TokenCounter, open_counter
from settings import Settings
from stores.background import BackgroundWork
from stores.errors import GenerationMoved, StoreMismatch
from stores.journal.installation_key import installation_key
from stores.journal.journal import Journal
from stores.long_term import open_long_term
from stores.memories import Memories
from stores.recall.analyses import PassageAnalyses
from stores.recall.recall import Recall
from stores.self_pruning import PruningOptions
from stores.summaries import LocalCache, Summaries, SummaryCache

if TYPE_CHECKING:
    from stores.redis.checkpoints import RedisCheckpoints
    from stores.sqlite.checkpoints import SqliteCheckpoints


@dataclass(frozen=True)
class Stores:
    """The open stores of one process."""

    checkpointer: "RedisCheckpoints | SqliteCheckpoints"
    journal: Journal
    memories: Memories
    summaries: Summaries
    recall: Recall
    long_term: BaseStore
    """What `memories` lies in."""
    background: BackgroundWork
    """Folding and extraction under way in the background of this process."""
    key: bytes
    """Secret behind the delimiters of memory blocks and the digests of stamps."""

    async def write(self, owner: Owner, generation: str | None, *records: Memory) -> None:
        """Write records to long-term memory. Where the caller is cancelled, the write ends first.

        What was drawn from an owner who was reset meanwhile is not written. A store that was asked
        to write does so, whoever still waits for it: a reset that follows on a cancelled run must
        find all of it, and one that went before must not be written after.

        Raises:
            GenerationMoved: If the owner was reset meanwhile.
            StoreUnavailable: If the store does not answer.
            ModelError: If the texts cannot be embedded.
        """
        if (await self.journal.read(owner)).generation != generation:
            raise GenerationMoved
        writing = asyncio.create_task(self.memories.put(owner, generation, *records))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            if (await self.journal.read(owner)).generation != generation:
                await self.memories.clear(owner, generation)
            raise

    async def write_and_tell(self, owner: Owner, generation: str | None, *records: Memory) -> None:
        """Write records as `write` does, and tell every process which.

        Raises:
            GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
            StoreUnavailable: If a store does not answer.
            ModelError: If the texts cannot be embedded.
        """
        async with self.cleared_if_reset(owner, generation):
            await self.write(owner, generation, *records)
            await self.journal.rows_changed(owner, generation, [*map(key_of, records)])

    @asynccontextmanager
    async def cleared_if_reset(self, owner: Owner, generation: str | None) -> AsyncIterator[None]:
        """Leave nothing of what was written inside where the owner was reset meanwhile."""
        try:
            yield
        except GenerationMoved:
            await self.memories.clear(owner, generation)
            raise


@asynccontextmanager
async def open_stores(
    settings: Settings,
    embedding: EmbeddingModel | None = None,
    tokens: TokenCounter | None = None,
) -> AsyncIterator[Stores]:
    """Open checkpoints, journal and long-term memory as the settings say.

    Args:
        settings: Which stores, where, and their limits.
        embedding: The model of the vectors; opened from the settings where not given, and
            loaded when it is first needed.
        tokens: The counter of recalled text; likewise.

    Raises:
        StoreUnavailable: If a store does not answer, in one sentence saying what to start.
        StoreMismatch: If a store was made with other settings.
    """
    async with AsyncExitStack() as stack:
        tokens = tokens or open_counter(settings.chat_model or "", load=False)
        journal, cache = await _short_term(settings, stack)
        saver = await open_checkpointer(settings, journal, stack)
        if embedding is None:
            settings, embedding, store = await _long_term(settings, stack)
        else:
            store = await stack.enter_async_context(open_long_term(settings, embedding))
        memories = Memories(store, PassageAnalyses(embedding, tokens).pack)
        data_dir = settings.data_dir if settings.redis_url is None else None
        key = await installation_key(journal.backend, data_dir)
        background = BackgroundWork()
        stack.push_async_callback(background.finish, settings.model_timeout)
        yield Stores(
            checkpointer=saver,
            journal=journal,
            memories=memories,
            summaries=Summaries(memories, cache),
            recall=Recall(memories, embedding, tokens, settings),
            long_term=store,
            background=background,
            key=key,
        )


def going_on(settings: Settings, mismatch: StoreMismatch) -> Settings:
    """Return settings that name the model which a store was made with.

    Raises:
        StoreMismatch: If more differs, or the settings name a model themselves.
    """
    if mismatch.embeddings is None or "embeddings" in settings.model_fields_set:
        raise mismatch
    return settings.model_copy(update={"embeddings": mismatch.embeddings})


async def _long_term(
    settings: Settings, stack: AsyncExitStack
) -> tuple[Settings, EmbeddingModel, BaseStore]:
    """Open long-term memory with the embeddings of the settings, or those it was made with."""
    embedding = await open_embeddings(settings, load=False)
    stack.push_async_callback(embedding.aclose)
    try:
        store = await stack.enter_async_context(open_long_term(settings, embedding))
        return settings, embedding, store
    except StoreMismatch as mismatch:
        settings = going_on(settings, mismatch)
    embedding = await open_embeddings(settings, load=False)
    stack.push_async_callback(embedding.aclose)
    return settings, embedding, await stack.enter_async_context(open_long_term(settings, embedding))


async def _short_term(settings: Settings, stack: AsyncExitStack) -> tuple[Journal, SummaryCache]:
    if settings.redis_url is None:
        from stores.sqlite.journal import open_sqlite_journal

        path = settings.data_dir / "journal.sqlite"
        opening = open_sqlite_journal(path, settings.store_timeout)
        return await stack.enter_async_context(opening), LocalCache()
    from stores.redis.connection import connect
    from stores.redis.journal import open_redis_journal
    from stores.redis.summary_cache import RedisCache

    url = settings.redis_url.get_secret_value()
    client = await stack.enter_async_context(connect(url, settings.store_timeout))
    journal = await stack.enter_async_context(open_redis_journal(client, settings.journal_ttl))
    return journal, RedisCache(client, settings.cache_ttl)


async def open_checkpointer(
    settings: Settings, journal: Journal | None, stack: AsyncExitStack
) -> "RedisCheckpoints | SqliteCheckpoints":
    """Open the thread checkpoints that the settings name, until `stack` ends.

    Raises:
        StoreUnavailable: If they cannot be opened.
    """
    pruning: PruningOptions = {
        "refs": journal.refs if journal else None,
        "keep_turns": settings.checkpoint_turns,
        "thin": True,
    }
    seconds, life = settings.store_timeout, settings.checkpoint_ttl
    if settings.redis_url is None:
        from stores.sqlite.checkpoints import SqliteCheckpoints

        path = settings.data_dir / "checkpoints.sqlite"
        embedded = SqliteCheckpoints.open(path, seconds=seconds, **pruning)
        return await stack.enter_async_context(embedded)
    from stores.redis.checkpoints import RedisCheckpoints

    url = settings.redis_url.get_secret_value()
    minutes = int(life.total_seconds() // 60) if life else None
    served = RedisCheckpoints.open(url, ttl_minutes=minutes, seconds=seconds, **pruning)
    return await stack.enter_async_context(served)
