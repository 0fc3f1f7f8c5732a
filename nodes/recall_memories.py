"""Asks long-term memory for what belongs to this message: evidence, episodes, facts, entities."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
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
        turns = await self._shown(state, origin)
        persona = runtime.context.persona or self._parts.settings.persona_of(
            origin.owner.character_id
        )
        count = self._parts.models.tokens.text
        sizes = count(persona + RULES), count(query), sum(turns.values())
        shares = shares_of(self._parts, origin)
        shown = _newest(turns, shares.sure(*sizes))
        recollection = await recall.recall(
            origin.owner,
            origin.view,
            query,
            budget=shares.recall(*sizes),
            now=origin.local(self._parts.now()),
            # A turn has few messages; references past its last one harm nobody.
            shown=frozenset(f"{turn}/{index}" for turn in shown for index in range(16)),
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

    async def _shown(self, state: ChatState, origin: Origin) -> dict[str, int]:
        """Return the turns of the prompt's buffer with their tokens, what gives way first first."""
        try:
            branch = await self._parts.stores.summaries.branch(
                origin.owner, origin.view, origin.head, fresh=origin.off_refs
            )
        except StoreUnavailable:
            branch = None
        folded = {id for note in branch.notes for id in note.turns} if branch else set()
        by_id = {turn.id: turn for turn in branch.partial} if branch else {}
        turns = {*path_of(origin.view, origin.head).journal, *by_id}
        borrowed = borrowed_turns(state, origin, self._parts.settings.borrowed_turns)
        turns |= set(borrowed) & set(origin.view.turns)
        if not origin.reset:
            turns |= set(by_turn(state["messages"])) - folded
        by_id |= origin.view.turns
        count = self._parts.models.tokens.turn
        known = sorted(turns & by_id.keys(), key=lambda id: (id not in borrowed, by_id[id].seq))
        return {id: count(by_id[id]) for id in known} | dict.fromkeys(turns - by_id.keys(), 0)


def _newest(turns: Mapping[str, int], room: int) -> list[str]:
    """Return the last of these turns, as many as have `room` tokens between them."""
    last = list(turns.items())[::-1]
    spent = accumulate(tokens for _, tokens in last)
    return [id for (id, _), tokens in zip(last, spent, strict=True) if tokens <= room]


def _said(messages: Sequence[AnyMessage]) -> list[HumanMessage]:
    """Return what the user said since the last reply."""
    return [m for m in messages if isinstance(m, HumanMessage) and turn_id(m) is None]


def _query(messages: Sequence[AnyMessage]) -> str:
    return "\n".join(message.text for message in _said(messages)[-3:]).strip()


def _asked(messages: Sequence[AnyMessage]) -> set[str]:
    """Return what the user said in the last turns: the same again is asking again."""
    said = [m for m in messages if isinstance(m, HumanMessage) and turn_id(m) is not None]
    return {m.text.strip().casefold() for m in said[-3:]}
