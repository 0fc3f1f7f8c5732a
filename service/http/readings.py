"""What the routes answer with of an owner's memory, as their documents describe it.

What they show is read in `memory_view`. Nothing here changes anything.
"""

from datetime import datetime

from pydantic import BaseModel, Field

from domain.owner import Owner
from domain.prompt_budget import Budget
from domain.records import Turn
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


class BudgetReport(BaseModel):
    """How the last prompt of a thread was spent."""

    thread: str
    budget: Budget
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
