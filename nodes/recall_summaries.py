"""Reads what was said earlier on this branch: the summaries of its folded part."""

from typing import Any

from langgraph.runtime import Runtime

from nodes.state import ChatContext, ChatState, Parts, SummariesRead
from stores.errors import StoreUnavailable


class RecallSummaries:
    """Brings the episodes of the branch that this run goes on with."""

    def __init__(self, parts: Parts) -> None:
        """Build with the parts of a running graph."""
        self._parts = parts

    async def __call__(self, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
        """Return the branch's episodes; none, marked as missed, if the stores are down."""
        if state.get("refusal") is not None:
            return {}
        origin = state["origin"]
        try:
            branch = await self._parts.stores.summaries.branch(
                origin.owner, origin.view, origin.head, fresh=origin.off_refs
            )
        except StoreUnavailable:
            return {"summaries": SummariesRead(missed=True)}
        if branch is None:
            return {"summaries": SummariesRead()}
        return {"summaries": SummariesRead(branch.notes, branch.partial)}
