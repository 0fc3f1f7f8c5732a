"""The history that a client sends with a run on a new thread, found where it was told before.

Clients of the LangGraph server that keep the conversation themselves run without a thread and send
all of it every time: what was said before is no second time remembered, and the conversation stays
one.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig

from domain.histories import exchanges, length_of, pairs_of, plain, reached, told_before
from domain.journal import JournalView
from domain.owner import Owner
from domain.records import Turn
from nodes.messages.stamps import kept_text
from nodes.state import Parts
from stores.errors import StoreUnavailable


@dataclass(frozen=True)
class SentHistory:
    """What came with a run, and how much of it is known."""

    head: str
    """The turn that the run goes on from: with it the known part ends, or `new` came before."""
    new: list[AnyMessage]
    """The messages after that."""
    whole: bool
    """Whether nothing is known before what came."""
    thread: str | None = None
    """The thread that goes on here, or on which `new` was said before; None: the run's own."""


async def told_elsewhere(
    parts: Parts,
    owner: Owner,
    view: JournalView,
    messages: Sequence[AnyMessage],
    *,
    joins: bool,
) -> SentHistory | None:
    """Return where a run on a new thread goes on from; None where nothing it sends is known.

    Args:
        parts: Of the running graph.
        owner: Who talks.
        view: A reading of the owner's journal.
        messages: What came with the run.
        joins: Whether the thread may be one on which such a conversation went on before.

    Raises:
        StoreUnavailable: If the checkpoints do not answer.
    """
    ends = _ends_of_exchanges(messages)
    if not ends or not all(isinstance(m, HumanMessage | AIMessage) for m in messages):
        return None
    known = [*view.turns.values()]
    sent = await asyncio.to_thread(_found, known, view, messages, ends, joins)
    if sent is None or not sent.whole:
        try:  # The rows of recall, which the turn needs anyway.
            rows = await parts.stores.recall.rows(owner, view)
        except (StoreUnavailable, OSError):
            pass  # What is not known for sure is new: nothing is lost.
        else:
            known += rows.folded.values()
            sent = await asyncio.to_thread(_found, known, view, messages, ends, joins)
    if sent is None:
        return None
    if sent.thread is not None:
        config: RunnableConfig = {"configurable": {"thread_id": sent.thread}}
        async for _ in parts.stores.checkpointer.alist(config, limit=1):
            break  # Somebody goes on there who names it.
        else:
            return sent
    # A thread of its own that began with more than was sent would keep that from being deleted.
    return replace(sent, thread=None) if sent.whole else None


def _ends_of_exchanges(messages: Sequence[AnyMessage]) -> list[int]:
    """Return after how many messages each exchange ends that a message of the user follows."""
    return [
        at
        for at, (before, message) in enumerate(pairwise(messages), 1)
        if isinstance(before, AIMessage) and isinstance(message, HumanMessage)
    ]


def _found(
    turns: Iterable[Turn],
    view: JournalView,
    messages: Sequence[AnyMessage],
    ends: Sequence[int],
    joins: bool,
) -> SentHistory | None:
    """Return how much of what came is known among turns; None where nothing is."""
    live = reached(turns, view.refs.values())
    texts = [("user" if isinstance(m, HumanMessage) else "", kept_text(m)) for m in messages]
    length, head = told_before(live, [*exchanges(texts[: ends[-1]])], {*view.refs.values()})
    if head is None:
        return None
    new = [*messages[ends[length - 1] :]]
    whole = length_of(live, head) == length
    ids = {message.id for message in new}
    newest = [plain(user) for user, _ in exchanges(texts[ends[length - 1] :])]
    if not joins:
        return SentHistory(head, new, whole)
    for turn in live.values():
        if turn.parent != head or view.refs.get(turn.thread) != turn.id:
            continue
        if any(said.id in ids for said in turn.messages):
            return SentHistory(turn.id, new, whole, turn.thread)
        if [user for user, _ in pairs_of(turn)] == newest:
            return SentHistory(head, new, whole, turn.thread)
    thread = live[head].thread
    return SentHistory(head, new, whole, thread if view.refs.get(thread) == head else None)
