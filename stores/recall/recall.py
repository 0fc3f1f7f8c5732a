"""Recall, the one door to what is remembered: evidence, facts, episodes and entities of an owner.

Joins the vector store's answer with the turn index, ranks, and packs to a token budget. What may
be shown is decided here from one reading of the journal; nothing here writes.
"""

import asyncio
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from domain.facts.entities import describe, relevant, with_ends
from domain.journal import JournalView
from domain.owner import Owner
from domain.recall.index import EvidenceIndex
from domain.recall.packing import pack, render
from domain.recall.query import Question, read_question
from domain.recall.ranking import Signals, Votes, signals, voted
from domain.recall.threshold import NEARBY, related
from domain.records import Entity, Recalled
from domain.rows import Rows
from domain.text.dates.dates import named_period
from domain.text.terms import terms
from models.embeddings.open import EmbeddingModel
from models.threads import run_aside
from models.tokens import TokenCounter
from settings import Settings
from stores.errors import StoreUnavailable
from stores.memories import Memories, Nearest
from stores.recall.by_meaning import ByMeaning
from stores.recall.index_cache import EvidenceCache
from stores.recall.scope import Scope, scope_of
from stores.recall.selection import Candidates

__all__ = ["Recall", "Recollection", "Survey", "render"]

_LONGEST = 1_500
"""Characters of a message that are looked for; of a longer one both ends."""


@dataclass(frozen=True)
class Recollection:
    """What is recalled for one message."""

    items: tuple[Recalled, ...] = ()
    """In the order of time, as they are shown."""
    tokens: int = 0
    """Of `render(items)`, exactly."""
    degraded: tuple[str, ...] = ()
    """What did not answer: `vectors` (the search by meaning), `memories` (the stored rows)."""
    wishes: tuple[Recalled, ...] = ()
    """What the user asked for once and for all, the newest last: instructions, preferences."""


@dataclass(frozen=True)
class Survey:
    """Everything an owner said, scored against one message, before anything is chosen."""

    index: EvidenceIndex
    question: Question
    signals: Signals
    scope: Scope
    nearest: Nearest
    degraded: tuple[str, ...]

    @property
    def entities(self) -> tuple[str, ...]:
        """Ids of the entities that come near the message by meaning, best first."""
        near = self.nearest.get("entity", ())
        return tuple(id for id, closeness in near if closeness >= NEARBY)


class Recall:
    """Finds what belongs to a message in everything an owner ever said."""

    def __init__(
        self,
        memories: Memories,
        embedding: EmbeddingModel,
        tokens: TokenCounter,
        settings: Settings,
    ) -> None:
        """Recall from `memories` and the journal, counting with `tokens`."""
        self._embedding = embedding
        self._count = tokens.text
        self._wish_tokens = settings.wish_tokens
        self._cache = EvidenceCache(
            memories,
            embedding,
            tokens,
            size=settings.index_bytes,
            patience=settings.store_timeout,
        )
        self._by_meaning = ByMeaning(memories, settings.store_timeout)

    async def recall(
        self,
        owner: Owner,
        view: JournalView,
        query: str,
        *,
        budget: int,
        now: datetime,
        shown: Container[str] = (),
        refs: Sequence[str] | None = None,
        as_of: datetime | None = None,
        between: tuple[datetime, datetime] | None = None,
        widen: bool = False,
        most: int | None = None,
        speaker: str | None = None,
    ) -> Recollection:
        """Return what is worth remembering for a message, within a budget.

        Small talk recalls nothing but what the user asked for once and for all, which has a budget
        of its own. Where the vector store does not answer, words alone decide.

        Args:
            owner: Whose memory.
            view: A reading of the journal made before this call.
            query: The message.
            budget: Tokens at most of the rendered text.
            now: The present, for words such as "last week".
            shown: References of messages that the prompt shows anyway.
            refs: The refs that make turns live, as the run sees them; None: all of `view`.
            as_of: Only what was said, or true, by then.
            between: Only what was said from the one moment to the other.
            widen: True where a first answer was not enough: then small talk is looked for too.
            most: Items at most; None: as many as fit.
            speaker: The name of who says it; None: the user, who has none.
        """
        survey = await self.survey(
            owner, view, query, now=now, refs=refs, as_of=as_of, between=between, speaker=speaker
        )
        return await run_aside(
            survey.index.small, self.choose, survey, budget, shown=shown, widen=widen, most=most
        )

    async def entities(
        self,
        owner: Owner,
        view: JournalView,
        query: str,
        *,
        near: Sequence[str] = (),
        refs: Sequence[str] | None = None,
        as_of: datetime | None = None,
    ) -> list[str]:
        """Return a line for each entity that a message is about, those it names first.

        `near` are ids of entities that come near it, as `recall` found them; the rest is as there.
        """
        query = _shortened(query)
        if not query.strip():
            return []
        index = await self._index(owner, view) or await self._cache.without_rows(owner, view)
        spoken = set(terms(query))
        meant = [e for e in index.rows.entities if e.id in near or spoken & set(_names(e))]
        if not meant:
            return []
        scope = scope_of(index, view, refs=refs, as_of=as_of)
        entities = {
            entity.id: with_ends(entity, scope.facts.standings)
            for entity in meant
            if scope.knows(entity)
        }
        named = [entity for entity in entities.values() if spoken & set(_names(entity))]
        about = {entity.id: entity for entity in relevant(named, query)}
        about |= {id: entities[id] for id in near if id in entities}
        return [describe(entity, scope.live_turns, as_of) for entity in about.values()]

    async def survey(
        self,
        owner: Owner,
        view: JournalView,
        query: str,
        *,
        now: datetime,
        refs: Sequence[str] | None = None,
        as_of: datetime | None = None,
        between: tuple[datetime, datetime] | None = None,
        speaker: str | None = None,
    ) -> Survey:
        """Hold a message against everything, without choosing: `choose` does, and may do it again.

        The conversation is read while the vector store searches.
        """
        query = _shortened(query)
        index = await self._index(owner, view)
        missing = index is None
        if index is None:
            index = await self._cache.without_rows(owner, view)
        corpus = index.corpus
        scope = scope_of(index, view, refs=refs, as_of=as_of, between=between)
        question = read_question(
            query, corpus.names, named_period(query, now), speaker, holds=corpus.holds
        )
        vectors = None
        if self._embedding.in_process and corpus.vectors is not None:
            vectors = await self._vectors(query, question)
        near, every = await asyncio.gather(
            self._by_meaning.nearest(owner, view, query, index.rows),
            run_aside(index.small, signals, corpus, question, scope.live, vectors),
        )
        nearest = near or {}
        # The summary of one turn says no more than the turn itself.
        turns = index.rows.turns_of_episode
        votes = Votes(
            facts=nearest.get("fact", ()),
            turns=[
                (turns[id], score)
                for id, score in nearest.get("episode", ())
                if len(turns.get(id, ())) > 1
            ],
        )
        every |= voted(corpus, votes, scope.live)
        degraded = [*(["vectors"] if near is None else []), *(["memories"] if missing else [])]
        return Survey(index, question, every, scope, nearest, tuple(degraded))

    def choose(
        self,
        survey: Survey,
        budget: int,
        *,
        shown: Container[str] = (),
        widen: bool = False,
        most: int | None = None,
    ) -> Recollection:
        """Return what fits, as `recall` does; an overview where a message asks for everything."""
        candidates = Candidates(
            survey.index, survey.question, survey.signals, survey.scope, self._count
        )
        wishes = candidates.wishes(self._wish_tokens)
        question, scope = survey.question, survey.scope
        allowed = scope.allowed
        if not widen and scope.between is None:
            allowed = related(question, survey.signals, scope.allowed)
        ranked = candidates.ranked(allowed, shown, budget, most)
        if not ranked and question.of_the_past:
            ranked = candidates.overview(survey.nearest.get("episode", ()), shown)
        items, tokens = pack(ranked[:most], budget, self._count)
        return Recollection(items, tokens, survey.degraded, wishes)

    async def rows(self, owner: Owner, view: JournalView) -> Rows:
        """Return all records, tombstones too.

        Raises:
            StoreUnavailable: If they are not at hand and cannot be read.
        """
        return await self._cache.rows(owner, view)

    async def load(self, owner: Owner, view: JournalView) -> None:
        """Have at hand what the next message needs.

        Raises:
            StoreUnavailable: If it cannot be read.
        """
        await self._cache.index(owner, view)

    def begin(self, owner: Owner, view: JournalView) -> None:
        """Begin to load what the next message needs, for a conversation that may begin now."""
        self._cache.begin(owner, view)

    def forget(self, owner: Owner) -> None:
        """Drop what this process holds of an owner."""
        self._cache.forget(owner)
        self._by_meaning.forget(owner)

    @property
    def nbytes(self) -> int:
        """About how many bytes the loaded indexes take."""
        return self._cache.nbytes

    async def _index(self, owner: Owner, view: JournalView) -> EvidenceIndex | None:
        """Return the turn index; None where the rows cannot be read."""
        try:
            return await self._cache.index(owner, view)
        except (StoreUnavailable, OSError):
            return None

    async def _vectors(self, query: str, question: Question) -> NDArray[np.float32]:
        """Return the vectors of a question in the first person, and of its bare words.

        With that of the message itself, which the vector store asks for next, in one batch.
        """
        texts = [question.in_first_person, question.bare, query]
        rows = np.array(await self._embedding.embeddings.aembed_queries(texts), dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        vectors: NDArray[np.float32] = rows[:2] / np.maximum(lengths[:2], 1e-9, dtype=np.float32)
        return vectors


def _names(entity: Entity) -> list[str]:
    """Return the terms by which a message may mean an entity, "sister" for a relation too."""
    relations = (attribute.value for attribute in entity.attributes if attribute.name == "relation")
    return [term for name in (entity.name, *entity.aliases, *relations) for term in terms(name)]


def _shortened(query: str) -> str:
    half = _LONGEST // 2
    return query if len(query) <= _LONGEST else f"{query[:half]}\n{query[-half:]}"
