"""Writing what was said elsewhere into memory: turns with their dates, folded and extracted.

Ids derive from those of the export, so what is there already is passed over: an import that broke
off is finished by repeating it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from domain.facts.facts import fact_id
from domain.folding import Window
from domain.owner import Owner, digest
from domain.records import Fact, Said, Turn, turn_of
from domain.rows import key_of
from nodes.extract_facts import extract
from nodes.state import Parts
from nodes.summarize import fold_window
from service.importing.formats import Chat, Imported, Message, Statement

AT_ONCE = 48
"""Turns written before they are folded: a journal that a turn reads stays as small as in a chat."""
LONGEST = 20_000
"""Characters of a message at most; the rest of a longer one is left out."""

Progress = Callable[[int], None]
"""Told how many messages are done."""


@dataclass(frozen=True)
class BroughtIn:
    """What an import did."""

    chats: int = 0
    turns: int = 0
    """New ones; those that were there already are not counted."""
    facts: int = 0


async def bring_in(parts: Parts, owner: Owner, imported: Imported, progress: Progress) -> BroughtIn:
    """Write the chats and statements of a file into an owner's memory.

    Raises:
        ModelError: If the memory model failed; repeat it then.
        StoreUnavailable: If a store does not answer; repeat it then.
        GenerationMoved: If the owner was reset meanwhile.
    """
    done = BroughtIn()
    present = await _present(parts, owner)
    for chat in imported.chats:
        count = 0
        for thread, turns in threads_of(chat):
            new = [turn for turn in turns if turn.id not in present]
            count += len(new)
            await _write(parts, owner, thread, new)
            present |= {turn.id for turn in new}
        progress(len(chat.messages))
        done = replace(done, chats=done.chats + 1, turns=done.turns + count)
    new_facts = await _write_statements(parts, owner, imported.statements, present)
    progress(len(imported.statements))
    return replace(done, facts=new_facts)


async def _present(parts: Parts, owner: Owner) -> set[str]:
    """Return the ids of the turns that the owner has."""
    view = await parts.stores.journal.read(owner)
    episodes = await parts.stores.memories.episodes(owner, view.generation)
    return set(view.turns) | {turn.id for episode in episodes for turn in episode.turns}


async def _write(parts: Parts, owner: Owner, thread: str, turns: Sequence[Turn]) -> None:
    """Write a thread's turns, oldest first, extract from them and fold them."""
    journal, settings = parts.stores.journal, parts.settings
    generation = (await journal.read(owner)).generation
    if turns:
        await journal.note_thread(owner, generation, thread)
    for batch in _batches(turns, AT_ONCE):
        await journal.add_turns(owner, generation, batch, thread, batch[-1].id)
        tier = settings.tier(None, owner.character_id)
        if tier.remembers:
            await extract(parts, owner, generation, tier)
        for window in _batches(batch, settings.fold_turns):
            ids = tuple(turn.id for turn in window)
            await fold_window(parts, owner, generation, Window(thread, ids), tier)


def _batches(turns: Sequence[Turn], size: int) -> Iterator[list[Turn]]:
    """Yield runs of at most `size` turns."""
    left = iter(turns)
    while batch := list(islice(left, size)):
        yield batch


def threads_of(chat: Chat) -> Iterator[tuple[str, list[Turn]]]:
    """Yield a chat's branches as threads, first the one that its user saw last.

    A turn that branches share comes with the first of them only.
    """
    given: set[str] = set()
    for number, leaf in enumerate(_leaves(chat)):
        path = _path(chat, leaf)
        thread = digest(chat.id if leaf == _last(chat) else f"{chat.id}\n{number}")
        turns = [turn for turn in _turns(chat, thread, path) if turn.id not in given]
        given |= {turn.id for turn in turns}
        if turns:
            yield thread, turns


def _last(chat: Chat) -> str:
    if chat.last is not None and chat.last in chat.messages:
        return chat.last
    return list(chat.messages)[-1]


def _leaves(chat: Chat) -> list[str]:
    """Return the ends of a chat's branches, first the one that was seen last."""
    parents = {message.parent for message in chat.messages.values()}
    last = _last(chat)
    return [last, *(id for id in chat.messages if id not in parents and id != last)]


def _path(chat: Chat, leaf: str) -> list[Message]:
    """Return the messages up to a leaf, oldest first."""
    path: list[Message] = []
    at: str | None = leaf
    while at is not None and len(path) < len(chat.messages):
        path.append(chat.messages[at])
        at = path[-1].parent
    return path[::-1]


def _turns(chat: Chat, thread: str, path: Iterable[Message]) -> Iterator[Turn]:
    """Yield the turns of a path: what the user said, up to the last reply before they go on."""
    parent: str | None = None
    for messages in _exchanges(path):
        id = digest(f"{chat.id}\n{messages[-1].id}")
        said = tuple(
            Said(
                id=digest(f"{chat.id}\n{message.id}\n"),
                role="user" if message.role == "user" else "assistant",
                text=message.text[:LONGEST],
                at=message.at,
            )
            for message in messages
        )
        yield Turn(id=id, parent=parent, thread=thread, at=messages[-1].at, messages=said)
        parent = id


def _exchanges(path: Iterable[Message]) -> Iterator[list[Message]]:
    exchange: list[Message] = []
    for message in path:
        if message.role == "user" and exchange and exchange[-1].role == "assistant":
            yield exchange
            exchange = []
        exchange.append(message)
    if exchange:
        yield exchange


async def _write_statements(
    parts: Parts, owner: Owner, statements: Sequence[Statement], present: set[str]
) -> int:
    """Write facts of another memory, each with a turn of its own as its source.

    One that was deleted here stays so, save where it was stated after that.
    """
    journal, thread = parts.stores.journal, digest(f"{owner.key}\nimported facts")
    turns: list[Turn] = []
    facts: list[Fact] = []
    view = await journal.read(owner)
    parent = view.refs.get(thread)
    stored = await parts.stores.memories.facts(owner, view.generation)
    deleted = {turn_of(ref): f.observed_at for f in stored if f.deleted for ref in f.sources}
    for statement in statements:
        text = statement.text.strip()[:LONGEST]
        id = digest(f"fact\n{text}")
        if id in deleted and statement.dated and statement.at > deleted[id]:
            id = digest(f"fact\n{text}\n{statement.at.isoformat()}")
        if id in present:
            continue
        present.add(id)
        said = Said(id=digest(f"{id}\n"), role="user", text=text, at=statement.at)
        turn = Turn(id=id, parent=parent, thread=thread, at=statement.at, messages=(said,))
        source = turn.ref(0)
        facts.append(
            Fact(
                id=fact_id(text, source),
                text=text,
                sources=(source,),
                observed_at=statement.at,
                valid_from=statement.at,
            )
        )
        turns.append(turn)
        parent = turn.id
    if not turns:
        return 0
    await journal.note_thread(owner, view.generation, thread)
    for batch in _batches(turns, AT_ONCE):
        view = await journal.add_turns(owner, view.generation, batch, thread, batch[-1].id)
    await parts.stores.memories.put(owner, view.generation, *facts)
    await journal.extracted(owner, view.generation, view.seq, [key_of(fact) for fact in facts])
    tier = parts.settings.tier(None, owner.character_id)
    for batch in _batches(turns, parts.settings.fold_turns):
        window = Window(thread, tuple(turn.id for turn in batch))
        await fold_window(parts, owner, view.generation, window, tier)
    return len(facts)
