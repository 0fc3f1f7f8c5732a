"""What a run of the chat graph knows: its context, its state, where it begins, its parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from operator import add
from typing import Annotated, Any

from langchain_core.messages import AnyMessage, RemoveMessage, convert_to_messages
from langgraph.channels import UntrackedValue
from langgraph.graph.message import Messages, add_messages
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict  # The one that pydantic reads on Python 3.11 too.

from domain.facts.forgetting import NOTHING_WANTED, Wanted
from domain.folding import Window
from domain.journal import JournalView
from domain.owner import DEFAULT_CHARACTER, LOCAL_USER, Owner
from domain.prompt_budget import Budget
from domain.records import Turn
from domain.tiers import Tier
from domain.turns import refs_seen
from models.open import Models
from nodes.prompt import Draft, Prompt, Recaller
from settings import Settings
from stores.open import Stores
from stores.summaries import EpisodeNote


class ChatContext(BaseModel):
    """What a run is told beside its messages. Everything has a default."""

    model_config = ConfigDict(extra="ignore")

    user_id: str = Field(
        default=LOCAL_USER,
        description="Who is talking. With authentication on, the token decides instead.",
    )
    character_id: str = Field(
        default=DEFAULT_CHARACTER,
        description="Whom they talk with: each character has its own memory.",
    )
    persona: str | None = Field(
        default=None, description="Who the character is and how it speaks. Empty: the setting's."
    )
    tier: str | None = Field(
        default=None,
        description="free: small budget, nothing recalled. plus: everything. Or another of the "
        "settings' tiers. Empty: the default one.",
    )
    as_of: str | None = Field(
        default=None,
        description="Answer with what was true then: a date such as 2026-05-31. Empty: today.",
    )
    timezone: str | None = Field(
        default=None,
        description="Where the user is: an IANA name such as Europe/Berlin. Empty: the setting's.",
    )


class ChatInput(BaseModel):
    """What a run is given."""

    messages: list[AnyMessage] = Field(
        description="What the user says now: usually one message. Earlier ones are remembered."
    )
    user_id: str | None = Field(
        default=None, description="Who is talking, for callers that can give no context."
    )
    character_id: str | None = Field(
        default=None, description="Whom they talk with, for callers that can give no context."
    )


def merged(left: Messages, right: Messages) -> Messages:
    """Return a thread's messages with those that come, as LangGraph's `add_messages` does.

    An empty id names no message: LangGraph takes all that have it for one, and keeps the last.
    """
    if left and not right:
        return left
    came: list[Any] = convert_to_messages(right if isinstance(right, list) else [right])
    for at, message in enumerate(came):
        if message.id == "" and not isinstance(message, RemoveMessage):
            came[at] = message.model_copy(update={"id": None})
    return add_messages(left, came)


class ChatOutput(TypedDict):
    """What a run hands back."""

    messages: Annotated[list[AnyMessage], merged]
    recalled: list[dict[str, Any]]
    budget: Budget
    degraded: list[str]


class ChatState(TypedDict, total=False):
    """The state of a thread; what is untracked lives only while a run lasts."""

    messages: Annotated[list[AnyMessage], merged]
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
    in_thread: dict[str, int]
    """How many messages of which turn the last run left in the thread, oldest first."""
    sent: list[tuple[str, int]]
    """Digest and tokens of each message of the last prompt."""
    recalled: list[dict[str, Any]]
    """What this turn's prompt recalled, as `Recalled` records."""
    budget: Budget
    degraded: Annotated[list[str], add]
    """Parts that this turn had to do without."""

    user_id: Annotated[str | None, UntrackedValue]
    character_id: Annotated[str | None, UntrackedValue]
    origin: Annotated["Origin", UntrackedValue]
    refusal: Annotated[str | None, UntrackedValue]
    answered: Annotated[str | None, UntrackedValue]
    """The reply, where the run says nothing that was not said and answered before; else None."""
    summaries: Annotated["SummariesRead", UntrackedValue]
    memories: Annotated["MemoriesRead", UntrackedValue]
    draft: Annotated[Draft, UntrackedValue]
    prompt: Annotated[Prompt, UntrackedValue]
    schedule: Annotated["Schedule", UntrackedValue]
    folded: Annotated[int, UntrackedValue]
    """Messages folded by this run."""
    facts_added: Annotated[list[str], UntrackedValue]
    """Texts of the facts added by this run."""
    facts_dropped: Annotated[int, UntrackedValue]
    """Notes of the memory model that nothing the user said supports."""


@dataclass(frozen=True)
class Origin:
    """Where a run begins: whose it is, which turn it follows, and what it may see."""

    owner: Owner
    thread: str
    tier: Tier
    view: JournalView
    """The one reading of the journal that all steps before the reply share."""
    head: str | None
    """The turn that this one follows."""
    root: str | None
    """What the thread's checkpoints began from."""
    reset: bool
    """True where the state is from before a reset: none of it may be used."""
    foreign: bool
    """True where the thread belongs to another owner."""
    as_of: datetime | None
    zone: tzinfo | None
    """Where the user is; None: where the clock is."""
    lost: bool = False
    """True where the thread's checkpoints are gone, so that it goes on from its ref."""
    joined: bool = False
    """True where a run without a thread goes on with one that others like it may go on with too."""

    def local(self, at: datetime) -> datetime:
        """Return a moment as the user's clock shows it."""
        return at.astimezone(self.zone) if self.zone else at

    @property
    def refs(self) -> tuple[str, ...]:
        """The refs as this run sees them."""
        return refs_seen(self.view.refs, self.thread, self.head)

    @property
    def off_refs(self) -> bool:
        """True where the run goes on from a turn that no thread ends with, as an edit does."""
        return self.head not in self.view.refs.values()


@dataclass(frozen=True)
class SummariesRead:
    """What `recall_summaries` brought."""

    notes: Sequence[EpisodeNote] = ()
    """The folded part of this branch, oldest first."""
    partial: Sequence[Turn] = ()
    """Turns of this branch in episodes that are not shown: it forked off inside them."""
    missed: bool = False
    """True where the stores did not answer."""


@dataclass(frozen=True)
class MemoriesRead:
    """What `recall_memories` brought."""

    recall: Recaller
    """Chooses of what was found; the prompt says what it shows anyway and what has room."""
    entities: Sequence[str] = ()
    """One line each, the most relevant first."""
    at_once: bool = True
    """Whether choosing takes a few milliseconds at most."""


@dataclass(frozen=True)
class Schedule:
    """What is to be done after the reply."""

    fold: Window | None
    extract: bool
    asks: bool = False
    """Whether the last message may want something forgotten: that does not wait."""
    asked: Wanted = NOTHING_WANTED
    """What the model was asked to forget, and forgot."""
    renew: tuple[str, ...] = ()
    """Episodes whose summary says something forgotten: they are summarized anew without it."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What nodes are built with; no two are alike."""

    settings: Settings
    models: Models
    stores: Stores
    now: Callable[[], datetime]
    """The clock, with a time zone."""
    failed_readings: dict[tuple[str, int], int] = field(default_factory=dict)
    """How often the messages beyond an owner's cursor could not be read for facts."""
