"""The routes that change or delete what is remembered: facts, an owner, a user."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from domain.facts import facts
from domain.facts.facts import Standing
from domain.owner import Owner
from domain.records import Fact
from domain.rows import key_of
from nodes.state import Parts
from service.cli.prompt_history import forget_history
from service.http.access import NOTHING, OwnMemory, OwnUser, Served
from service.http.problems import PROBLEMS
from service.http.readings import FactShown, fact_shown
from service.memory_view import remembered
from service.ops.thread_records import drop_records, renew_records
from service.usage.ledger import drop_ledger
from stores.journal import GenerationMoved
from stores.maintenance.erase import Removed, forget, reset
from stores.maintenance.export import export_user

router = APIRouter(prefix="/memory/{user_id}", tags=["memory"], responses=PROBLEMS)

FactId = Annotated[str, Path(description="As /facts lists it.")]


class NewWording(BaseModel):
    """What a fact should say."""

    text: str = Field(min_length=1, max_length=2000, description="One self-contained statement.")


class Forgotten(BaseModel):
    """What was removed, counted."""

    threads: int
    turns: int
    memories: int


@router.patch("/{character_id}/facts/{id}")
async def edit_fact(served: Served, owner: OwnMemory, id: FactId, wording: NewWording) -> FactShown:
    """Put a fact into other words: a new fact supersedes it, from the next turn on."""
    fact = await _fact(served.parts, owner, id)
    try:
        written = facts.edit(fact, wording.text, served.parts.now())
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    await _write(served.parts, owner, *written)
    now = written[0] if written else fact
    return fact_shown(Standing(now, current=True))


@router.delete("/{character_id}/facts/{id}", status_code=204)
async def delete_fact(served: Served, owner: OwnMemory, id: FactId) -> None:
    """Delete a fact: it is never drawn again from what was said, nor is that recalled."""
    fact = await _fact(served.parts, owner, id)
    await _write(served.parts, owner, facts.delete(fact, served.parts.now()))


async def _fact(parts: Parts, owner: Owner, id: str) -> Fact:
    """Return a fact that its owner is shown.

    Raises:
        HTTPException: 404 if there is none.
    """
    held = (await remembered(parts.stores, owner)).facts
    for one in held:
        if one.fact.id == id:
            return one.fact
    generation = (await parts.stores.journal.read(owner)).generation
    if await parts.stores.memories.fact(owner, generation, id) is not None:
        # Perhaps deleted by a request that broke off before every process was told.
        await parts.stores.journal.rows_changed(owner, generation, [("fact", id)])
    raise HTTPException(404, NOTHING)


async def _write(parts: Parts, owner: Owner, *changed: Fact) -> None:
    """Write facts, and tell every process.

    Raises:
        GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
    """
    stores = parts.stores
    generation = (await stores.journal.read(owner)).generation
    await stores.memories.put(owner, generation, *changed)
    try:
        await stores.journal.rows_changed(owner, generation, [key_of(fact) for fact in changed])
    except GenerationMoved:
        await stores.memories.clear(owner, generation)
        raise


@router.post("/{character_id}/reset")
async def reset_owner(served: Served, owner: OwnMemory) -> Forgotten:
    """Forget all that was said with this character, also what is in flight."""
    stores = served.parts.stores
    threads = list((await stores.journal.read(owner)).threads)
    try:
        removed = await reset(stores, owner)
    finally:
        await renew_records(threads)
    await asyncio.to_thread(forget_history, served.parts.settings.data_dir, owner)
    return _counted(removed)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "JSON Lines."}},
)
async def export(served: Served, user: OwnUser) -> StreamingResponse:
    """Everything of a user, one JSON object a line, as `mnemo import` reads it."""
    lines = export_user(served.parts.stores, user)
    # What fails at once fails as a problem, not in mid-stream; the head asks no store.
    begun = [await anext(lines), await anext(lines, None)]
    return StreamingResponse(
        _ndjson(filter(None, begun), lines),
        media_type="application/x-ndjson",
        headers={"content-disposition": 'attachment; filename="mnemograph.jsonl"'},
    )


async def _ndjson(
    begun: Iterable[dict[str, Any]], rest: AsyncIterator[dict[str, Any]]
) -> AsyncIterator[str]:
    for line in begun:
        yield json.dumps(line) + "\n"
    async for line in rest:
        yield json.dumps(line) + "\n"


@router.delete("")
async def forget_user(served: Served, user: OwnUser) -> Forgotten:
    """Forget a user: every conversation with every character, and what they cost."""
    stores, data_dir = served.parts.stores, served.parts.settings.data_dir
    owners = await stores.journal.backend.owners_of(user)
    threads = [t for owner in owners for t in (await stores.journal.read(owner)).threads]
    try:
        removed = await forget(stores, user)
    finally:
        await drop_records(user, threads)
    for owner in owners:
        await drop_ledger(stores.journal, owner)
        await asyncio.to_thread(forget_history, data_dir, owner)
    return _counted(removed)


def _counted(removed: Removed) -> Forgotten:
    return Forgotten(threads=removed.threads, turns=removed.turns, memories=removed.memories)
