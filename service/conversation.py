"""One turn of a conversation, as every channel runs it: tokens, progress, and a report.

Nothing here knows a terminal, a request or a chat service; those are its callers.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack, cast
from uuid import uuid4
from weakref import WeakValueDictionary

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointMetadata, empty_checkpoint
from langgraph.types import StateSnapshot, StreamPart

from domain.as_of import as_of_date
from domain.owner import Owner
from domain.records import Recalled
from domain.text.moments import zone_of
from graph.chat import build
from models.parts import text_of
from nodes.messages.stamps import turn_id
from nodes.state import ChatContext, ChatInput, Parts
from service.turn_report import (
    EXPECTED,
    ContextRefused,
    Event,
    Progress,
    StepEvent,
    TokenEvent,
    TurnDone,
)

Content = str | list[str | dict[Any, Any]]
"""What a message says: text, or content parts as chat models take them."""
LOOK_BACK = 100
"""Checkpoints of a thread among which that of an earlier turn is looked for; fewer are kept."""


@dataclass(frozen=True)
class PromptShown:
    """What one prompt recalled and how it spent its tokens."""

    budget: Mapping[str, Any]
    recalled: tuple[Recalled, ...]


class TurnOptions(TypedDict, total=False):
    """What a turn may be given beside its message."""

    persona: str | None
    """Who the character is; None: the setting's."""
    tier: str | None
    """Its name; None: the setting's."""
    as_of: str | None
    """Answer with what was true then, as 2026-05-31; None: today."""
    timezone: str | None
    """Where the user is, as Europe/Berlin; None: the setting's."""
    name: str | None
    """Who of several people says it; None: the user."""
    checkpoint: str | None
    """Go on from this checkpoint of the thread, as an edit does; None: the newest."""
    message_id: str | None
    """The message's own id, where its channel may bring it again: the same text is then the same
    turn, another text an edit of it. None: a new message."""


def new_thread() -> str:
    """Return an id for a new thread; a LangGraph server takes it too."""
    return str(uuid4())


class Conversation:
    """Runs turns of the chat graph on the parts of this process."""

    def __init__(self, parts: Parts) -> None:
        """Compile the chat graph with the stores of `parts`."""
        self._parts = parts
        self._graph = build(parts).compile(
            checkpointer=parts.stores.checkpointer, store=parts.stores.long_term, name="chat"
        )
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def last_thread(self, owner: Owner) -> str | None:
        """Return the thread that the owner spoke on last; None before the first message.

        Before the first reply it is one on which a message waits for it.
        """
        view = await self._parts.stores.journal.read(owner)
        waiting = (thread for thread in view.threads if thread not in view.refs)
        return view.last_thread(self._parts.now()) or next(waiting, None)

    async def last_budget(self, owner: Owner, thread: str) -> Mapping[str, Any] | None:
        """Return how the last prompt of an owner's thread was spent; None where none is kept."""
        checkpoint = await self._parts.stores.checkpointer.aget_tuple(_on(thread))
        values = checkpoint.checkpoint["channel_values"] if checkpoint else {}
        if values.get("owner") != owner.key:
            return None
        view = await self._parts.stores.journal.read(owner)
        if values.get("generation") != view.generation:
            return None
        budget: Mapping[str, Any] | None = values.get("budget")
        return budget

    async def last_prompts(self, owner: Owner, thread: str) -> list[PromptShown]:
        """Return what the last prompts of an owner's thread recalled and cost, oldest first."""
        view = await self._parts.stores.journal.read(owner)
        prompts: dict[str, PromptShown] = {}
        async for saved in self._parts.stores.checkpointer.alist(_on(thread)):
            values = saved.checkpoint["channel_values"]
            head, budget = values.get("head"), values.get("budget")
            if values.get("owner") != owner.key or values.get("generation") != view.generation:
                break
            if head and budget and head not in prompts:
                recalled = tuple(map(Recalled.model_validate, values.get("recalled", ())))
                prompts[head] = PromptShown(budget, recalled)
        return list(prompts.values())[::-1]

    async def waiting(self, thread: str) -> dict[str, str]:
        """Return what was said on a thread and not answered: texts by the ids of their messages."""
        state = await self._graph.aget_state(_on(thread))
        said = state.values.get("messages", [])
        return {m.id: text_of(m.content) for m in said if turn_id(m) is None}

    async def checkpoint_after(self, thread: str, turn: str) -> str | None:
        """Return the checkpoint with which a turn of a thread ended; None where it is not kept."""
        newest = await self._graph.aget_state(_on(thread))  # All others are many, and seldom it.
        if _ends_with(newest, turn):
            return _id(newest)
        history = self._graph.aget_state_history(_on(thread), limit=LOOK_BACK)
        async with aclosing(cast(AsyncGenerator[StateSnapshot, None], history)) as snapshots:
            async for snapshot in snapshots:
                if _ends_with(snapshot, turn):
                    return _id(snapshot)
        return None

    async def begin_anew(self, thread: str) -> str:
        """Return a checkpoint before the first turn of a thread; what was said on it stays."""
        nothing: CheckpointMetadata = {"source": "fork", "step": -1, "parents": {}}
        config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        saver = self._parts.stores.checkpointer
        saved = await saver.aput(cast(RunnableConfig, config), empty_checkpoint(), nothing, {})
        return str(saved["configurable"]["checkpoint_id"])

    async def turn(
        self,
        owner: Owner,
        thread: str,
        message: Content,
        **options: Unpack[TurnOptions],
    ) -> AsyncGenerator[Event, None]:
        """Answer `message`: yield the reply as it comes, then progress, then one `TurnDone`.

        A thread that does not exist yet begins with it; turns of one thread wait for each other. An
        error that the user can act on ends up in the report. Cancelled before the reply is
        complete, the message waits for the next turn.
        """
        lock = self._turns.setdefault(thread, asyncio.Lock())
        async with lock:
            id, name = options.get("message_id") or uuid4().hex, options.get("name")
            said = HumanMessage(message, id=id, name=name)
            progress = Progress()
            error: Exception | None = None
            try:
                context = await asyncio.to_thread(_context, self._parts, owner, options)
                config = _on(thread, options.get("checkpoint"))
                run = self._run(context, config, said, progress)
                async with aclosing(run) as events:
                    async for event in events:
                        yield event
            except (*EXPECTED, ContextRefused) as problem:
                error = problem
            yield TurnDone(progress.report(error))

    async def _run(
        self,
        context: ChatContext,
        config: RunnableConfig,
        message: HumanMessage,
        progress: Progress,
    ) -> AsyncGenerator[TokenEvent | StepEvent, None]:
        run = self._graph.astream(
            # A plain dictionary: a checkpoint may hold the input, and holds no types of ours.
            cast(ChatInput, {"messages": [message]}),
            config,
            context=context,
            stream_mode=["messages", "updates"],
            durability="exit",
            version="v2",
        )
        # Closed here and now where the caller leaves early: closing is what saves the thread.
        async with aclosing(cast(AsyncGenerator[StreamPart[Any, Any], None], run)) as parts:
            async for part in parts:
                for event in progress.heard(part):
                    yield event


def _context(parts: Parts, owner: Owner, options: TurnOptions) -> ChatContext:
    """Return the context of a run.

    Raises:
        ContextRefused: If there is no such tier or time zone, or `as_of` is no date.
    """
    try:
        parts.settings.tier(options.get("tier"))
        as_of_date(options.get("as_of"))
        if (timezone := options.get("timezone")) is not None:
            zone_of(timezone)
        asked = {name: options.get(name) for name in ("persona", "tier", "as_of", "timezone")}
        return ChatContext.model_validate(
            {"user_id": owner.user_id, "character_id": owner.character_id, **asked}
        )
    except ValueError as error:
        raise ContextRefused(str(error)) from error


def _ends_with(snapshot: StateSnapshot, turn: str) -> bool:
    """Return whether a turn ended with a checkpoint."""
    return snapshot.values.get("head") == turn and not snapshot.next


def _id(snapshot: StateSnapshot) -> str:
    return str(snapshot.config["configurable"]["checkpoint_id"])


def _on(thread: str, checkpoint: str | None = None) -> RunnableConfig:
    on: RunnableConfig = {"configurable": {"thread_id": thread}}
    if checkpoint is not None:
        on["configurable"]["checkpoint_id"] = checkpoint
    return on
