"""Owners with something to remember: real stores, real embeddings, turns written in a line each."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from domain.folding import episode_id
from domain.journal import JournalView
from domain.owner import Owner, digest
from domain.recall.packing import render
from domain.records import Episode, Fact, Said, Turn
from domain.rows import key_of
from models.embeddings.open import EmbeddingModel, open_embeddings
from models.tokens import TokenCounter, open_counter
from settings import Settings
from stores.journal.journal import Journal
from stores.memories import Memories
from stores.recall.recall import Recall, Recollection
from stores.sqlite.journal import open_sqlite_journal
from tests.support.stores.every_store import PLACES, Store, opener_at

UNSET: dict[str, Any] = {"_env_file": None}
MAY = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


def turn(
    user: str,
    reply: str = "I see.",
    *,
    id: str | None = None,
    parent: Turn | str | None = None,
    thread: str = "t",
    at: datetime = MAY,
    name: str | None = None,
) -> Turn:
    """Return a turn of one message and one reply."""
    above = parent.id if isinstance(parent, Turn) else parent
    return Turn(
        id=id or digest(f"{user}/{reply}/{above}/{at}"),
        parent=above,
        thread=thread,
        at=at,
        messages=(
            Said(id="u", role="user", text=user, name=name, at=at),
            Said(id="a", role="assistant", text=reply, at=at),
        ),
    )


def chain_of(*said: str, thread: str = "t", at: datetime = MAY) -> list[Turn]:
    """Return turns that follow each other, a day apart."""
    turns: list[Turn] = []
    for number, text in enumerate(said):
        above = turns[-1] if turns else None
        turns.append(turn(text, parent=above, thread=thread, at=at + timedelta(days=number)))
    return turns


def fact(text: str, *sources: str, at: datetime = MAY, **more: Any) -> Fact:
    """Return a fact drawn from messages."""
    fields = {"id": digest(f"{text}{sources}"), "observed_at": at, "valid_from": at, **more}
    return Fact(text=text, sources=sources, **fields)


def episode(turns: Sequence[Turn], summary: str = "They talked.") -> Episode:
    """Return an episode of turns."""
    ids = [each.id for each in turns]
    return Episode(id=episode_id(ids), thread=turns[0].thread, summary=summary, turns=tuple(turns))


@dataclass
class Talk:
    """One owner, and everything that recalls for it."""

    journal: Journal
    memories: Memories
    recall: Recall
    embedding: EmbeddingModel
    counter: TokenCounter
    owner: Owner = field(default_factory=lambda: Owner("alex"))
    generation: str | None = None

    async def say(self, turns: Sequence[Turn], owner: Owner | None = None) -> JournalView:
        """Write turns to the journal; the last one becomes its thread's ref."""
        last = turns[-1]
        who = owner or self.owner
        return await self.journal.add_turns(who, self.generation, turns, last.thread, last.id)

    async def fold(self, turns: Sequence[Turn], summary: str = "They talked.") -> JournalView:
        """Move turns of the journal into an episode, as the product does."""
        view = await self.journal.read(self.owner)
        stored = [view.turns[each.id] for each in turns]
        ids = [each.id for each in turns]
        claim = await self.journal.claim(
            self.owner, self.generation, ids, turns[0].thread, now=NOW, until=NOW
        )
        assert claim is not None
        await self.memories.put(self.owner, self.generation, episode(stored, summary))
        return (await self.journal.folded(self.owner, self.generation, claim))[0]

    async def know(self, *facts: Fact) -> JournalView:
        """Write facts."""
        await self.memories.put(self.owner, self.generation, *facts)
        keys = [key_of(fact) for fact in facts]
        return await self.journal.rows_changed(self.owner, self.generation, keys)

    async def ask(self, query: str, *, budget: int = 400, **more: Any) -> Recollection:
        """Recall from a fresh reading of the journal."""
        view = await self.journal.read(more.get("owner", self.owner))
        options = {"now": NOW, **{k: v for k, v in more.items() if k != "owner"}}
        who = more.get("owner", self.owner)
        return await self.recall.recall(who, view, query, budget=budget, **options)

    async def recalled(self, query: str, **more: Any) -> str:
        """Return the text that a recall puts into the prompt."""
        return render((await self.ask(query, **more)).items)


@pytest.fixture
async def embedding() -> EmbeddingModel:
    return await open_embeddings(Settings(**UNSET))


@pytest.fixture
def counter() -> TokenCounter:
    return open_counter("")


@pytest.fixture(params=["memory", *PLACES])
async def any_store(
    request: pytest.FixtureRequest, embedding: EmbeddingModel, tmp_path: Path
) -> AsyncIterator[BaseStore]:
    """Stores that know nothing of each other."""
    if request.param == "memory":
        yield in_memory(embedding)
        return
    async with store_at(request.param, request, embedding, tmp_path) as store:
        yield store


@pytest.fixture(params=PLACES)
async def every_store(
    request: pytest.FixtureRequest, embedding: EmbeddingModel, tmp_path: Path
) -> AsyncIterator[BaseStore]:
    """Every store of the product."""
    async with store_at(request.param, request, embedding, tmp_path) as store:
        yield store


def store_at(
    place: str, request: pytest.FixtureRequest, embedding: EmbeddingModel, folder: Path
) -> AbstractAsyncContextManager[Store]:
    """Return what opens a store with the product's own embeddings."""
    return opener_at(place, request, folder)(
        embeddings=embedding.embeddings,
        embedding_name=embedding.name,
        dimensions=embedding.dimensions,
    )


@pytest.fixture
def long_term(embedding: EmbeddingModel) -> BaseStore:
    """What memories lie in; a file of tests may put `every_store` in its place."""
    return in_memory(embedding)


def in_memory(embedding: EmbeddingModel) -> InMemoryStore:
    """Return LangGraph's own store, searching by meaning."""
    return InMemoryStore(
        index={"dims": embedding.dimensions, "embed": embedding.embeddings, "fields": ["text"]}
    )


Start = Callable[..., Talk]


@pytest.fixture
async def start(
    embedding: EmbeddingModel, counter: TokenCounter, tmp_path: Path, long_term: BaseStore
) -> AsyncIterator[Start]:
    """Return a function that opens another process's view of the same journal and store."""
    async with open_sqlite_journal(tmp_path / "journal.sqlite") as journal:

        def started(memories: Memories | None = None, **settings: Any) -> Talk:
            kept = memories or Memories(long_term)
            given = Settings(**UNSET, **settings)
            recall = Recall(kept, embedding, counter, given)
            return Talk(journal, kept, recall, embedding, counter)

        yield started


@pytest.fixture
def talk(start: Start) -> Talk:
    """One owner in one process."""
    return start()
