"""What the routes answer with of an owner's memory, as their documents describe it.

What they show is read in `memory_view`. Nothing here changes anything.
"""

from datetime import datetime

from pydantic import BaseModel, Field

from domain.facts.facts import Standing
from domain.owner import Owner
from domain.records import Fact, Turn
from service.conversation import Conversation
from service.usage.limits import Quota
from stores.open import Stores


class Recent(BaseModel):
    """The last turns verbatim: those that no episode holds yet."""

    turns: list[Turn] = Field(description="Of all threads, oldest first.")


class Summary(BaseModel):
    """What was folded of one conversation: one episode's summary."""

    id: str = Field(description="The episode's.")
    begun: datetime
    ended: datetime
    turns: int = Field(description="How many turns it holds.")
    text: str


class Earlier(BaseModel):
    """The folded part of a conversation, as its prompts show it."""

    thread: str | None = Field(description="Null where there is no conversation yet.")
    summaries: list[Summary] = Field(description="Oldest first.")


class FactShown(Fact):
    """A fact and whether it still holds."""

    current: bool = Field(description="False where a newer fact superseded it.")
    superseded_by: str | None = Field(description="Id of the fact that ended it.")
    until: datetime | None = Field(description="When it ended.")


class EpisodeShown(BaseModel):
    """An episode; its turns only where they are asked for."""

    id: str
    thread: str
    begun: datetime
    ended: datetime
    summary: str
    extractive: bool = Field(description="True where no language model wrote the summary.")
    coverage: float | None = Field(description="Share, 0 to 1, of what matters that it keeps.")
    score: float | None = Field(description="The memory model's own score, 0 to 1.")
    missing: tuple[str, ...] = Field(description="Details that it leaves out.")
    turns: tuple[Turn, ...] | None = Field(description="The evidence, verbatim, oldest first.")


class BudgetShown(BaseModel):
    """How a prompt spent its tokens."""

    persona: int
    summary: int
    buffer: int = Field(description="The last turns verbatim, with the message.")
    entities: int
    memories: int = Field(description="With what search_memory brought.")
    reply_reserve: int
    total: int = Field(description="The sum of the above.")
    limit: int
    cached_prefix: float = Field(description="Share, 0 to 1, that a provider's cache may know.")


class BudgetReport(BaseModel):
    """How the last prompt of a thread was spent."""

    thread: str
    budget: BudgetShown
    today: Quota | None = Field(description="Null where the tier has no daily bound.")


async def earlier(
    stores: Stores, conversation: Conversation, owner: Owner, thread: str | None
) -> Earlier:
    """Return the summaries of one thread's branch; of the last one where none is named."""
    view = await stores.journal.read(owner)
    thread = thread or await conversation.last_thread(owner)
    head = view.refs.get(thread) if thread else None
    branch = await stores.summaries.branch(owner, view, head) if head else None
    return Earlier(
        thread=thread if head else None,
        summaries=[
            Summary(
                id=note.id,
                begun=note.begun,
                ended=note.ended,
                turns=len(note.turns),
                text=note.summary,
            )
            for note in (branch.notes if branch else ())
        ],
    )


def fact_shown(fact: Standing) -> FactShown:
    """Return a fact as the routes show it."""
    return FactShown(
        **fact.fact.model_dump(),
        current=fact.current,
        superseded_by=fact.superseded_by,
        until=fact.until,
    )
