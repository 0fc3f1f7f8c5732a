"""What the thread checkpoints of every backend share: refs, turns, and what pruning keeps.

Decisions only, over ids and steps. Never a store: those are `redis/` and `sqlite/`.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple

from stores.errors import CheckpointGone

KEEP_TURNS = 10
"""How many turns of a thread keep their checkpoints unless the settings say otherwise."""


UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,  # the serializer's word for a type that it does not know
    RecursionError,
)
"""What reading a checkpoint raises that another program wrote over."""
JOINED = "joined"
"""The source of a checkpoint that took the place of the one it followed, in the same turn."""


class ThreadRefs(Protocol):
    """Where each thread's ref is kept: the turn last added to it."""

    def copying(self, source: str, target: str) -> AbstractAsyncContextManager[bool]:
        """Give `target`, which is made a copy of `source` meanwhile, the same ref.

        Raises `GenerationMoved` at the end if the owner was reset meanwhile.
        """

    async def drop(self, thread_id: str) -> None:
        """Forget the ref of a thread, if it has one."""


@dataclass(frozen=True)
class Saved:
    """What pruning needs to know of one checkpoint."""

    namespace: str
    """Empty for the graph itself; `node:task` or `node` for a subgraph."""
    id: str
    """UUIDv6, so ids sort by time."""
    parent: str = ""
    """Id of the checkpoint it followed; empty if none."""
    source: str = "loop"
    """What made it: `input`, `loop`, `update` or `fork`; `JOINED`, as pruning leaves it."""
    step: int = 0
    """Counts up along the thread, also for steps whose checkpoints were never written."""


def begins_turn(saved: Saved, parent: Saved | None) -> bool:
    """Tell whether a checkpoint is the first of a turn, that is of one run of the graph.

    A run that saves as it goes begins with an `input` checkpoint, or goes on from an `update` or
    a `fork`; each `loop` one is a step after its parent. A run that saves only at its end leaves
    one `loop` checkpoint, further than a step from its parent: the steps between were counted but
    never written. Without a parent, it has none that is still held.
    """
    if saved.source != "loop":
        return saved.source == "input"  # Also not where it is JOINED.
    return parent is None or parent.source in ("update", "fork") or saved.step > parent.step + 1


@dataclass(frozen=True)
class Pruned:
    """What is to be written of a new checkpoint, and what goes when it is."""

    saved: Saved
    """The new checkpoint; its parent is the one it follows of those that stay."""
    gone: Sequence[Saved] = ()
    oldest: str = ""
    """Where the checkpoints that stay begin; what older ones left goes too."""


def pruned_by(
    saved: Saved, before: Iterable[Saved], keep_turns: int, *, thin: bool = False
) -> Pruned:
    """Decide what a new checkpoint makes needless of all others of its thread.

    Where it begins a turn: the turns before the last `keep_turns`. Else, if turns are to be thin,
    the one it follows, unless that is the turn's first or something else goes on from it: so a
    turn leaves what came in, the first step and the last, as a graph of one node does; one that
    goes on from a fork or an update leaves the last alone, as such a graph does too.
    """
    checkpoints = {(other.namespace, other.id): other for other in before}
    checkpoints[saved.namespace, saved.id] = saved
    parent = checkpoints.get((saved.namespace, saved.parent))
    if saved.namespace:
        return Pruned(saved)
    if begins_turn(saved, parent):
        oldest = oldest_kept(checkpoints.values(), keep_turns)
        return Pruned(saved, stale(checkpoints.values(), oldest), oldest)
    first = checkpoints.get(("", parent.parent)) if parent else None
    if not thin or saved.source != "loop" or parent is None or first is None:
        return Pruned(saved)
    forked = sum(other.parent == parent.id for other in checkpoints.values()) > 1
    if forked or parent.source not in ("loop", JOINED):
        return Pruned(saved)
    if first.source in ("fork", "update"):
        return Pruned(replace(saved, parent=first.id), (parent,))  # the turn begins with it now
    if first.source != "loop" or begins_turn(parent, first):
        return Pruned(saved)
    return Pruned(replace(saved, parent=first.id, source=JOINED), (parent,))


def oldest_kept(checkpoints: Iterable[Saved], keep_turns: int) -> str:
    """Return the id of the first checkpoint of the last `keep_turns` turns, or "" to keep all."""
    own = {saved.id: saved for saved in checkpoints if saved.namespace == ""}
    begins = sorted(id for id, saved in own.items() if begins_turn(saved, own.get(saved.parent)))
    return begins[-keep_turns] if len(begins) > keep_turns else ""


def stale(checkpoints: Iterable[Saved], oldest: str) -> list[Saved]:
    """Return the checkpoints that nothing from `oldest` on needs.

    Those of a subgraph go with the turn they belong to. One that remembers from turn to turn
    (its namespace names no task) keeps its newest, however old: the next turn starts from it.
    """
    older = [saved for saved in checkpoints if saved.id < oldest]
    resumed = _newest(saved for saved in older if saved.namespace and ":" not in saved.namespace)
    return [saved for saved in older if resumed.get(saved.namespace) != saved]


def superseded(checkpoints: Iterable[Saved]) -> list[Saved]:
    """Return all checkpoints but the newest of each namespace."""
    every = list(checkpoints)
    newest = _newest(every)
    return [saved for saved in every if newest[saved.namespace] != saved]


def _newest(checkpoints: Iterable[Saved]) -> dict[str, Saved]:
    return {saved.namespace: saved for saved in sorted(checkpoints, key=lambda saved: saved.id)}


def matches(metadata: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    """Tell whether a checkpoint's metadata hold every wanted value."""
    return all(metadata.get(key) == value for key, value in (wanted or {}).items())


def at_checkpoint(thread_id: str, namespace: str, id: str = "") -> RunnableConfig:
    """Return the config that addresses one checkpoint; without an id all of the namespace."""
    return {
        "configurable": {"thread_id": thread_id, "checkpoint_ns": namespace, "checkpoint_id": id}
    }


def checked(checkpoint: CheckpointTuple) -> CheckpointTuple:
    """Return a checkpoint that was read, if it is one at all.

    Raises:
        ValueError: If something else was read.
    """
    parts: Any = checkpoint.checkpoint
    metadata: Any = checkpoint.metadata
    fields = ("channel_values", "channel_versions", "versions_seen")
    counted = isinstance(metadata, dict) and type(metadata.get("step")) is int
    named = isinstance(checkpoint.config["configurable"].get("checkpoint_id"), str)
    whole = counted and named and isinstance(parts, dict) and "id" in parts
    if not whole or not all(isinstance(parts.get(name), dict) for name in fields):
        raise ValueError("This is no whole checkpoint.")
    return checkpoint


def refuse_lost_start(config: RunnableConfig) -> None:
    """Refuse a run that names a checkpoint which is not there.

    LangGraph would start it on an empty thread without a word. Only a run carries its runtime in
    the configuration; whoever merely reads a state is told that there is none.

    Raises:
        CheckpointGone: If `config` is that of a run and names a checkpoint.
    """
    if is_run(config) and config.get("configurable", {}).get("checkpoint_id"):
        raise CheckpointGone


def is_run(config: RunnableConfig) -> bool:
    """Return whether a run asks, not somebody who merely reads a state."""
    return "__pregel_runtime" in config.get("configurable", {})
