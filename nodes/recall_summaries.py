"""Reads what was said earlier on this branch: the summaries of its folded part."""

from typing import Any

from langgraph.runtime import Runtime

from nodes.state import ChatContext, ChatState, Parts, SummariesRead
from stores.errors import StoreUnavailable


async def recall_summaries(
    parts: Parts, state: ChatState, runtime: Runtime[ChatContext]
) -> dict[str, Any]:
    """Return the branch's episodes; none, marked as missed, if the stores are down."""
    if state.get("refusal") is not None:
        return {}
    origin = state["origin"]
    try:
        branch = await parts.stores.summaries.branch(
            origin.owner, origin.view, origin.head, fresh=origin.off_refs
        )
    except StoreUnavailable:
        return {"summaries": SummariesRead(missed=True)}
    if branch is None:
        return {"summaries": SummariesRead()}
    return {"summaries": SummariesRead(branch.notes, branch.partial)}
