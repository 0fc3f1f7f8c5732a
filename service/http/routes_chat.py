"""The route that answers a message: whole as JSON, or word by word as server-sent events."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from domain.records import MOST_BYTES
from service.conversation import new_thread
from service.http.access import Asking, OwnMemory, Served
from service.http.problems import PROBLEMS, waiting
from service.http.turns import Ask, RunningTurn, begin_turn
from service.turn_report import TokenEvent, TurnDone

router = APIRouter(tags=["chat"], responses=PROBLEMS)

STREAM = "text/event-stream"


class ChatRequest(BaseModel):
    """What the user says."""

    message: str = Field(min_length=1, description="What the user says.")
    thread_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="The conversation to go on with. Not given: the last one.",
    )
    new: bool = Field(default=False, description="Begin a new conversation.")
    message_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="An id of your own, another for each message. Sent again with it on its "
        "conversation, the same words are the same message, said and answered once; other words "
        "are an edit of it.",
    )
    name: str | None = Field(
        default=None, max_length=64, description="Who says it, where several people speak."
    )
    persona: str | None = Field(
        default=None, max_length=MOST_BYTES, description="Who the character is, for this turn."
    )
    as_of: str | None = Field(
        default=None, max_length=128, description="Answer with what was true then."
    )
    timezone: str | None = Field(
        default=None,
        max_length=128,
        description="Where the user is, as Europe/Berlin. Not given: the setting's.",
    )
    stream: bool = Field(default=False, description="As server-sent events; so does `Accept`.")


@router.post(
    "/chat/{user_id}/{character_id}",
    response_model=None,
    responses={200: {"content": {"application/json": {}, STREAM: {}}}},
)
async def chat(
    request: Request,
    served: Served,
    owner: OwnMemory,
    caller: Asking,
    said: ChatRequest,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Answer a message.

    As JSON: `thread_id` and the report of the turn. As server-sent events: `thread`, then
    `token` for the words as they come, `step` for what else is done, and `done` with the report.
    """
    served.limits.check_size([said.message, said.persona])
    if said.new and said.thread_id:
        raise HTTPException(422, 'Give "thread_id" or "new", not both.')
    thread = said.thread_id
    if thread is None and not said.new:
        thread = await served.conversation.last_thread(owner)
    options = said.model_dump(include={"persona", "as_of", "timezone", "message_id", "name"})
    ask = Ask(owner, thread or new_thread(), said.message, options)
    turn = await begin_turn(served, ask, caller.tier)
    if said.stream or STREAM in accept:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        return StreamingResponse(_events(turn, ask), media_type=STREAM, headers=headers)
    report = await turn.report(request)
    if report is None:
        return Response(status_code=499)
    if report.error is not None and not report.reply:
        status = 422 if report.refused else 503
        raise HTTPException(status, report.error, waiting(report.wait))
    return JSONResponse({"thread_id": ask.thread, **report.model_dump(mode="json")})


async def _events(turn: RunningTurn, ask: Ask) -> AsyncIterator[str]:
    yield _event("thread", {"thread_id": ask.thread})
    async with aclosing(turn.events()) as events:
        async for event in events:
            if event is None:
                yield ": still there\n\n"
            elif isinstance(event, TokenEvent):
                yield _event("token", {"text": event.text})
            elif isinstance(event, TurnDone):
                recalled = [item.model_dump(mode="json") for item in event.report.recalled]
                yield _event("recalled", {"items": recalled})
                if event.report.budget is not None:
                    yield _event("budget", dict(event.report.budget))
                yield _event("done", event.report.model_dump(mode="json"))
            else:
                yield _event("step", {"step": event.step, "messages": event.messages})


def _event(name: str, value: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"
