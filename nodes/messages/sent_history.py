"""The history that a client sends with a run on a new thread, found where it was told before.

Clients of the LangGraph server that keep the conversation themselves run without a thread and send
all of it every time: what was said before is no second time remembered, and the conversation stays
one.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from domain.clean_text import clean
from domain.histories import exchanges, pairs_of, plain, reached, told_before
from domain.journal import JournalView
from domain.owner import Owner
from domain.records import Turn
from domain.turns import chain, parents_of
from models.parts import text_of
from nodes.state import Parts
from stores.errors import StoreUnavailable


@dataclass(frozen=True)
class SentHistory:
    """What came with a run, and how much of it is known."""

    head: str | None
    """The turn that the known part ends with."""
    new: list[AnyMessage]
    """The messages after that."""
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
    ids = {m.id for m in messages if isinstance(m, HumanMessage) and m.id} if joins else set()
    if not ends and not any(s.id in ids for turn in view.turns.values() for s in turn.messages):
        return None
    known = [*view.turns.values()]
    sent = await asyncio.to_thread(_found, known, view, messages, ends, ids)
    if ends and (sent is None or len(sent.new) > len(messages) - ends[-1]):
        try:  # The rows of recall, which the turn needs anyway.
            rows = await parts.stores.recall.rows(owner, view)
        except (StoreUnavailable, OSError):
            pass  # What is not known for sure is new: nothing is lost.
        else:
            known += rows.folded.values()
            sent = await asyncio.to_thread(_found, known, view, messages, ends, ids)
    if sent is None or not joins or sent.thread is None:
        return sent and replace(sent, thread=None)
    saved = parts.stores.checkpointer.alist({"configurable": {"thread_id": sent.thread}}, limit=1)
    async for _ in saved:  # Somebody goes on there who names it.
        return replace(sent, thread=None)
    return sent


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
    ids: Collection[str],
) -> SentHistory | None:
    """Return how much of what came is known among turns; None where nothing is."""
    live = reached(turns, view.refs.values())
    texts = [("user" if isinstance(m, HumanMessage) else "", _text(m)) for m in messages]
    history = [*exchanges(texts[: ends[-1]])] if ends else []
    length, head = told_before(live, history, {*view.refs.values()})
    new = [*messages[ends[length - 1] if length else 0 :]]
    came = {message.id for message in new if message.id in ids}
    for turn in live.values():
        ref = view.refs.get(turn.thread)
        said_before = any(said.id in came for said in turn.messages)
        if said_before and turn.id in chain(ref, parents_of(live.values())):
            return SentHistory(ref, new, turn.thread)
    if head is None:
        return None
    newest = [pair[0] for pair in exchanges(texts[ends[length - 1] :])]
    after = [t for t in live.values() if t.parent == head and view.refs.get(t.thread) == t.id]
    again = next((t for t in after if [plain(newest[0])] == [p[0] for p in pairs_of(t)]), None)
    if again is not None:
        return SentHistory(head, new, again.thread)
    thread = live[head].thread
    return SentHistory(head, new, thread if view.refs.get(thread) == head else None)


def _text(message: AnyMessage) -> str:
    """Return what a message says, as a turn keeps it."""
    return clean(text_of(message.content))
