"""The routes that show what is remembered of an owner. Nothing here changes anything."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from domain.records import Entity, Episode, Recalled, Turn
from service import memory_view
from service.http import readings
from service.http.access import Asking, AsOf, OwnMemory, Served
from service.http.paging import Cursor, Limit, Page, page_after, page_before
from service.http.problems import NOTHING, PROBLEMS
from service.memory_view import FactShown, look_up, remembered
from service.usage.ledger import Ledger, read_ledger

router = APIRouter(prefix="/memory/{user_id}/{character_id}", tags=["memory"], responses=PROBLEMS)

Thread = Annotated[str | None, Query(description="Not given: the last one spoken on.")]


@router.get("/recent")
async def recent(served: Served, owner: OwnMemory, limit: Limit = 50) -> readings.Recent:
    """The last turns, word for word: those that no episode holds yet."""
    turns = await memory_view.recent(served.parts.stores, owner)
    return readings.Recent(turns=turns[-limit:])


@router.get("/summary")
async def summary(served: Served, owner: OwnMemory, thread_id: Thread = None) -> readings.Earlier:
    """What prompts of a thread say of its earlier part."""
    return await readings.earlier(served.parts.stores, served.conversation, owner, thread_id)


@router.get("/transcript")
async def transcript(
    served: Served,
    owner: OwnMemory,
    before: Annotated[str | None, Query(description="`next` of the page before: older.")] = None,
    limit: Limit = 50,
) -> Page[Turn]:
    """All that was said, the newest page first; within a page the oldest turn first."""
    turns = await memory_view.transcript(served.parts.stores, owner)
    shown, older = page_before(turns, lambda turn: (turn.seq, turn.id), limit, before)
    return Page(items=shown, next=older)


@router.get("/episodes")
async def episodes(
    served: Served,
    owner: OwnMemory,
    evidence: Annotated[bool, Query(description="With their turns, word for word.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[readings.EpisodeShown]:
    """The summarized stretches of conversation, oldest first, with their quality."""
    every = (await remembered(served.parts.stores, owner)).episodes
    shown, more = page_after(every, lambda episode: (episode.seq, episode.id), limit, cursor)
    return Page(items=[_episode(episode, evidence) for episode in shown], next=more)


def _episode(episode: Episode, evidence: bool) -> readings.EpisodeShown:
    fields = episode.model_dump(exclude={"turns"})
    return readings.EpisodeShown(
        **fields,
        begun=episode.begun,
        ended=episode.ended,
        turns=episode.turns if evidence else None,
    )


@router.get("/facts")
async def facts(
    served: Served, owner: OwnMemory, as_of: AsOf, limit: Limit = 50, cursor: Cursor = None
) -> Page[FactShown]:
    """What is held to be true, and what no longer is, in the order it was said."""
    every = (await remembered(served.parts.stores, owner, as_of=as_of)).facts
    shown, more = page_after(
        every, lambda each: (each.fact.observed_at.timestamp(), each.fact.id), limit, cursor
    )
    return Page(items=[FactShown.of(each) for each in shown], next=more)


@router.get("/entities")
async def entities(
    served: Served, owner: OwnMemory, limit: Limit = 50, cursor: Cursor = None
) -> Page[Entity]:
    """People, places and things by name, with the history of their attributes."""
    every = (await remembered(served.parts.stores, owner)).entities
    shown, more = page_after(every, lambda e: (e.name.casefold(), e.id), limit, cursor)
    return Page(items=shown, next=more)


@router.get("/search")
async def search(
    served: Served,
    owner: OwnMemory,
    as_of: AsOf,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="What to look for.")],
    budget: Annotated[
        int, Query(ge=1, le=8000, description="Tokens of what is found, at most.")
    ] = 1000,
) -> Page[Recalled]:
    """What would be recalled for a message, in the order of time, and why."""
    parts = served.parts
    items = await look_up(parts.stores, owner, q, budget=budget, now=parts.now(), as_of=as_of)
    return Page(items=list(items), next=None)


@router.get("/budget")
async def budget(
    served: Served, owner: OwnMemory, caller: Asking, thread_id: Thread = None
) -> readings.BudgetReport:
    """How the last prompt of a thread spent its tokens."""
    thread = thread_id or await served.conversation.last_thread(owner)
    spent = await served.conversation.last_budget(owner, thread) if thread else None
    if thread is None or spent is None:
        raise HTTPException(404, NOTHING)
    tier = served.parts.settings.tier_name(caller.tier, owner.character_id)
    quota = await served.limits.quota(owner.user_id, tier)
    report = {"thread": thread, "budget": spent, "today": quota}
    return readings.BudgetReport.model_validate(report)


@router.get("/ledger")
async def ledger(served: Served, owner: OwnMemory) -> Ledger:
    """What the turns with this character cost, by month, purpose and model."""
    return await read_ledger(served.parts.stores.journal, served.parts.settings, owner)
