"""The turns that a thread's checkpoint still has and the stores have lost."""

from domain.records import Turn
from nodes.messages.stamps import by_turn, turn_from
from nodes.state import ChatState, Parts


async def lost_turns(parts: Parts, state: ChatState) -> list[Turn]:
    """Return turns of the thread that neither journal nor an episode holds any more.

    Raises:
        StoreUnavailable: If the episodes could not be read.
    """
    origin, summaries = state["origin"], state["summaries"]
    stored = {turn for note in summaries.notes for turn in note.turns} | set(origin.view.turns)
    stored |= {turn.id for turn in summaries.partial}
    groups = by_turn(state["messages"])
    missing = {id: messages for id, messages in groups.items() if id not in stored}
    if not missing or summaries.missed:
        return []
    episodes = await parts.stores.memories.episodes(origin.owner, origin.view.generation)
    in_episodes = {turn.id for episode in episodes for turn in episode.turns}
    return [turn_from(messages) for id, messages in missing.items() if id not in in_episodes]
