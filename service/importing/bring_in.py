"""Writing what was said elsewhere into memory: turns with their dates, folded and extracted.

Ids derive from those of the export, so what is there already is passed over: an import that broke
off is finished by repeating it.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from domain.facts.statement import statement_id
from domain.folding import Window
from domain.owner import Owner, digest
from domain.records import Fact, Said, Turn, turn_of
from domain.rows import key_of
from nodes.extract_facts import extract
from nodes.state import Parts
from nodes.summarize import fold_window
from service.importing.shapes import Chat, Imported, Statement
from service.importing.threads import LONGEST, branches_of, threads_of
from stores.errors import ThreadMoved

AT_ONCE = 48
"""Turns written before they are folded: a journal that a turn reads stays as small as in a chat."""
PAUSE = 0.5
"""Seconds between looks where another worker folds or extracts; one that died has its lease."""

T = TypeVar("T")
Progress = Callable[[int], None]
"""Told how many messages are done."""


@dataclass(frozen=True)
class BroughtIn:
    """What an import did."""

    chats: int = 0
    turns: int = 0
    """New ones; those that were there already are not counted."""
    facts: int = 0
    """New ones: stated in the file, or drawn from what was said."""


async def bring_in(parts: Parts, owner: Owner, imported: Imported, progress: Progress) -> BroughtIn:
    """Write the chats and statements of a file into an owner's memory.

    Raises:
        ModelError: If the memory model failed; repeat it then.
        StoreUnavailable: If a store does not answer; repeat it then.
        GenerationMoved: If the owner was reset meanwhile.
    """
    done = BroughtIn()
    present = await _present(parts, owner)
    earlier = await _earlier_threads(parts, owner, imported.chats)
    for chat in imported.chats:
        turns = facts = 0
        for thread, path in threads_of(owner, chat, earlier, present):
            new = [turn for turn in path if turn.id not in present]
            present |= {turn.id: turn for turn in new}
            turns += len(new)
            facts += await _write(parts, owner, thread, path, new)
        progress(len(chat.messages))
        done = BroughtIn(done.chats + 1, done.turns + turns, done.facts + facts)
    facts = await _write_statements(parts, owner, imported.statements, present, progress)
    return replace(done, facts=done.facts + facts)


async def _present(parts: Parts, owner: Owner) -> dict[str, Turn]:
    """Return the turns that the owner has, by id."""
    view = await parts.stores.journal.read(owner)
    episodes = await parts.stores.memories.episodes(owner, view.generation)
    return {turn.id: turn for episode in episodes for turn in episode.turns} | dict(view.turns)


async def _earlier_threads(parts: Parts, owner: Owner, chats: Iterable[Chat]) -> set[str]:
    """Return the owner's threads of these chats that were named by the chat alone, as once all."""
    journal = parts.stores.journal
    named = {digest(branch) for chat in chats for branch in branches_of(chat).values()}
    own = named & (await journal.read(owner)).refs.keys()
    return {thread for thread in own if await journal.thread_owner(thread) == owner}


async def _write(
    parts: Parts, owner: Owner, thread: str, path: Sequence[Turn], new: Sequence[Turn]
) -> int:
    """Write the turns of a path that are new and remember it; return how many facts were drawn.

    Where the thread went on here since it was brought in, what is new becomes a thread of its own.
    """
    journal = parts.stores.journal
    view = await journal.read(owner)
    ids = [turn.id for turn in path]
    if new and view.refs.get(thread, ids[0]) not in ids:
        thread = digest(f"{thread}\n{ids[-1]}")
        new = [turn.model_copy(update={"thread": thread}) for turn in new]
    if new:
        await journal.note_thread(owner, view.generation, thread)
    facts = 0
    for batch in _batches(new, AT_ONCE):
        await journal.add_turns(owner, view.generation, batch, thread, batch[-1].id)
        facts += await _extract(parts, owner, view.generation)
        await _fold(parts, owner, view.generation, thread, ids)
    if not new and any(id in view.turns for id in ids):  # An import broke off here.
        facts += await _extract(parts, owner, view.generation)
        await _fold(parts, owner, view.generation, thread, ids)
    return facts


async def _extract(parts: Parts, owner: Owner, generation: str | None) -> int:
    """Draw facts from what waits for it; return how many are new."""
    tier = parts.settings.tier(None, owner.character_id)
    if not tier.remembers:
        return 0
    while True:
        done = await extract(parts, owner, generation, tier)
        if done is not None:
            return len(done.added)
        await asyncio.sleep(PAUSE)


async def _fold(
    parts: Parts, owner: Owner, generation: str | None, thread: str, ids: Sequence[str]
) -> None:
    """Fold those of the turns that the journal holds."""
    tier = parts.settings.tier(None, owner.character_id)
    while True:
        view = await parts.stores.journal.read(owner)
        left = [id for id in ids if id in view.turns]
        if not left:
            return
        window = Window(thread, tuple(left[: parts.settings.fold_turns]))
        if await fold_window(parts, owner, generation, window, tier) is None:
            await asyncio.sleep(PAUSE)


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield runs of at most `size`."""
    for first in range(0, len(items), size):
        yield items[first : first + size]


async def _write_statements(
    parts: Parts,
    owner: Owner,
    statements: Sequence[Statement],
    present: Collection[str],
    progress: Progress,
) -> int:
    """Write facts of another memory, each with a turn of its own as its source.

    One that was deleted here stays so, save where it was stated after that.
    """
    if not statements:
        return 0
    journal, memories = parts.stores.journal, parts.stores.memories
    thread = digest(f"{owner.key}\nimported facts")
    view = await journal.read(owner)
    stored = await memories.facts(owner, view.generation)
    deleted = {turn_of(ref): f.observed_at for f in stored if f.deleted for ref in f.sources}
    new: dict[str, Statement] = {}
    for statement in statements:
        text = statement.text.strip()[:LONGEST]
        id = digest(f"fact\n{text}")
        if id in deleted and statement.dated and statement.at > deleted[id]:
            id = digest(f"fact\n{text}\n{statement.at.isoformat()}")
        if id not in present:
            new.setdefault(id, replace(statement, text=text))
    parent = view.refs.get(thread)
    ids, done = [id for id in view.turns if view.turns[id].thread == thread], 0
    if new:
        await journal.note_thread(owner, view.generation, thread)
    for batch in _batches(list(new.items()), AT_ONCE):
        turns, facts = [], []
        for id, statement in batch:
            said = Said(id=digest(f"{id}\n"), role="user", text=statement.text, at=statement.at)
            turns.append(
                Turn(id=id, parent=parent, thread=thread, at=statement.at, messages=(said,))
            )
            parent, source = id, turns[-1].ref(0)
            facts.append(
                Fact(
                    id=statement_id(statement.text, source),
                    text=statement.text,
                    sources=(source,),
                    observed_at=statement.at,
                    valid_from=statement.at,
                )
            )
        await _extract(parts, owner, view.generation)
        # Facts first: without its turn a fact counts for nothing, and is written again.
        await parts.stores.write(owner, view.generation, *facts)
        end = turns[0].parent
        try:
            async with parts.stores.cleared_if_reset(owner, view.generation):
                after = await journal.add_turns(
                    owner, view.generation, turns, thread, turns[-1].id, after=end
                )
        except ThreadMoved:  # Another import is at work: what it wrote by now is there already.
            present = await _present(parts, owner)
            return done + await _write_statements(parts, owner, statements, present, progress)
        # The cursor goes past these alone: what came meanwhile still waits for it.
        alone = after.seq - len(turns) == after.cursor
        await journal.extracted(
            owner, view.generation, after.seq if alone else None, [key_of(fact) for fact in facts]
        )
        ids += [turn.id for turn in turns]
        await _fold(parts, owner, view.generation, thread, ids)
        done += len(batch)
        progress(len(batch))
    await _fold(parts, owner, view.generation, thread, ids)
    return done
