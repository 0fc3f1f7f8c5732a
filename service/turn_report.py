"""What a channel is told of a turn: the reply as it comes, its progress, and then a report."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

from langchain_core.messages import AIMessage, AIMessageChunk
from langgraph.types import StreamPart
from pydantic import BaseModel, ConfigDict, Field, field_serializer

from domain.records import Recalled
from models.errors import ModelError, RateLimited
from models.provider.reply_text import WRITTEN_CALL
from nodes.messages.refusal import TurnRefused
from nodes.state import Origin, Schedule
from stores.errors import CheckpointGone, GenerationMoved, StoreMismatch, StoreUnavailable

Step = Literal["search", "fold", "extract"]
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
    """search: the model asks memory again; fold, extract: memory work after the reply."""
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
    wait: float | None = Field(default=None, exclude=True)
    """Seconds that the model's provider asks to wait before it is asked again."""
    again: bool = Field(default=False, exclude=True)
    """True where the message had been answered before: the reply is that one."""

    @field_serializer("recalled")
    def _as_shown(self, items: tuple[Recalled, ...]) -> list[dict[str, Any]]:
        return [item.model_dump(include={"id", "kind", "score", "text"}) for item in items]


@dataclass(frozen=True)
class TurnDone:
    """The end of a turn."""

    report: TurnReport


Event = TokenEvent | StepEvent | TurnDone


async def report_of(turn: AsyncGenerator[Event | None]) -> TurnReport:
    """Return the report of a turn that nobody watches."""
    async with aclosing(turn) as events:
        async for event in events:
            if isinstance(event, TurnDone):
                return event.report
    raise RuntimeError("A turn ended without a report.")


class ContextRefused(ValueError):
    """The tier or date of a turn cannot be used; the text is one sentence."""


@dataclass
class Progress:
    """What is known of a turn so far, from what its run streams."""

    begun: float = field(default_factory=perf_counter)
    marks: dict[str, float] = field(default_factory=dict)
    """When each node was last done, in seconds of `perf_counter`."""
    reply: list[str] = field(default_factory=list)
    origin: Origin | None = None
    results: dict[str, Any] = field(default_factory=dict)
    """What the nodes returned, the later over the earlier."""
    degraded: list[str] = field(default_factory=list)
    forgotten: bool = False
    """Whether the owner was reset while the reply was written."""

    def heard(self, part: StreamPart[Any, Any]) -> Iterator[TokenEvent | StepEvent]:
        """Take what a run streams: a part of a message, or what nodes returned."""
        if part["type"] == "messages":
            yield from self._streamed(*part["data"])
        elif part["type"] == "updates":
            for node, update in part["data"].items():
                yield from self._updated(node, update or {})

    def _streamed(
        self, chunk: Any, metadata: Mapping[str, Any]
    ) -> Iterator[TokenEvent | StepEvent]:
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

    def _updated(self, node: str, update: Mapping[str, Any]) -> Iterator[StepEvent]:
        """Take what a node returned."""
        self.marks[node] = perf_counter()
        self.origin = update.get("origin", self.origin)
        if node in ("assemble_context", "generate", "summarize", "extract_facts"):
            lacking = update.get("degraded", [])
            # A turn whose owner was reset meanwhile overwrites what the state held.
            self.degraded += lacking if isinstance(lacking, list) else []
        self.results.update(update)
        if node == "generate" and "schedule" in update:
            self.forgotten = update["head"] is None
            yield from self._scheduled(update["schedule"])

    def _scheduled(self, work: Schedule) -> Iterator[StepEvent]:
        view = self.origin.view if self.origin else None
        if work.fold is not None and view is not None:
            turns = work.fold.turns or (view.claim.turns if view.claim else ())
            folded = [view.turns[id] for id in turns if id in view.turns]
            yield StepEvent("fold", sum(len(turn.messages) for turn in folded))
        if work.extract and view is not None:
            yield StepEvent("extract", view.seq + 1 - view.cursor)

    def report(self, error: Exception | None) -> TurnReport:
        """Return the report of the turn, which is over now."""
        if self.forgotten:
            error = error or GenerationMoved()
        earlier: str | None = self.results.get("answered")
        return TurnReport(
            reply=self._whole_reply() if earlier is None else earlier,
            error=None if error is None else str(error),
            refused=isinstance(error, TurnRefused | ContextRefused),
            wait=error.wait if isinstance(error, RateLimited) else None,
            again=earlier is not None,
            recalled=tuple(map(Recalled.model_validate, self.results.get("recalled", ()))),
            budget=self.results.get("budget"),
            folded=self.results.get("folded", 0),
            facts_added=tuple(self.results.get("facts_added", ())),
            ms=self._times(),
            degraded=tuple(self.degraded),
        )

    def _whole_reply(self) -> str:
        """Return the reply as it is kept; what was streamed where nothing was kept."""
        if "generate" not in self.marks:
            return ""
        replies = [m for m in self.results.get("messages", ()) if isinstance(m, AIMessage)]
        return replies[-1].text if replies else "".join(self.reply)

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
