"""One turn of a conversation, as every channel runs it: tokens, progress, and a report.

Nothing here knows a terminal, a request or a chat service; those are its callers.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal, cast
from uuid import uuid4
from weakref import WeakValueDictionary

from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot, StreamPart
from pydantic import BaseModel, ConfigDict, Field, field_serializer

from domain.as_of import as_of_date
from domain.owner import Owner
from domain.records import Recalled
from graph.chat import build
from models.errors import ModelError
from models.provider.reply_text import WRITTEN_CALL
from nodes.messages.refusal import TurnRefused
from nodes.state import ChatContext, ChatInput, Origin, Parts, Schedule
from stores.errors import CheckpointGone, GenerationMoved, StoreMismatch, StoreUnavailable

Step = Literal["search", "fold", "extract"]
Content = str | list[str | dict[Any, Any]]
"""What a message says: text, or content parts as chat models take them."""
LOOK_BACK = 100
"""Checkpoints of a thread among which that of an earlier turn is looked for; fewer are kept."""
READS = ("load_buffer", "recall_summaries", "recall_memories")
EXPECTED = (
    ModelError,
    StoreUnavailable,
    StoreMismatch,
    CheckpointGone,
    TurnRefused,
    GenerationMoved,
)
"""What a user can act on; each says it in one sentence. Anything else is a bug and is raised."""


@dataclass(frozen=True)
class TokenEvent:
    """The next part of the reply."""

    text: str


@dataclass(frozen=True)
class StepEvent:
    """Something beside the reply has begun."""

    step: Step
    """search: the model asks memory again; fold, extract: what is due after the reply."""
    messages: int = 0
    """How many messages are folded or read for facts."""


class Milliseconds(BaseModel):
    """How long the parts of a turn took. A part that was not reached took 0."""

    recall: float = 0.0
    assemble: float = 0.0
    generate: float = 0.0
    remember: float = 0.0


class TurnReport(BaseModel):
    """What one turn did. Its JSON form is the same for every channel."""

    model_config = ConfigDict(frozen=True)

    reply: str
    """Empty where none was completed."""
    error: str | None = None
    """One sentence for the user."""
    recalled: tuple[Recalled, ...] = ()
    """What the prompt recalled, with what the model searched for."""
    budget: dict[str, int | float] | None = None
    """As `domain.prompt_budget.Budget`; None where the turn failed before its prompt was packed."""
    folded: int = 0
    """Messages that were folded into an episode."""
    facts_added: tuple[str, ...] = ()
    ms: Milliseconds = Field(default_factory=Milliseconds)
    degraded: tuple[str, ...] = ()
    """What the turn had to do without, each with what to do about it."""
    refused: bool = Field(default=False, exclude=True)
    """True where `error` is about what was asked, not about what serves it."""

    @field_serializer("recalled")
    def _as_shown(self, items: tuple[Recalled, ...]) -> list[dict[str, Any]]:
        return [item.model_dump(include={"id", "kind", "score", "text"}) for item in items]


@dataclass(frozen=True)
class PromptShown:
    """What one prompt recalled and how it spent its tokens."""

    budget: Mapping[str, Any]
    recalled: tuple[Recalled, ...]


@dataclass(frozen=True)
class TurnDone:
    """The end of a turn."""

    report: TurnReport


Event = TokenEvent | StepEvent | TurnDone


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
        """Return the thread that the owner spoke on last; None before the first turn."""
        view = await self._parts.stores.journal.read(owner)
        last = {
            thread: note.last
            for thread, note in view.threads.items()
            if note.last is not None and thread in view.refs
        }
        return max(last, key=lambda thread: last[thread], default=None)

    async def last_budget(self, owner: Owner, thread: str) -> Mapping[str, Any] | None:
        """Return how the last prompt of an owner's thread was spent; None where none is kept."""
        found = await self._parts.stores.checkpointer.aget_tuple(_on(thread))
        values = found.checkpoint["channel_values"] if found else {}
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

    async def checkpoint_after(self, thread: str, turn: str) -> str | None:
        """Return the checkpoint with which a turn of a thread ended; None where it is not kept."""
        history = self._graph.aget_state_history(_on(thread), limit=LOOK_BACK)
        async with aclosing(cast(AsyncGenerator[StateSnapshot, None], history)) as snapshots:
            async for snapshot in snapshots:
                if snapshot.values.get("head") == turn and not snapshot.next:
                    return str(snapshot.config["configurable"]["checkpoint_id"])
        return None

    async def turn(
        self,
        owner: Owner,
        thread: str,
        message: Content,
        *,
        persona: str | None = None,
        tier: str | None = None,
        as_of: str | None = None,
        checkpoint: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Answer `message`: yield the reply as it comes, then progress, then one `TurnDone`.

        Turns of one thread wait for each other. An error that the user can act on ends up in the
        report. Cancelled before the reply is complete, the message waits for the next turn.

        Args:
            owner: Who talks with whom.
            thread: The thread it is said on; one that does not exist yet begins with it.
            message: What the user says.
            persona: Who the character is; None: the setting's.
            tier: Its name; None: the setting's.
            as_of: Answer with what was true then, as 2026-05-31; None: today.
            checkpoint: Go on from this checkpoint of the thread, as an edit does; None: the newest.
        """
        lock = self._turns.setdefault(thread, asyncio.Lock())
        async with lock:
            progress = _Progress()
            error: Exception | None = None
            try:
                context = _context(self._parts, owner, persona, tier, as_of)
                run = self._run(context, _on(thread, checkpoint), message, progress)
                async with aclosing(run) as events:
                    async for event in events:
                        yield event
            except (*EXPECTED, ContextRefused) as problem:
                error = problem
            yield TurnDone(progress.report(error))

    async def _run(
        self, context: ChatContext, config: RunnableConfig, message: Content, progress: "_Progress"
    ) -> AsyncGenerator[TokenEvent | StepEvent, None]:
        run = self._graph.astream(
            # A plain dictionary: a checkpoint may hold the input, and holds no types of ours.
            cast(ChatInput, {"messages": [HumanMessage(message, id=uuid4().hex)]}),
            config,
            context=context,
            stream_mode=["messages", "updates"],
            durability="exit",
            version="v2",
        )
        # Closed here and now where the caller leaves early: closing is what saves the thread.
        async with aclosing(cast(AsyncGenerator[StreamPart[Any, Any], None], run)) as parts:
            async for part in parts:
                if part["type"] == "messages":
                    for event in progress.streamed(*part["data"]):
                        yield event
                elif part["type"] == "updates":
                    for node, update in part["data"].items():
                        for event in progress.updated(node, update or {}):
                            yield event


class ContextRefused(ValueError):
    """What a turn was told beside its message cannot be used; the text is one sentence."""


def _context(
    parts: Parts, owner: Owner, persona: str | None, tier: str | None, as_of: str | None
) -> ChatContext:
    """Return the context of a run.

    Raises:
        ContextRefused: If there is no such tier, or `as_of` is no date.
    """
    try:
        parts.settings.tier(tier)
        as_of_date(as_of)
        return ChatContext.model_validate(
            {
                "user_id": owner.user_id,
                "character_id": owner.character_id,
                "persona": persona,
                "tier": tier,
                "as_of": as_of,
            }
        )
    except ValueError as error:
        raise ContextRefused(str(error)) from error


def _on(thread: str, checkpoint: str | None = None) -> RunnableConfig:
    on: RunnableConfig = {"configurable": {"thread_id": thread}}
    if checkpoint is not None:
        on["configurable"]["checkpoint_id"] = checkpoint
    return on


@dataclass
class _Progress:
    """What is known of a turn so far, from what its run streams."""

    begun: float = field(default_factory=perf_counter)
    marks: dict[str, float] = field(default_factory=dict)
    """When each node was last done, in seconds of `perf_counter`."""
    reply: list[str] = field(default_factory=list)
    origin: Origin | None = None
    found: dict[str, Any] = field(default_factory=dict)
    """What the nodes returned, the later over the earlier."""
    degraded: list[str] = field(default_factory=list)
    forgotten: bool = False
    """Whether the owner was reset while the reply was written."""

    def streamed(self, chunk: Any, metadata: Mapping[str, Any]) -> Iterator[TokenEvent | StepEvent]:
        """Take a part of a message; only those of the reply are of interest."""
        if metadata.get("langgraph_node") != "generate" or not isinstance(chunk, AIMessageChunk):
            return
        if chunk.text:
            self.reply.append(chunk.text)
            yield TokenEvent(chunk.text)
        written = WRITTEN_CALL in chunk.additional_kwargs
        if written or any(call.get("name") for call in chunk.tool_call_chunks):
            self.reply.clear()
            yield StepEvent("search")

    def updated(self, node: str, update: Mapping[str, Any]) -> Iterator[StepEvent]:
        """Take what a node returned."""
        self.marks[node] = perf_counter()
        self.origin = update.get("origin", self.origin)
        if node in ("assemble_context", "generate", "summarize", "extract_facts"):
            lacking = update.get("degraded", [])
            # A turn whose owner was reset meanwhile overwrites what the state held.
            self.degraded += lacking if isinstance(lacking, list) else []
        self.found.update(update)
        if node == "generate" and "schedule" in update:
            self.forgotten = update["head"] is None
            yield from self._scheduled(update["schedule"])

    def _scheduled(self, work: Schedule) -> Iterator[StepEvent]:
        view = self.origin.view if self.origin else None
        if work.fold is not None and view is not None:
            turns = work.fold.turns or (view.claim.turns if view.claim else ())
            held = [view.turns[id] for id in turns if id in view.turns]
            yield StepEvent("fold", sum(len(turn.messages) for turn in held))
        if work.extract and view is not None:
            yield StepEvent("extract", view.seq + 1 - view.cursor)

    def report(self, error: Exception | None) -> TurnReport:
        """Return the report of the turn, which is over now."""
        if self.forgotten:
            error = error or GenerationMoved()
        return TurnReport(
            reply=self._whole_reply() if "generate" in self.marks else "",
            error=None if error is None else str(error),
            refused=isinstance(error, TurnRefused | ContextRefused),
            recalled=tuple(map(Recalled.model_validate, self.found.get("recalled", ()))),
            budget=self.found.get("budget"),
            folded=self.found.get("folded", 0),
            facts_added=tuple(self.found.get("facts_added", ())),
            ms=self._times(),
            degraded=tuple(self.degraded),
        )

    def _whole_reply(self) -> str:
        """Return the reply as it is kept; what was streamed where nothing was kept."""
        kept = [m for m in self.found.get("messages", ()) if isinstance(m, AIMessage)]
        return kept[-1].text if kept else "".join(self.reply)

    def _times(self) -> Milliseconds:
        read = max((self.marks[node] for node in READS if node in self.marks), default=None)
        steps = [read, self.marks.get("assemble_context"), self.marks.get("generate")]
        times: list[float] = []
        before = self.begun
        for at in [*steps, perf_counter() if steps[-1] is not None else None]:
            times.append(0.0 if at is None else round((at - before) * 1000, 1))
            before = before if at is None else at
        recall, assemble, generate, remember = times
        return Milliseconds(recall=recall, assemble=assemble, generate=generate, remember=remember)
