"""Where a run begins: whose it is, which turn it follows, and what it may see."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from langgraph.config import get_config
from langgraph.runtime import Runtime

from domain.journal import JournalView
from domain.owner import Owner
from domain.turns import refs_seen
from settings import Tier
from stores.open import Stores
from stores.summaries import path_of

if TYPE_CHECKING:
    from nodes.state import ChatContext, ChatState, Parts


FOREIGN = "This thread belongs to another conversation: start a thread of your own."
"""What a turn on another owner's thread is told; it does not name the other."""


class TurnRefused(ValueError):
    """A turn that cannot be taken. Its message is one sentence for the user; nothing is kept."""


@dataclass(frozen=True)
class Origin:
    """Where a run begins. Nodes that run at once find the same one."""

    owner: Owner
    thread: str
    tier: Tier
    view: JournalView
    head: str | None
    """The turn that this one follows."""
    root: str | None
    """What the thread's checkpoints began from."""
    reset: bool
    """True where the state is from before a reset: none of it may be used."""
    foreign: bool
    """True where the thread belongs to another owner."""
    as_of: datetime | None

    @property
    def refs(self) -> tuple[str, ...]:
        """The refs as this run sees them."""
        return refs_seen(self.view.refs, self.thread, self.head)

    @property
    def off_refs(self) -> bool:
        """True where the run goes on from a turn that no thread ends with, as an edit does."""
        return self.head not in self.view.refs.values()


async def locate(state: "ChatState", runtime: "Runtime[ChatContext]", parts: "Parts") -> Origin:
    """Find where a run begins, from its state and one reading of the journal.

    Raises:
        ValueError: If the context names an unknown tier, an empty id or no date.
        StoreUnavailable: If the journal does not answer.
    """
    context = runtime.context
    owner = Owner(_user(runtime), context.character_id)
    thread = str(get_config()["configurable"]["thread_id"])
    view = await parts.stores.journal.read(owner)
    known = "owner" in state
    foreign = known and state["owner"] != owner.key
    reset = known and not foreign and state.get("generation") != view.generation
    head: str | None = None
    root: str | None = None
    if known and not foreign and not reset:
        root = state.get("root")
        head = state.get("head") or root
    elif not known:
        holder = await parts.stores.journal.backend.thread_owner(thread)
        foreign = holder is not None and holder != owner
        if not foreign:
            said = {message.id for message in state["messages"]}
            root = await _first_root(parts.stores, thread, owner, view, said)
            head = root
    return Origin(
        owner=owner,
        thread=thread,
        tier=parts.settings.tier(context.tier),
        view=view,
        head=head,
        root=root,
        reset=reset,
        foreign=foreign,
        as_of=as_of_date(context.as_of),
    )


async def _first_root(
    stores: Stores, thread: str, owner: Owner, view: JournalView, said: Container[str | None]
) -> str | None:
    """Return what a thread began from when this state does not say.

    Another checkpoint of the thread may (this run forks off before its first turn); if none
    is left, they have expired, and the thread goes on from its ref. Or they were never written,
    since the store failed after the turn was kept: whoever then says the same once more (`said`,
    ids of messages) takes that turn's place.
    """
    async for found in stores.checkpointer.alist({"configurable": {"thread_id": thread}}):
        values = found.checkpoint["channel_values"]
        if values.get("owner") == owner.key and values.get("generation") == view.generation:
            root = values.get("root")
            return str(root) if root else None
    last = view.turns.get(view.refs.get(thread, ""))
    if last is not None and any(one.role == "user" and one.id in said for one in last.messages):
        return last.parent
    return view.refs.get(thread)


def borrowed_turns(state: "ChatState", origin: Origin, count: int) -> list[str]:
    """Return the last turns of the previous conversation, chosen at the thread's first turn."""
    if "borrowed" in state and not origin.reset:
        return state["borrowed"]
    view = origin.view
    last = {
        thread: note.last
        for thread, note in view.threads.items()
        if thread != origin.thread and note.last is not None and thread in view.refs
    }
    if origin.head is not None or not last:
        return []
    previous = max(last, key=lambda thread: last[thread])
    path = path_of(view, view.refs[previous])
    return list(path.journal[-count:]) if count else []


def _user(runtime: "Runtime[ChatContext]") -> str:
    """Return who is talking: the authenticated user, where there is one."""
    info = runtime.server_info
    if info is not None and info.user is not None and info.user.is_authenticated:
        return str(info.user.identity)
    return runtime.context.user_id


def as_of_date(text: str | None) -> datetime | None:
    """Return the moment that a context's `as_of` names: the end of that day; None for none.

    Raises:
        ValueError: If it is no date.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f'as_of is no date: "{text}"; write it like 2026-05-31.') from error
    if len(text) <= len("2026-05-31"):
        at = at.replace(hour=23, minute=59, second=59)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
