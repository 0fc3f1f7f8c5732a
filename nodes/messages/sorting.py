"""Sorts what came on a thread, by what its turns said: new, said before, edited, or taken out.

Reads what `said_again.py` decides by. The turns of the journal are at hand; folded ones are looked
up by the ids of messages in the rows of recall, whose index a turn that recalls loads anyway.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages

from domain.facts.forgetting import Wanted
from domain.records import Turn
from domain.turns import chain, parents_of
from nodes.messages.checked_state import signatures_of, typed
from nodes.messages.refusal import new_messages
from nodes.messages.said_again import (
    Arrived,
    arrived,
    begins_later,
    may_be_folded,
    removed,
)
from nodes.messages.stamps import count_by_turn, turn_id, turn_messages
from nodes.state import ChatState, Origin, Parts
from stores.errors import StoreUnavailable
from stores.maintenance.forgetting import forget
from stores.summaries import path_of


async def sort_messages(
    parts: Parts, origin: Origin, messages: list[AnyMessage], state: ChatState
) -> tuple[Origin, Arrived]:
    """Tell what is new from what was said before, and withhold what was taken out.

    A thread whose checkpoints are gone has the turns of the journal again.

    Raises:
        StoreUnavailable: If a store is needed for that and does not answer.
    """
    if origin.head is None:
        return origin, Arrived(messages, None)
    view, stores = origin.view, parts.stores
    turns = [view.turns[id] for id in path_of(view, origin.head).journal]
    in_thread: dict[str, int] = {}
    if "owner" not in state or origin.reset:
        if all(turn_id(message) is None for message in messages):
            in_thread = count_by_turn(_refilled(parts, origin, [], turns))
        messages = _refilled(parts, origin, messages, turns)
    else:  # A version that did not say took no turn of the journal out of a thread.
        every = {turn.id: len(turn.messages) for turn in turns}
        in_thread = typed(state).get("in_thread", every)
    turns = await _followed(parts, origin, messages, turns)
    signatures = signatures_of(parts, origin.owner, view.generation)
    came = arrived(messages, origin.head, turns, signatures, in_thread, view.withheld)
    if came.left:
        before = [turn for turn in turns if turn.id not in came.left]
        came = replace(came, messages=_refilled(parts, origin, came.messages, before))
    gone = removed(came, in_thread) - view.withheld
    if gone:
        wanted = Wanted(removed=gone)
        await forget(stores, origin.owner, view.generation, wanted, now=parts.now())
        view = await stores.journal.read(origin.owner, origin.head)
    root = None if came.head is None else origin.root  # Nothing comes before an edit of the first.
    return replace(origin, view=view, head=came.head, root=root), came


async def _followed(
    parts: Parts, origin: Origin, messages: Sequence[AnyMessage], turns: list[Turn]
) -> list[Turn]:
    """Return the turns that a run follows, oldest first, with folded ones where they are needed.

    Args:
        parts: Of the running graph.
        origin: Where the run begins.
        messages: Of the thread, with those that came.
        turns: Those that no episode holds.

    Raises:
        StoreUnavailable: If something came in the place of a folded turn, and none can be read.
            Where that is not sure, it is new: nothing is lost.
    """
    view, in_place = origin.view, may_be_folded(messages, turns)
    earlier = path_of(view, origin.head).top is not None and begins_later(messages)
    if not in_place and not earlier:
        return turns
    try:
        if origin.tier.remembers:
            await parts.stores.recall.load(origin.owner, view)
        rows = await parts.stores.recall.rows(origin.owner, view)
    except (StoreUnavailable, OSError):
        if in_place:
            raise
        return turns
    if not in_place and rows.folded_messages.isdisjoint(m.id for m in new_messages(messages)):
        return turns
    known = {**rows.folded, **view.turns}
    return [known[id] for id in chain(origin.head, parents_of(known.values()))]


def _refilled(
    parts: Parts, origin: Origin, messages: list[AnyMessage], turns: Sequence[Turn]
) -> list[AnyMessage]:
    """Return a thread's messages; where it has none of its turns, after the last of these.

    All that no episode holds, and as many more as a thread keeps; none that is withheld.
    """
    if any(turn_id(message) is not None for message in messages):
        return messages
    view = origin.view
    signatures = signatures_of(parts, origin.owner, view.generation)
    before: list[Any] = []
    for turn in reversed([turn for turn in turns if turn.id not in view.withheld]):
        count = len(before) + len(turn.messages)
        if count > parts.settings.thread_keep and turn.id not in view.turns:
            break
        before = [*turn_messages(turn, signatures), *before]
    # As if they had been there when the others came: each id stands once.
    came: list[Any] = [*messages]
    return list(cast("list[AnyMessage]", add_messages(before, came)))
