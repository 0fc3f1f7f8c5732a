"""The first step of a turn: finds where the run begins, and whether its turn can be taken."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from langchain_core.messages import AnyMessage
from langgraph.config import get_config
from langgraph.runtime import Runtime

from domain.as_of import as_of_date
from domain.journal import JournalView
from domain.owner import Owner, owner_of_run
from domain.records import Turn
from domain.text.moments import zone_of
from nodes.messages.checked_state import CheckedState, replaced, signatures_of, typed
from nodes.messages.refusal import new_messages, refusal, refused
from nodes.messages.sent_history import told_elsewhere
from nodes.messages.signatures import STAMP, Signatures
from nodes.messages.sorting import sort_messages
from nodes.messages.stamps import count_by_turn, turn_id, turn_messages, update_to, without_stamp
from nodes.messages.unsaved_turns import unsaved_turns
from nodes.run_marks import TEMPORARY
from nodes.state import ChatContext, ChatState, Origin, Parts
from stores.checkpoint_pruning import at_checkpoint
from stores.errors import GenerationMoved
from stores.open import Stores
from stores.summaries import path_of

_LASTING = UUID("5a3c1b0e-6f55-4c1f-9a53-0c7f3a0e8b1d")
"""The namespace of the threads of runs whose own is temporary, drawn at random."""

_FIRST_STEP = 1
"""The number that LangGraph gives this step in a run that begins with no checkpoint."""
_OWN_STEPS = 2
"""Checkpoints that a run itself writes before this step: of its input, and of its start."""


async def locate(parts: Parts, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
    """Return where the run begins; the journal is read once for all steps before the reply.

    What is refused is taken out of the thread, so that no later turn finds it there; the
    refusal itself is raised by the step that joins the reads.

    Raises:
        ValueError: If the context names an unknown tier, an empty id or no date.
        StoreUnavailable: If the journal does not answer.
    """
    origin, messages = await find_origin(parts, state, runtime)
    origin, came = await sort_messages(parts, origin, messages, state)
    update: dict[str, Any] = {
        "messages": update_to(state["messages"], came.messages),
        "in_thread": count_by_turn(came.messages),
        "refusal": None,
        "answered": None,
        "origin": origin,
        **replaced(state),
    }
    if came.again is not None and all(turn_id(m) is not None for m in came.messages):
        return update | {"answered": came.again}
    problem = await refusal(parts, origin, came.messages, runtime.context.persona)
    if problem is not None:
        return update | {
            "messages": await refused(parts, origin, came.messages, state["messages"]),
            "in_thread": typed(state).get("in_thread", {}),
            "refusal": problem,
        }
    if came.left:  # Whoever goes on after a breakpoint goes on from there.
        update |= {"head": origin.head, "root": origin.root}
    if origin.thread not in origin.view.threads:
        try:
            await parts.stores.journal.note_thread(
                origin.owner, origin.view.generation, origin.thread
            )
        except GenerationMoved:
            return await locate(parts, state, runtime)  # Reset meanwhile: it begins after that.
    return update


@dataclass(frozen=True)
class _Place:
    """Where a thread stands, as the one who talks on it may see it; see `Origin` for the fields."""

    messages: list[AnyMessage]
    """Those of its state, with no stamp on them that is not ours."""
    head: str | None = None
    root: str | None = None
    foreign: bool = False
    reset: bool = False
    lost: bool = False
    thread: str | None = None


async def find_origin(
    parts: Parts, state: ChatState, runtime: Runtime[ChatContext]
) -> tuple[Origin, list[AnyMessage]]:
    """Find where a run begins, from its state and one reading of the journal.

    Returns:
        Where it begins, and the thread's messages with no stamp on them that is not ours.

    Raises:
        ValueError: If the context names an unknown tier or time zone, an empty id or no date.
        StoreUnavailable: If the journal does not answer.
    """
    context = runtime.context
    owner = owner_of_run(runtime, state)
    thread = _thread()
    named = context.timezone or parts.settings.timezone
    zone = await asyncio.to_thread(zone_of, named) if named else None
    fields, messages = typed(state), list(state["messages"])
    view = await parts.stores.journal.read(owner, fields.get("head") or fields.get("root"))
    place = await _another_ones(parts, owner, view, thread, fields, messages)
    if place is None and await _from_before_a_reset(parts.stores, owner, view, thread, state):
        said = [message for message in messages if STAMP not in message.additional_kwargs]
        place = _Place(said, head=view.refs.get(thread), reset=True)
    place = place or await _own(parts, owner, view, thread, fields, messages)
    origin = Origin(
        owner=owner,
        thread=place.thread or thread,
        tier=parts.settings.tier(context.tier, owner.character_id),
        view=view,
        head=place.head,
        root=place.root,
        reset=place.reset,
        foreign=place.foreign,
        as_of=as_of_date(context.as_of, zone),
        zone=zone,
        lost=place.lost,
        joined=place.thread is not None,
    )
    return origin, place.messages


async def _from_before_a_reset(
    stores: Stores, owner: Owner, view: JournalView, thread: str, state: ChatState
) -> bool:
    """Return whether a run loaded what it begins with before its owner was reset.

    The state of a turn says under which generation; that of a message that waits for its thread's
    first turn does not. Then a reset is under way, or took the checkpoint away that it came from.
    """
    fields = typed(state)
    if "owner" in fields:
        return fields.get("generation") != view.generation
    step: int = get_config()["metadata"]["langgraph_step"]
    alone = len(new_messages(state["messages"])) < 2
    if view.generation is None or thread in view.threads or step <= _FIRST_STEP or alone:
        return False
    backend = stores.journal.backend
    for generation in await backend.older(owner):
        if not (await backend.read_generation(owner, generation)).ended:
            return True
    saved = stores.checkpointer.alist(at_checkpoint(thread, "", ""))
    return not any([each.metadata["step"] < step - _OWN_STEPS async for each in saved])


async def _another_ones(
    parts: Parts,
    owner: Owner,
    view: JournalView,
    thread: str,
    fields: Mapping[str, Any],
    messages: Sequence[AnyMessage],
) -> _Place | None:
    """Return the place of a thread that belongs to another owner; None for any other thread."""
    if thread in view.threads:
        return None
    holder = await parts.stores.journal.thread_owner(thread)
    stated = fields.get("owner")
    holder_key = holder.key if holder else stated or owner.key
    if holder_key == owner.key:
        return None
    signatures = Signatures(parts.stores.key, stated or holder_key, fields.get("generation"))
    said = [m if signatures.valid(m) else without_stamp(m) for m in messages]
    return _Place(said, foreign=True)


async def _own(
    parts: Parts,
    owner: Owner,
    view: JournalView,
    thread: str,
    fields: Mapping[str, Any],
    messages: Sequence[AnyMessage],
) -> _Place:
    """Return the place of an owner's own thread, or of a new one."""
    checked = CheckedState(parts, owner, view)
    said = await checked.messages(messages)
    if "owner" not in fields and thread not in view.refs:
        sent = await told_elsewhere(parts, owner, view, said, joins=_temporary())
        if sent is not None:
            return _Place(sent.new, head=sent.head, root=sent.head, thread=sent.thread)
    if "owner" not in fields and not checked.has_turns:
        newest = said[-1].id if said else None
        root, lost = await _first_root(parts.stores, thread, owner, view, newest)
        return _Place(said, head=root, root=root, lost=lost)
    head = await checked.head(fields, thread)
    unsaved = await unsaved_turns(parts.stores, view, thread, head, said)
    if unsaved:
        head = unsaved[-1].id
        said = _joined(said, unsaved, signatures_of(parts, owner, view.generation))
    return _Place(said, head=head, root=fields.get("root"))


def _joined(
    messages: Sequence[AnyMessage], turns: Sequence[Turn], signatures: Signatures
) -> list[AnyMessage]:
    """Return a thread's messages with turns after those that it has."""
    count = max((at for at, m in enumerate(messages, 1) if turn_id(m) is not None), default=0)
    between = [message for turn in turns for message in turn_messages(turn, signatures)]
    return [*messages[:count], *between, *messages[count:]]


async def _first_root(
    stores: Stores, thread: str, owner: Owner, view: JournalView, newest: str | None
) -> tuple[str | None, bool]:
    """Return what a thread began from when this state does not say, and whether that was lost.

    Another checkpoint of the thread may (this run forks off before its first turn); if none
    is left, or the newest was lost, the thread goes on from its ref. Or they were never written,
    since the store failed after the turn was kept: whoever then says the same once more (`newest`
    is the id of the last message that came), and nothing newer, takes that turn's place.
    """
    ref = view.refs.get(thread)
    if stores.checkpointer.lost(thread):
        return ref, True
    async for checkpoint in stores.checkpointer.alist({"configurable": {"thread_id": thread}}):
        values = typed(checkpoint.checkpoint["channel_values"])
        if values.get("owner") == owner.key and values.get("generation") == view.generation:
            root: str | None = values.get("root")
            return root, False
    last = view.turns.get(ref or "")
    if last is not None and any(m.role == "user" and m.id == newest for m in last.messages):
        return last.parent, False
    return ref, ref is not None


def borrowed_turns(state: ChatState, origin: Origin, count: int, now: datetime) -> list[str]:
    """Return the last turns of the previous conversation, chosen at the thread's first turn."""
    if "borrowed" in state and not origin.reset:
        borrowed: list[str] = typed({"borrowed": state["borrowed"]}).get("borrowed", [])
        return borrowed
    view = origin.view
    previous = view.last_thread(now, but=origin.thread)
    if origin.head is not None or previous is None:
        return []
    path = path_of(view, view.refs[previous])
    return list(path.journal[-count:]) if count else []


def _thread() -> str:
    """Return the thread of a run; one of its own where the server deletes the run's at the end."""
    configurable = get_config()["configurable"]
    thread = str(configurable["thread_id"])
    return str(uuid5(_LASTING, thread)) if _temporary() else thread


def _temporary() -> bool:
    """Return whether the server deletes the run's thread at its end."""
    return bool(get_config()["configurable"].get(TEMPORARY))
