"""The state and the context of the chat graph, and what its nodes are built with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import add
from typing import Annotated, Any, Literal, Protocol, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.channels import UntrackedValue
from langgraph.graph.message import add_messages
from pydantic import BaseModel, ConfigDict, Field

from domain.folding import Window
from domain.prompt_budget import Budget
from domain.records import Recalled, Turn
from models.open import Models
from nodes.locate import Origin
from nodes.prompt import Draft, Prompt
from settings import Settings
from stores.open import Stores
from stores.recall.recall import Recollection
from stores.summaries import EpisodeNote


class ChatContext(BaseModel):
    """What a run is told beside its messages. Everything has a default."""

    model_config = ConfigDict(extra="ignore")

    user_id: str = Field(
        default="local",
        description="Who is talking. With authentication on, the token decides instead.",
    )
    character_id: str = Field(
        default="default", description="Whom they talk with: each character has its own memory."
    )
    persona: str | None = Field(
        default=None, description="Who the character is and how it speaks. Empty: the setting's."
    )
    tier: Literal["free", "plus"] | None = Field(
        default=None,
        description="free: buffer only, small budget. plus: everything. Empty: the setting's.",
    )
    as_of: str | None = Field(
        default=None,
        description="Answer with what was true then: a date such as 2026-05-31. Empty: today.",
    )


class ChatInput(BaseModel):
    """What a run is given."""

    messages: list[AnyMessage] = Field(
        description="What the user says now: usually one message. Earlier ones are remembered."
    )


class ChatOutput(TypedDict):
    """What a run hands back."""

    messages: Annotated[list[AnyMessage], add_messages]
    recalled: list[dict[str, Any]]
    budget: Budget
    degraded: list[str]


class ChatState(TypedDict, total=False):
    """The state of a thread; what is untracked lives only while a run lasts."""

    messages: Annotated[list[AnyMessage], add_messages]
    owner: str
    """Key of the owner that the thread belongs to."""
    who: list[str]
    """The owner's readable ids, user and character: a lost journal is rebuilt by them."""
    generation: str | None
    """The owner's generation that all of this belongs to."""
    root: str | None
    """What this thread's checkpoints began from: nothing, or the ref after an expiry."""
    head: str | None
    """The last turn."""
    buffer_start: str | None
    """The first turn that the prompt's buffer shows."""
    borrowed: list[str]
    """Turns of the previous conversation that a new thread shows."""
    sent: list[tuple[str, int]]
    """Digest and tokens of each message of the last prompt."""
    recalled: list[dict[str, Any]]
    """What this turn's prompt recalled, as `Recalled` records."""
    budget: Budget
    degraded: Annotated[list[str], add]
    """Parts that this turn had to do without."""

    origin: Annotated[Origin, UntrackedValue]
    refusal: Annotated[str | None, UntrackedValue]
    earlier: Annotated["Earlier", UntrackedValue]
    memory: Annotated["Memory", UntrackedValue]
    draft: Annotated[Draft, UntrackedValue]
    prompt: Annotated[Prompt, UntrackedValue]
    due: Annotated["Due", UntrackedValue]
    folded: Annotated[int, UntrackedValue]
    """Messages folded by this run."""
    facts_added: Annotated[list[str], UntrackedValue]
    """Texts of the facts added by this run."""


@dataclass(frozen=True)
class Earlier:
    """What `recall_summaries` brought."""

    generation: str | None
    notes: Sequence[EpisodeNote] = ()
    """The folded part of this branch, oldest first."""
    loose: Sequence[Turn] = ()
    """Turns of this branch in episodes that are not shown: it forked off inside them."""
    missed: bool = False
    """True where the stores did not answer."""


@dataclass(frozen=True)
class Memory:
    """What `recall_memories` brought."""

    generation: str | None
    recollection: Recollection
    entities: Sequence[str] = ()
    """One line each, the most relevant first."""


@dataclass(frozen=True)
class Due:
    """What is to be done after the reply."""

    fold: Window | None
    extract: bool


class Remember(Protocol):
    """Runs the graph `remember`."""

    async def __call__(self, parts: "Parts", asked: dict[str, Any], served: bool) -> None:
        """Run it with the input `asked`; `served`: on the LangGraph server, as its own run."""


@dataclass(frozen=True)
class Parts:
    """What nodes are built with."""

    settings: Settings
    models: Models
    stores: Stores
    now: Callable[[], datetime]
    """The clock, with a time zone."""
    remember: Remember
    """Folds and extracts as a run of its own (background mode)."""
    without_tools: set[str] = field(default_factory=set)
    """Chat models that turned out to take no tools."""


__all__ = [
    "ChatContext",
    "ChatInput",
    "ChatOutput",
    "ChatState",
    "Due",
    "Earlier",
    "Memory",
    "Parts",
    "Recalled",
    "Remember",
]
