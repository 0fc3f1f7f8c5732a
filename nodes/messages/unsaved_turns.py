"""The turns that the stores hold and a thread's checkpoint does not: its process died before."""

from collections.abc import Sequence

from langchain_core.messages import AnyMessage, HumanMessage

from domain.journal import JournalView
from domain.records import Turn
from models.parts import text_of
from nodes.messages.stamps import turn_id
from stores.open import Stores


async def unsaved_turns(
    stores: Stores,
    view: JournalView,
    thread: str,
    head: str | None,
    messages: Sequence[AnyMessage],
) -> list[Turn]:
    """Return the turns of a thread after the one that its state ends with, oldest first.

    None where a checkpoint holds them, which the run leaves out on purpose, and none where the
    run's `messages` say the first one again: that is answered anew, in its place.

    Raises:
        StoreUnavailable: If the checkpoints do not answer.
    """
    turns: list[Turn] = []
    at = view.refs.get(thread)
    while at != head:
        turn = view.turns.get(at or "")
        if turn is None or turn.thread != thread:
            return []
        turns.insert(0, turn)
        at = turn.parent
    new = [m for m in messages if isinstance(m, HumanMessage) and turn_id(m) is None]
    again = {m.id for m in new} | {text_of(m.content) for m in new}
    if not turns or any(s.role == "user" and {s.id, s.text} & again for s in turns[0].messages):
        return []
    async for saved in stores.checkpointer.alist({"configurable": {"thread_id": thread}}):
        if saved.checkpoint["channel_values"].get("head") == turns[-1].id:
            return []
    return turns
