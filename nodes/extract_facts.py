"""Draws facts and entities from what the user said since the last time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from domain.facts import entities as entity_rules
from domain.facts import facts as fact_rules
from domain.facts.attributes import as_told_in
from domain.facts.extraction import Source, sources_of
from domain.facts.forgetting import NOTHING_WANTED, Wanted, turns_of
from domain.facts.what_else import without_forgotten
from domain.folding import to_extract
from domain.journal import JournalView
from domain.owner import Owner
from domain.records import Entity, Fact, RecordKey, Turn, turn_of
from domain.rows import Memory, Rows, key_of
from domain.tiers import Tier
from domain.turns import live, parents_of
from models.errors import ModelError
from nodes.remembering.by_form import forget_by_form
from nodes.remembering.lease import extending
from nodes.remembering.obeyed import forgotten_since, obeyed, still_said
from nodes.remembering.read_messages import DROPPED, UNREADABLE, read_messages
from nodes.remembering.redacted import redacted
from nodes.state import ChatContext, ChatState, Parts, Schedule
from stores.errors import GenerationMoved, StoreUnavailable
from stores.maintenance.forgetting import forget

NEAREST = 12
"""Known facts shown to the memory model for each message; known entities, for all of them."""


async def extract_facts(
    parts: Parts, state: ChatState, runtime: Runtime[ChatContext]
) -> dict[str, Any]:
    """Return the texts of the facts added; a failure is noted, and the cursor stays."""
    work, origin = state["schedule"], state["origin"]
    try:
        done, failed = await extract_or_forget(
            parts, origin.owner, origin.view.generation, origin.tier, origin.thread, work
        )
    except GenerationMoved:
        return {}
    done = done or Extracted()
    messages = "1 message" if done.unread == 1 else f"{done.unread} messages"
    unread = f"extract_facts: the memory model cannot read {messages}; what is said there counts"
    return {
        "facts_added": [fact.text for fact in done.added],
        "facts_dropped": done.dropped,
        "degraded": [*failed, *([unread] if done.unread else [])],
    }


@dataclass(frozen=True)
class Extracted:
    """What one extraction did."""

    added: Sequence[Fact] = ()
    """The facts that are new."""
    keys: Sequence[RecordKey] = ()
    """All records that were written."""
    dropped: int = 0
    """Notes of the model that nothing said supports."""
    unread: int = 0
    """Messages that it could not read."""
    withheld: frozenset[str] = frozenset()
    """What was withheld when the records were made."""


async def extract_or_forget(
    parts: Parts,
    owner: Owner,
    generation: str | None,
    tier: Tier,
    thread: str,
    work: Schedule,
) -> tuple[Extracted | None, list[str]]:
    """Do what is scheduled; where no model reads a wish to forget, it is obeyed by its form.

    Returns:
        What was extracted, None where nothing was; and what failed, a sentence each.

    Raises:
        GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
    """
    done: Extracted | None = None
    failed: list[str] = []
    try:
        if work.extract:
            done = await extract(parts, owner, generation, tier, work.asked)
    except (ModelError, StoreUnavailable) as error:
        failed.append(f"extract_facts: {error}")
    try:
        if done is None and work.asks:
            await forget_by_form(parts, owner, generation, thread)
    except StoreUnavailable as error:
        failed.append(f"extract_facts: {error}")
    return done, failed


async def extract(
    parts: Parts,
    owner: Owner,
    generation: str | None,
    tier: Tier,
    asked: Wanted = NOTHING_WANTED,
) -> Extracted | None:
    """Extract from all turns beyond the owner's cursor; return what is new.

    Facts are written before the cursor moves: a crash in between extracts the same again,
    and what is there already is found and not written twice.

    Args:
        parts: What the graph runs on.
        owner: Whose turns.
        generation: Under which their journal was read.
        tier: It says whether a model may be asked.
        asked: What was forgotten already: the turns that asked for it are read all the same.

    Returns:
        What was done; None where another worker is at it.

    Raises:
        ModelError: If the memory model failed; nothing is written.
        StoreUnavailable: If a store does not answer.
        GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
    """
    journal, now = parts.stores.journal, parts.now()
    until = now + parts.settings.fold_lease
    view = await journal.begin_extraction(owner, generation, now=now, until=until)
    if view is None:
        return None
    everything = await _turns(parts, owner, view)
    turns, earlier = _said_in(everything, view, asked)
    turns, earlier = await redacted(parts, turns), await redacted(parts, earlier)
    try:
        extend = partial(journal.extend_extraction, owner, generation)
        async with extending(parts, extend):
            sources = sources_of(turns, earlier, parts.now())
            work = await _extract(parts, owner, view, tier, sources, asked)
    except ModelError:
        await journal.extracted(owner, generation, None)
        raise
    async with parts.stores.cleared_if_reset(owner, generation):
        cursor = max((turn.seq for turn in everything), default=view.cursor)
        await _end(parts, owner, view, cursor, work, {source.ref for source in sources})
    for name, number in ((DROPPED, work.dropped), (UNREADABLE, work.unread)):
        if number:
            before = int(await journal.backend.mark(name) or 0)
            await journal.backend.mark(name, str(before + number))
    return work


def _said_in(
    everything: Sequence[Turn], view: JournalView, asked: Wanted
) -> tuple[list[Turn], list[Turn]]:
    """Return the turns to read, oldest first, and those of the journal that go before them.

    Of a turn in which something was forgotten what else it says is read.
    """
    withheld = view.withheld - set(asked.asking)
    turns = [turn for turn in everything if turn.id not in withheld]
    for turn in everything:
        if turn.id in withheld and turn.id not in asked.removed:
            forgotten = (*asked.statements, *view.forgotten.get(turn.id, ()))
            rest = without_forgotten(turn, forgotten)
            turns += [rest] if rest else []
    read = {turn.id for turn in turns}
    earlier = [t for t in view.turns.values() if t.id not in read and t.id not in withheld]
    return sorted(turns, key=lambda turn: turn.seq), earlier


async def _end(
    parts: Parts, owner: Owner, view: JournalView, cursor: int, work: Extracted, read: set[str]
) -> None:
    """Move the cursor; what was forgotten meanwhile goes out of what was drawn from it before."""
    journal, generation = parts.stores.journal, view.generation
    withheld = work.withheld or view.withheld
    while True:
        after, ended = await journal.extracted(owner, generation, cursor, work.keys, withheld)
        if ended:
            return
        again = forgotten_since(withheld, after, read)
        await forget(parts.stores, owner, generation, again, now=parts.now())
        withheld = after.withheld


async def _extract(
    parts: Parts,
    owner: Owner,
    view: JournalView,
    tier: Tier,
    sources: Sequence[Source],
    asked: Wanted,
) -> Extracted:
    """Write the facts and entities that `sources` state."""
    if not sources:
        return Extracted()
    generation, memories = view.generation, parts.stores.memories
    known = await parts.stores.recall.rows(owner, view)
    nearest = await _nearest(parts, owner, view, sources, known)
    extraction, unread = await read_messages(parts, owner, tier, view.cursor, sources, nearest)
    changes, gone = await obeyed(parts, owner, view, sources, extraction.facts, asked)
    latest = await parts.stores.journal.read(owner)
    # By somebody else, while the model was at it.
    forgotten = latest.withheld - view.withheld - gone
    changes = [
        change.model_copy(update={"text": text})
        for change in changes
        for text in still_said(change, forgotten, latest)
    ]
    mentions = [each for each in extraction.entities if turn_of(each.source) not in forgotten]
    by_ref = {source.ref: source for source in sources}

    def applied(rows: Rows) -> dict[RecordKey, Memory]:
        facts = fact_rules.apply(changes, by_ref, rows.facts, parts.now())
        # No message is quoted for what stands beside something forgotten.
        hidden = gone | latest.withheld
        facts = tuple(
            fact.model_copy(update={"edited": True}) if turns_of(fact) <= hidden else fact
            for fact in facts
        )
        entities = entity_rules.merge(mentions, by_ref, rows.entities, parts.now())
        records: list[Memory] = [*facts, *entities]
        return {key_of(record): record for record in records}

    # Read now: what the user edited or deleted while the model was at it stays so.
    rows = await parts.stores.recall.rows(owner, latest)
    written = await asyncio.to_thread(applied, rows)
    before = rows.by_key
    rewritten = {key: before[key] for key in written if key in before}
    # Also what another process has not told of yet.
    stored = await memories.some(owner, generation, rewritten)
    if stored != rewritten:
        written = await asyncio.to_thread(applied, rows.changed(stored))
    if written:
        await parts.stores.write(owner, generation, *written.values())
    added = [
        record
        for key, record in written.items()
        if key not in before and isinstance(record, Fact) and not record.deleted
    ]
    return Extracted(added, list(written), extraction.dropped, unread, latest.withheld)


async def _turns(parts: Parts, owner: Owner, view: JournalView) -> list[Turn]:
    """Return the turns beyond the cursor, also those an episode has taken meanwhile."""
    turns = to_extract(view.turns, view.cursor)
    if len(turns) < view.seq - view.cursor:
        episodes = await parts.stores.memories.episodes(owner, view.generation)
        everywhere = {turn.id: turn for episode in episodes for turn in episode.turns}
        turns = to_extract({**everywhere, **view.turns}, view.cursor)
    return turns


async def _nearest(
    parts: Parts, owner: Owner, view: JournalView, sources: Sequence[Source], stored: Rows
) -> list[Fact | Entity]:
    """Return the stored facts and entities nearest to what was said, without what is withheld."""
    facts = {fact.id: fact for fact in stored.facts if not fact.deleted}
    entities = await asyncio.to_thread(_told, stored, view) if stored.entities else {}
    if len(stored.facts) <= NEAREST and len(entities) <= NEAREST:
        return [*facts.values(), *entities.values()]
    nearest = await parts.stores.memories.nearest_among(
        owner,
        view.generation,
        "\n".join(source.text for source in sources),
        keys={"fact": list(facts), "entity": list(entities)},
        limits={"fact": NEAREST * len(sources), "entity": NEAREST},
    )
    return [
        *(facts[id] for id, _ in nearest["fact"] if id in facts),
        *(entities[id] for id, _ in nearest["entity"] if id in entities),
    ]


def _told(stored: Rows, view: JournalView) -> dict[str, Entity]:
    """Return the entities by id, with what live turns say of them that nobody forgot."""
    tree = parents_of(view.turns.values(), stored.episodes)
    turns = live(view.refs.values(), tree) - view.withheld
    told = (as_told_in(entity, turns) for entity in stored.entities)
    return {entity.id: entity for entity in told if entity.attributes}
