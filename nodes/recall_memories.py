"""Asks long-term memory for what belongs to this message: evidence, episodes, facts, entities."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.runtime import Runtime

from nodes.assemble_context import shares_of
from nodes.locate import borrowed_turns
from nodes.messages.stamps import by_turn, turn_id
from nodes.prompt import RULES
from nodes.state import ChatContext, ChatState, MemoriesRead, Origin, Parts
from stores.errors import StoreUnavailable
from stores.recall.recall import Recollection
from stores.summaries import path_of

_LINES = 3
"""Recalled items at most, by half the turns that fold: three times, as a third window is folded.

With more, a chat of short messages would go on filling its prompts for longer.
"""


class RecallMemories:
    """Brings what is recalled for the message, within its share of the budget."""

    def __init__(self, parts: Parts) -> None:
        """Build with the parts of a running graph."""
        self._parts = parts

    async def __call__(self, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
        """Return recalled items and known entities; nothing where the tier has no memory."""
        if state.get("refusal") is not None:
            return {}
        origin = state["origin"]
        query = _query(state["messages"])
        if not origin.tier.remembers:
            return {"memories": MemoriesRead(Recollection())}
        recall = self._parts.stores.recall
        asked = _asked(state["messages"])
        turns, spoken = await self._shown(state, origin)
        persona = runtime.context.persona or self._parts.settings.persona_of(
            origin.owner.character_id
        )
        count = self._parts.models.tokens.text
        shares = shares_of(self._parts, origin)
        recollection = await recall.recall(
            origin.owner,
            origin.view,
            query,
            budget=shares.recall(count(persona + RULES), count(query), spoken),
            now=origin.local(self._parts.now()),
            # A turn has few messages; references past its last one harm nobody.
            shown=frozenset(f"{turn}/{index}" for turn in turns for index in range(16)),
            most=_LINES * self._parts.settings.fold_turns // 2,
            refs=origin.refs,
            as_of=origin.as_of,
            widen=query.casefold() in asked,
            speaker=_said(state["messages"])[-1].name,
        )
        entities = await recall.entities(
            origin.owner,
            origin.view,
            query,
            near=recollection.entities,
            refs=origin.refs,
            as_of=origin.as_of,
        )
        return {"memories": MemoriesRead(recollection, entities)}

    async def _shown(self, state: ChatState, origin: Origin) -> tuple[set[str], int]:
        """Return the turns that the prompt's buffer will show, and their tokens."""
        try:
            branch = await self._parts.stores.summaries.branch(
                origin.owner, origin.view, origin.head, fresh=origin.off_refs
            )
        except StoreUnavailable:
            branch = None
        folded = {id for note in branch.notes for id in note.turns} if branch else set()
        turns = set(path_of(origin.view, origin.head).journal)
        by_id = {turn.id: turn for turn in branch.partial} if branch else {}
        turns |= set(by_id)
        borrowed = borrowed_turns(state, origin, self._parts.settings.borrowed_turns)
        turns |= set(borrowed) & set(origin.view.turns)
        if not origin.reset:
            turns |= set(by_turn(state["messages"])) - folded
        by_id |= origin.view.turns
        count = self._parts.models.tokens.turn
        return turns, sum(count(by_id[id]) for id in turns & by_id.keys())


def _said(messages: Sequence[AnyMessage]) -> list[HumanMessage]:
    """Return what the user said since the last reply."""
    return [m for m in messages if isinstance(m, HumanMessage) and turn_id(m) is None]


def _query(messages: Sequence[AnyMessage]) -> str:
    return "\n".join(message.text for message in _said(messages)[-3:]).strip()


def _asked(messages: Sequence[AnyMessage]) -> set[str]:
    """Return what the user said in the last turns: the same again is asking again."""
    said = [m for m in messages if isinstance(m, HumanMessage) and turn_id(m) is not None]
    return {m.text.strip().casefold() for m in said[-3:]}
