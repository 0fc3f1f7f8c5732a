"""The routes that change or delete what is remembered: facts, an owner, a user."""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from domain.facts.facts import Standing
from service import erasing, memory_changes
from service.http.access import OwnMemory, OwnUser, Served
from service.http.problems import PROBLEMS
from service.memory_view import FactShown
from stores.maintenance.erase import Removed
from stores.maintenance.export import export_user

router = APIRouter(prefix="/memory/{user_id}", tags=["memory"], responses=PROBLEMS)

FactId = Annotated[str, Path(description="As /facts lists it.")]


class NewWording(BaseModel):
    """What a fact should say."""

    text: str = Field(min_length=1, max_length=2000, description="One self-contained statement.")


@router.patch("/{character_id}/facts/{id}")
async def edit_fact(served: Served, owner: OwnMemory, id: FactId, wording: NewWording) -> FactShown:
    """Put a fact into other words: a new fact supersedes it, from the next turn on."""
    try:
        fact = await memory_changes.edit_fact(served.parts, owner, id, wording.text)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return FactShown.of(Standing(fact, current=True))


@router.delete("/{character_id}/facts/{id}", status_code=204)
async def delete_fact(served: Served, owner: OwnMemory, id: FactId) -> None:
    """Delete a fact: no prompt holds it again, nor what was said of it in other words."""
    await memory_changes.delete_fact(served.parts, owner, id)


@router.post("/{character_id}/reset")
async def reset_owner(served: Served, owner: OwnMemory) -> Removed:
    """Forget all that was said with this character, also what is in flight."""
    parts = served.parts
    return await erasing.reset_owner(parts.stores, parts.settings.data_dir, owner)


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
async def forget_user(served: Served, user: OwnUser) -> Removed:
    """Forget a user: every conversation with every character, and what they cost."""
    parts = served.parts
    return await erasing.forget_user(parts.stores, parts.settings.data_dir, user)
