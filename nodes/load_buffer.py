"""The first step of a turn: whose it is, what waits for an answer, and the last turns verbatim."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from domain.prompt_budget import too_large
from nodes.locate import FOREIGN, Origin, borrowed_turns, locate
from nodes.message_stamps import mark_waiting, turn_id, turn_messages, waiting_for
from nodes.state import ChatContext, ChatState, Parts
from stores.checkpoint_pruning import at_checkpoint
from stores.journal import GenerationMoved
from stores.summaries import path_of

LOOK_BACK = 4
"""Newest checkpoints of a thread among which one is from before a run that has just begun."""


class LoadBuffer:
    """Orders a thread's messages: turns first, then what waits for an answer.

    What is refused is taken out of the thread, so that no later turn finds it there; the
    refusal itself is raised by the step that joins the reads.
    """

    def __init__(self, parts: Parts) -> None:
        """Build with the parts of a running graph."""
        self._parts = parts

    async def __call__(self, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
        """Return the ordered messages and where the turn begins."""
        origin = await locate(state, runtime, self._parts)
        messages = state["messages"]
        new = [m for m in messages if turn_id(m) is None and waiting_for(m) is None]
        refusal = self._refusal(origin, new, messages)
        if refusal is not None:
            gone = [RemoveMessage(id=m.id or "") for m in await self._just_said(origin, new)]
            return {"messages": gone, "refusal": refusal, "origin": origin}
        if origin.thread not in origin.view.threads:
            try:
                await self._parts.stores.journal.note_thread(
                    origin.owner, origin.view.generation, origin.thread
                )
            except GenerationMoved:
                return await self(state, runtime)  # Reset meanwhile: it begins after that.
        kept = self._turns(origin, messages) + self._waiting(origin, new, messages)
        return {
            "messages": _ordered(messages, kept),
            "owner": origin.owner.key,
            "who": [origin.owner.user_id, origin.owner.character_id],
            "generation": origin.view.generation,
            "root": origin.root,
            "head": origin.head,
            "borrowed": borrowed_turns(state, origin, self._parts.settings.borrowed_turns),
            "sent": [] if origin.reset else state.get("sent", []),
            "degraded": Overwrite([]),
            "refusal": None,
            "origin": origin,
            "folded": 0,
            "facts_added": [],
        }

    def _refusal(
        self, origin: Origin, new: Sequence[AnyMessage], messages: Sequence[AnyMessage]
    ) -> str | None:
        if origin.foreign:
            return FOREIGN
        most = int(origin.tier.context_budget * self._parts.settings.message_share)
        for message in new:
            refusal = _unfit(message)
            if refusal is not None:
                return refusal
            size = self._parts.models.tokens.text(message.text)
            if size > most:
                return too_large(size, most)
        waiting = [m for m in messages if waiting_for(m) == origin.owner.key]
        if not any(isinstance(m, HumanMessage) for m in [*new, *waiting]):
            return 'There is no message to answer: send one from the user in "messages".'
        return None

    async def _just_said(self, origin: Origin, new: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Return which of the messages came with this run: the thread held the others before."""
        config = at_checkpoint(origin.thread, "", "")
        async for found in self._parts.stores.checkpointer.alist(config, limit=LOOK_BACK):
            messages = found.checkpoint["channel_values"].get("messages", ())
            held = {(message.id, message.text) for message in messages}
            said = [message for message in new if (message.id, message.text) not in held]
            if said:
                return said
        return list(new)

    def _turns(self, origin: Origin, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Return the thread's turns: as the state has them, else refilled from the journal."""
        if origin.reset:
            return []
        held = [m for m in messages if turn_id(m) is not None]
        if held or origin.head is None:
            return held
        path = path_of(origin.view, origin.head)
        return [m for id in path.journal for m in turn_messages(origin.view.turns[id])]

    def _waiting(
        self, origin: Origin, new: Sequence[AnyMessage], messages: Sequence[AnyMessage]
    ) -> list[AnyMessage]:
        """Return what this turn answers: what waited from failed runs, then what is new."""
        now = self._parts.now()
        owner = origin.owner.key
        waiting = [] if origin.reset else [m for m in messages if waiting_for(m) == owner]
        marked: list[AnyMessage] = [mark_waiting(m, owner, now, _clean(m.text)) for m in new]
        return [*waiting, *marked]


def _unfit(message: AnyMessage) -> str | None:
    """Return what is wrong with a message that a client sent; None if nothing is."""
    if not isinstance(message, HumanMessage | AIMessage):
        return (
            f'A message of the kind "{message.type}" is not taken: send what the user says, and '
            'put instructions into the "persona" of the context.'
        )
    blocks = message.content if isinstance(message.content, list) else []
    if any(isinstance(block, dict) and block.get("type") != "text" for block in blocks):
        return "Only text is understood here: leave out images, sound and files."
    if not message.text.strip():
        return "The message is empty: write something."
    return None


def _clean(text: str) -> str:
    """Return the text with halves of surrogate pairs joined, or replaced where one is missing."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _ordered(
    messages: Sequence[AnyMessage], kept: Sequence[AnyMessage]
) -> list[AnyMessage | RemoveMessage]:
    """Return the update that leaves exactly `kept`, in its order."""
    if [m.id for m in messages] == [m.id for m in kept]:
        return [m for m, old in zip(kept, messages, strict=True) if m is not old]
    return [RemoveMessage(id=REMOVE_ALL_MESSAGES), *kept]
