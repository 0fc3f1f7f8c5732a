"""Conversations as benchmarks publish them, fed through the product's own ingestion.

Nothing here recalls or measures.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from domain.facts.extraction import sources_of
from domain.facts.facts import apply
from domain.facts.statement import statement_id
from domain.folding import episode_id
from domain.journal import JournalView
from domain.owner import Owner, digest
from domain.records import Episode, Fact, Said, Turn
from models.embeddings.open import EmbeddingModel
from models.memory.protocol import MemoryModel
from models.tokens import TokenCounter
from settings import Settings
from stores.journal.journal import Journal
from stores.long_term import BACKENDS
from stores.memories import Memories
from stores.recall.analyses import PassageAnalyses
from stores.recall.recall import Recall
from stores.sqlite.journal import open_sqlite_journal

Mode = Literal["recorded", "offline", "folded"]
"""Whose summaries and facts: the published ones, those of the model without a model for each
session, or a memory model's for the windows that a conversation folds."""

PATIENCE = 300.0
"""Seconds for one store call: what a busy machine answers late is measured too."""
BETWEEN_MESSAGES = timedelta(seconds=30)
"""Benchmarks date sessions; their messages follow each other at this distance."""


@dataclass(frozen=True)
class Utterance:
    """One message of a session."""

    id: str
    """As the benchmark names it."""
    role: Literal["user", "assistant"]
    name: str | None
    text: str
    """As published."""
    caption: str | None = None
    """What a shared picture shows."""

    @property
    def message(self) -> str:
        """The text as a chat client sends it: a picture is told by its caption."""
        return f"{self.text} [{self.caption}]" if self.caption else self.text


@dataclass(frozen=True)
class Statement:
    """A fact that the benchmark publishes, with the messages it came from."""

    text: str
    subject: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Session:
    """One sitting of a conversation."""

    begun: datetime
    utterances: tuple[Utterance, ...]
    summary: str | None = None
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Probe:
    """A question with what answers it."""

    question: str
    answer: str
    category: int | str
    """As published."""
    evidence: tuple[str, ...]
    """Ids of the messages that hold the answer."""
    asked: datetime
    nuggets: tuple[str, ...] = ()
    """What a good answer must say, where that is published."""


@dataclass(frozen=True)
class Dialogue:
    """One owner's history and what is asked of it."""

    name: str
    sessions: tuple[Session, ...]
    probes: tuple[Probe, ...]


@dataclass
class Fed:
    """A conversation after it was stored."""

    owner: Owner
    view: JournalView
    turns: list[Turn] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)
    """Message reference of each utterance."""


@dataclass(frozen=True)
class Bench:
    """The product's stores and recall, embedded, in a folder of their own."""

    journal: Journal
    memories: Memories
    recall: Recall
    embedding: EmbeddingModel
    tokens: TokenCounter
    settings: Settings


@asynccontextmanager
async def open_bench(
    embedding: EmbeddingModel,
    tokens: TokenCounter,
    where: str = "chroma",
    wishes: bool = True,
) -> AsyncIterator[Bench]:
    """Open stores in a folder that goes away again."""
    with TemporaryDirectory(prefix="mnemograph-eval-") as temporary:
        place = Path(temporary)
        settings = Settings(
            data_dir=place, embeddings=embedding.name, chroma_shards=4, store_timeout=PATIENCE
        )
        if not wishes:
            settings = settings.model_copy(update={"wish_tokens": 0})
        async with (
            open_sqlite_journal(place / "journal.sqlite") as journal,
            BACKENDS[where].empty(settings, embedding, place) as store,
        ):
            memories = Memories(store, PassageAnalyses(embedding, tokens).pack)
            recall = Recall(memories, embedding, tokens, settings)
            yield Bench(journal, memories, recall, embedding, tokens, settings)


async def feed(
    bench: Bench, conversation: Dialogue, mode: Mode, model: MemoryModel | None = None
) -> Fed:
    """Store a conversation as the product does: turns, then episodes, then facts.

    `recorded` takes the published summaries and statements; a session without a summary stays in
    the journal. `offline` asks `model` for them.
    """
    owner = Owner(f"eval-{conversation.name}")
    fed = Fed(owner, await bench.journal.read(owner))
    for number, session in enumerate(conversation.sessions):
        thread = f"{conversation.name}-{number}"
        turns = turns_of(session, thread)
        if not turns:
            continue
        note(fed, turns)
        fed.view = await bench.journal.add_turns(owner, None, turns, thread, turns[-1].id)
        stored = tuple(fed.view.turns[turn.id] for turn in turns)
        fed.turns += stored
        summary = session.summary
        facts: Sequence[Fact] = _facts(session, fed) if mode == "recorded" else ()
        if mode == "offline" and model is not None:
            limit = bench.settings.summary_tokens
            summary = await model.summarize(stored, before=None, max_tokens=limit)
            facts = await extracted(bench, owner, stored, model)
        await fold(bench, fed, stored, thread, summary, facts)
    fed.view = await bench.journal.rows_changed(owner, None)
    return fed


def turns_of(session: Session, thread: str) -> list[Turn]:
    """Return a session as turns: what the user said up to the end of the reply."""
    groups: list[list[tuple[int, Utterance]]] = []
    for place, said in enumerate(session.utterances):
        if not groups or (said.role == "user" and groups[-1][-1][1].role == "assistant"):
            groups.append([])
        groups[-1].append((place, said))
    turns: list[Turn] = []
    for number, group in enumerate(groups):
        messages = tuple(
            Said(
                id=said.id,
                role=said.role,
                text=said.message,
                name=said.name,
                at=session.begun + place * BETWEEN_MESSAGES,
            )
            for place, said in group
        )
        turns.append(
            Turn(
                id=digest(f"{thread}/{number}"),
                parent=turns[-1].id if turns else None,
                thread=thread,
                at=messages[-1].at,
                messages=messages,
            )
        )
    return turns


def note(fed: Fed, turns: Sequence[Turn]) -> None:
    """Note the message references of what is about to be stored."""
    for turn in turns:
        for position, said in enumerate(turn.messages):
            fed.refs[said.id] = turn.ref(position)


def _facts(session: Session, fed: Fed) -> list[Fact]:
    facts = []
    for statement in session.statements:
        sources = tuple(fed.refs[id] for id in statement.sources if id in fed.refs)
        if sources:
            facts.append(fact_of(session, statement, sources))
    return facts


def fact_of(session: Session, statement: Statement, sources: tuple[str, ...]) -> Fact:
    """Return what a session states as a fact with the references of its messages."""
    return Fact(
        id=statement_id(statement.text, sources[0]),
        text=statement.text,
        subject=statement.subject,
        sources=sources,
        observed_at=session.begun,
        valid_from=session.begun,
    )


async def extracted(
    bench: Bench, owner: Owner, turns: Sequence[Turn], model: MemoryModel
) -> Sequence[Fact]:
    """Return what a memory model finds in the user's messages, a few turns at a time."""
    stored = {fact.id: fact for fact in await bench.memories.facts(owner, None)}
    drawn: dict[str, Fact] = {}
    every = bench.settings.extract_turns
    for start in range(0, len(turns), every):
        now = turns[-1].at
        sources = sources_of(turns[start : start + every], turns[:start], now)
        extraction = await model.extract(sources, list(stored.values()), now)
        by_ref = {source.ref: source for source in sources}
        fresh = await asyncio.to_thread(apply, extraction.facts, by_ref, list(stored.values()), now)
        drawn |= {fact.id: fact for fact in fresh}
        stored |= drawn
    return list(drawn.values())


async def fold(
    bench: Bench,
    fed: Fed,
    turns: tuple[Turn, ...],
    thread: str,
    summary: str | None,
    facts: Sequence[Fact],
) -> None:
    """Fold a session whole, where there is a summary, and write its facts with it."""
    records: list[Episode | Fact] = list(facts)
    claim = None
    if summary:
        ids = [turn.id for turn in turns]
        now = turns[-1].at
        claim = await bench.journal.claim(
            fed.owner, None, ids, thread, now=now, until=now + timedelta(minutes=3)
        )
        episode = Episode(id=episode_id(ids), thread=thread, summary=summary, turns=turns)
        fed.episodes.append(episode)
        records.append(episode)
    await bench.memories.put(fed.owner, None, *records)
    if claim is not None:
        fed.view, _ = await bench.journal.folded(fed.owner, None, claim)
