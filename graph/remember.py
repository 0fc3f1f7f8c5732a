"""Folding and extraction as a graph of their own: after a turn in the background, or to the end.

START ─ look ─┬─ extract_facts ─ look
              ├─ summarize ───── look
              └─ END (nothing left, or another worker is at it)
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from operator import add
from typing import Annotated, Any, Protocol

from langgraph.channels import UntrackedValue
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph_sdk import get_client
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from domain.folding import Window, live_journal, next_window
from domain.journal import JournalView
from domain.owner import Owner
from domain.tiers import Tier
from graph.parts import process_parts
from nodes.extract_facts import extract
from nodes.schedule import schedule
from nodes.state import Parts, Schedule
from nodes.summarize import fold_window
from stores.errors import GenerationMoved

STEPS = 10_000
"""Of one run, at most: a journal that nobody folded for years takes many."""


class RememberInput(BaseModel):
    """Whose journal is to be folded and extracted from."""

    user_id: str = Field(description="Who was talking.")
    character_id: str = Field(default="default", description="Whom they talked with.")
    tier: str | None = Field(default=None, description="Their tier. Empty: the setting's.")
    thread: str | None = Field(
        default=None,
        description="Only the memory work that a turn on this thread calls for. Empty: all of it.",
    )
    facts_only: bool = Field(
        default=False, description="Note the facts of all that was said, and fold nothing."
    )


class RememberOutput(TypedDict):
    """What was done."""

    episodes: int
    folded: int
    facts_added: list[str]


class RememberState(TypedDict, total=False):
    """What one run has done so far, and what it does next."""

    user_id: str
    character_id: str
    tier: str | None
    thread: str | None
    facts_only: bool
    episodes: Annotated[int, add]
    """Episodes written."""
    folded: Annotated[int, add]
    """Messages folded into them."""
    facts_added: Annotated[list[str], add]
    """Texts of the facts added."""
    extracted: int
    """The owner's turns when this run last extracted: what it did not find then, it never will."""

    generation: Annotated[str | None, UntrackedValue]
    seq: Annotated[int, UntrackedValue]
    window: Annotated[Window | None, UntrackedValue]
    extracting: Annotated[bool, UntrackedValue]


class Step(Protocol):
    """A node, as LangGraph calls it."""

    async def __call__(self, state: RememberState) -> dict[str, Any]:
        """Return what the step adds to the state."""


Builder = StateGraph[RememberState, None, RememberInput, RememberOutput]


def build(parts: Parts | None = None) -> Builder:
    """Return the graph, uncompiled. Without `parts` it runs on those of this process."""

    def step(work: Callable[[Parts, RememberState], Awaitable[dict[str, Any]]]) -> Step:
        async def run(state: RememberState) -> dict[str, Any]:
            return await work(parts or await process_parts(), state)

        return run

    graph: Builder = StateGraph(
        RememberState, input_schema=RememberInput, output_schema=RememberOutput
    )
    graph.add_node("look", step(_look))
    graph.add_node("extract_facts", step(_extract_facts))
    graph.add_node("summarize", step(_summarize))
    graph.add_edge(START, "look")
    graph.add_conditional_edges("look", after_look, ["extract_facts", "summarize", END])
    graph.add_edge("extract_facts", "look")
    graph.add_edge("summarize", "look")
    return graph


async def after_look(state: RememberState) -> str:
    """Extract first: the turns are at hand while the journal holds them."""
    if state["extracting"]:
        return "extract_facts"
    return "summarize" if state["window"] is not None else END


def _owner(state: RememberState) -> Owner:
    return Owner(state["user_id"], state.get("character_id") or "default")


def _tier(parts: Parts, state: RememberState) -> Tier:
    return parts.settings.tier(state.get("tier"), _owner(state).character_id)


async def _look(parts: Parts, state: RememberState) -> dict[str, Any]:
    """Return what is to be done next."""
    view, now = await parts.stores.journal.read(_owner(state)), parts.now()
    tier = _tier(parts, state)
    thread = state.get("thread")
    if thread is None:
        window = None if state.get("facts_only") else _window(view)
        work = Schedule(window, tier.remembers and view.seq > view.cursor)
    else:
        work = schedule(parts, _owner(state), tier, view, thread, view.refs.get(thread))
    taken = view.claim is not None and view.claim.until > now
    busy = view.extracting is not None and view.extracting > now
    return {
        "generation": view.generation,
        "window": None if taken else work.fold,
        "seq": view.seq,
        "extracting": work.extract and not busy and view.seq > state.get("extracted", -1),
    }


def _window(view: JournalView) -> Window | None:
    """Return what to fold next: a window that somebody left behind goes first."""
    if view.claim is not None:
        return Window(view.claim.thread, view.claim.turns)
    return next_window(view, live_journal(view, view.refs.values()))


async def _extract_facts(parts: Parts, state: RememberState) -> dict[str, Any]:
    """Extract from all turns beyond the cursor.

    Raises:
        ModelError: If the memory model failed; the next run tries again.
        StoreUnavailable: If a store does not answer.
    """
    try:
        tier = _tier(parts, state)
        work = await extract(parts, _owner(state), state["generation"], tier)
        added = list(work.added) if work else []
    except GenerationMoved:
        added = []
    return {"facts_added": [fact.text for fact in added], "extracted": state["seq"]}


async def _summarize(parts: Parts, state: RememberState) -> dict[str, Any]:
    """Fold one window.

    Raises:
        ModelError: If no summary could be had; the next run tries again.
        StoreUnavailable: If a store does not answer.
    """
    window = state["window"]
    if window is None:
        return {}
    tier = _tier(parts, state)
    try:
        episode = await fold_window(parts, _owner(state), state["generation"], window, tier)
    except GenerationMoved:
        return {}
    if episode is None:
        return {}
    return {"episodes": 1, "folded": sum(len(turn.messages) for turn in episode.turns)}


async def run(parts: Parts, owner: Owner, *, served: bool = False, **more: Any) -> Any:
    """Run the graph in the background of this process, or as a run of its own on the server.

    Args:
        parts: What it runs on.
        owner: Whose journal.
        served: Whether it is a run of the LangGraph server.
        more: Of `RememberInput`.

    Returns:
        What it did, as `RememberOutput`.
    """
    asked = {"user_id": owner.user_id, "character_id": owner.character_id, **more}
    if served:
        return await get_client().runs.wait(None, "remember", input=asked)
    graph = _compiled(parts)
    return await graph.ainvoke(RememberInput(**asked), {"recursion_limit": STEPS})


@lru_cache(maxsize=4)  # One process has one set of parts; its tests have several.
def _compiled(
    parts: Parts,
) -> CompiledStateGraph[RememberState, None, RememberInput, RememberOutput]:
    return build(parts).compile(name="remember")


builder = build()
graph = builder.compile(name="remember")
