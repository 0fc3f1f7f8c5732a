"""What a person changes of their memory: a fact put into other words or deleted, a statement added.

The one way of the routes, the page, the terminal and other programs; whose memory it is has been
decided by then.
"""

from uuid import uuid4

from domain.facts import facts
from domain.facts.forgetting import Reach, Wanted
from domain.owner import Owner
from domain.records import Fact, Said, Turn
from graph.remember import run
from nodes.extract_facts import extract_or_forget
from nodes.schedule import schedule
from nodes.state import Parts
from service.memory_view import remembered
from stores.errors import NoSuchFact, StoreUnavailable, ThreadMoved
from stores.maintenance.forgetting import forget, reached_by

REPLY = "Noted."
"""What stands as the reply to a statement that was put in from outside a conversation."""


async def edit_fact(parts: Parts, owner: Owner, id: str, text: str) -> Fact:
    """Put a fact into other words; return the fact that says it now.

    Raises:
        NoSuchFact: If the owner is shown no fact of that id.
        ValueError: If the new words say nothing.
        GenerationMoved: If the owner was reset meanwhile; nothing is changed.
    """
    fact, generation = await _fact(parts, owner, id)
    written = facts.edit(fact, text, parts.now())
    if written:
        await parts.stores.write_and_tell(owner, generation, *written)
    return written[0] if written else fact


async def delete_fact(parts: Parts, owner: Owner, id: str) -> None:
    """Delete a fact: no prompt holds it again, nor what was said of it in other words.

    Raises:
        NoSuchFact: If the owner is shown no fact of that id.
        GenerationMoved: If the owner was reset meanwhile; nothing is changed.
    """
    fact, generation = await _fact(parts, owner, id)
    await forget(parts.stores, owner, generation, Wanted(ids={fact.id}), now=parts.now())


async def what_says(parts: Parts, owner: Owner, text: str) -> Reach:
    """Return what says the same as `text`, and would be forgotten with it."""
    view = await parts.stores.journal.read(owner)
    return await reached_by(parts.stores, owner, view.generation, Wanted(statements=[text]))


async def forget_what_says(parts: Parts, owner: Owner, text: str) -> Reach:
    """Forget whatever says the same as `text`: facts, and in prompts the messages that say it.

    Raises:
        GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
    """
    view, wanted = await parts.stores.journal.read(owner), Wanted(statements=[text])
    return await forget(parts.stores, owner, view.generation, wanted, now=parts.now())


async def add_statement(parts: Parts, owner: Owner, text: str, thread: str) -> bool:
    """Take a statement as if the user had made it on `thread`; facts are drawn from it as ever.

    A wish to forget is obeyed before this returns.

    Returns:
        Whether it was a wish to forget, which is not remembered itself.

    Raises:
        GenerationMoved: If the owner was reset meanwhile; nothing is kept.
        StoreUnavailable: If a store does not answer.
    """
    journal, now = parts.stores.journal, parts.now()
    view = await journal.read(owner)
    if thread not in view.threads:
        await journal.note_thread(owner, view.generation, thread)
    messages = (
        Said(id=uuid4().hex, role="user", text=text, at=now),
        Said(id=uuid4().hex, role="assistant", text=REPLY, at=now),
    )
    turn = Turn(
        id=uuid4().hex, parent=view.refs.get(thread), thread=thread, at=now, messages=messages
    )
    generation = view.generation
    while view.refs.get(thread) != turn.id:
        try:
            view = await journal.add_turns(
                owner, generation, [turn], thread, turn.id, after=turn.parent
            )
        except ThreadMoved:  # By another statement at the same time: this one follows it.
            end = (await journal.read(owner)).refs.get(thread)
            turn = turn.model_copy(update={"parent": end})
    tier = parts.settings.tier(None, owner.character_id)
    work = schedule(parts, owner, tier, view, thread, turn.id)
    if work.asks:
        _, failed = await extract_or_forget(parts, owner, view.generation, tier, thread, work)
        if turn.id in (await journal.read(owner)).withheld:
            return True
        if failed:
            raise StoreUnavailable(f"It may not be forgotten yet; ask again. ({failed[-1]})")
    parts.stores.background.start(owner, lambda: run(parts, owner, thread=thread))
    return False


async def _fact(parts: Parts, owner: Owner, id: str) -> tuple[Fact, str | None]:
    """Return a fact that its owner is shown, and the generation that it was read under."""
    shown = await remembered(parts.stores, owner)
    for standing in shown.facts:
        if standing.fact.id == id:
            return standing.fact, shown.generation
    if await parts.stores.memories.fact(owner, shown.generation, id) is not None:
        # Perhaps deleted by a request that broke off before every process was told.
        await parts.stores.journal.rows_changed(owner, shown.generation, [("fact", id)])
    raise NoSuchFact(id)
