"""Asks long-term memory for what belongs to this message: evidence, episodes, facts, entities."""

from collections.abc import Collection, Sequence
from typing import Any

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.runtime import Runtime

from nodes.messages.stamps import turn_id
from nodes.state import ChatContext, ChatState, MemoriesRead, Parts
from stores.recall.recall import Recollection

_LINES = 3
"""Recalled items at most, by half the turns that fold: three times, as a third window is folded.

With more, a chat of short messages would go on filling its prompts for longer.
"""


async def recall_memories(
    parts: Parts, state: ChatState, runtime: Runtime[ChatContext]
) -> dict[str, Any]:
    """Return what may be recalled, and known entities; nothing without memory in the tier."""
    if state.get("refusal") is not None:
        return {}
    origin = state["origin"]
    query = _query(state["messages"])
    if not origin.tier.remembers:
        return {"memories": MemoriesRead(lambda _shown, _room: Recollection())}
    recall = parts.stores.recall
    widen = query.casefold() in _asked(state["messages"])
    survey = await recall.survey(
        origin.owner,
        origin.view,
        query,
        now=origin.local(parts.now()),
        refs=origin.refs,
        as_of=origin.as_of,
        speaker=_said(state["messages"])[-1].name,
    )

    def chosen(shown: Collection[str], room: int) -> Recollection:
        most = _LINES * parts.settings.fold_turns // 2
        return recall.choose(survey, room, shown=shown, widen=widen, most=most)

    entities = await recall.entities(
        origin.owner,
        origin.view,
        query,
        near=survey.entities,
        refs=origin.refs,
        as_of=origin.as_of,
    )
    return {"memories": MemoriesRead(chosen, entities, survey.index.small)}


def _said(messages: Sequence[AnyMessage]) -> list[HumanMessage]:
    """Return what the user said since the last reply."""
    return [m for m in messages if isinstance(m, HumanMessage) and turn_id(m) is None]


def _query(messages: Sequence[AnyMessage]) -> str:
    return "\n".join(message.text for message in _said(messages)[-3:]).strip()


def _asked(messages: Sequence[AnyMessage]) -> set[str]:
    """Return what the user said in the last turns: the same again is asking again."""
    said = [m for m in messages if isinstance(m, HumanMessage) and turn_id(m) is not None]
    return {m.text.strip().casefold() for m in said[-3:]}
