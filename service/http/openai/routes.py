"""OpenAI's chat completions over the chat graph: any client gets memory by its base URL."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from domain.owner import DEFAULT_CHARACTER, LOCAL_USER, Owner, digest
from models.parts import text_of
from service.http.access import Asking, Served
from service.http.openai.messages import (
    NO_CACHE,
    Asked,
    CompletionRequest,
    Usage,
    chunk,
    completion,
    event_of,
    new_id,
    taken_apart,
)
from service.http.openai.tasks import answer_task, is_task
from service.http.openai.threads import Sends, place_of
from service.http.problems import OPENAI_PROBLEMS, openai_error, waiting
from service.http.turns import Ask, RunningTurn, begin_turn
from service.serving import Serving
from service.turn_report import TokenEvent, TurnDone, TurnReport

router = APIRouter(prefix="/v1", tags=["openai"], responses=OPENAI_PROBLEMS)

USER_HEADERS = ("x-openwebui-user-id", "x-openwebui-user-email", "x-librechat-user-id")
"""Headers by which front ends name their user; read only where nobody is asked for a token."""
THREAD_HEADERS = ("x-thread-id", "x-openwebui-chat-id", "x-librechat-conversation-id")
"""Headers by which clients name a conversation."""
LIBRECHAT = {"x-librechat-conversation-id", "x-librechat-user-id"}
"""The headers of a client that asks for titles and summaries in its user's name."""
SENDS: dict[str, Sends] = {"x-openwebui-chat-id": "all", "x-librechat-conversation-id": "recent"}
"""What clients send of their conversation with every message, by their header."""
ZONE_HEADER = "x-timezone"
"""The header that says where a user is, for clients that can add none to the body."""
ModelName = Annotated[str, Path(max_length=512)]


def _listed(served: Serving) -> dict[str, dict[str, Any]]:
    """Return what OpenAI's clients are told of each character, by its name."""
    names = list(served.parts.settings.characters) or [DEFAULT_CHARACTER]
    return {name: _as_model(name) for name in names}


def _as_model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "mnemograph"}


def _no_model(served: Serving, name: str) -> HTTPException:
    return HTTPException(404, f'There is no "{name}": use one of {", ".join(_listed(served))}.')


@router.get("/models")
async def models(served: Served, caller: Asking) -> dict[str, Any]:
    """The characters, as models."""
    return {"object": "list", "data": list(_listed(served).values())}


@router.get("/models/{name:path}")
async def model(name: ModelName, served: Served, caller: Asking) -> dict[str, Any]:
    """One character, as a model, so that clients can check a name; any where none is set up."""
    if not name:  # What a client asks for that puts a slash after every path.
        return await models(served, caller)
    characters = served.parts.settings.characters
    if characters and name not in characters:
        raise _no_model(served, name)
    return _as_model(name)


async def _user(request: Request, asked: CompletionRequest, caller: Asking) -> str:
    """Return who is talking."""
    if caller.has_token:
        return caller.user_id
    named = next(filter(None, (request.headers.get(name) for name in USER_HEADERS)), asked.user)
    return named or LOCAL_USER


TheUser = Annotated[str, Depends(_user)]


@router.post("/chat/completions", response_model=None)
async def chat_completions(
    request: Request, served: Served, asked: CompletionRequest, caller: Asking, user: TheUser
) -> Response:
    """Answer the newest message, with all that is remembered of its user and character."""
    asked.check()
    characters = served.parts.settings.characters
    if characters and asked.model not in characters:
        raise _no_model(served, asked.model)
    for message in asked.messages:
        served.limits.check_size(message.model_dump())
    owner = Owner(user, asked.model)
    if is_task(asked.messages, of_librechat=not LIBRECHAT.isdisjoint(request.headers)):
        return await answer_task(served, owner, caller.tier, asked)
    said = taken_apart(asked.messages)
    served.limits.check_size([said.persona, said.newest])
    ask = await _ask(request, served, owner, said, asked.timezone)
    turn = await begin_turn(served, ask, caller.tier)
    if asked.stream:
        with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        stream = _streamed(served, turn, asked.model, with_usage)
        return StreamingResponse(stream, media_type="text/event-stream", headers=NO_CACHE)
    report = await turn.report(request)
    if report is None:
        return Response(status_code=499)
    if report.error is not None:
        return openai_error(400 if report.refused else 503, report.error, waiting(report.wait))
    return JSONResponse(
        completion(new_id(), asked.model, int(time.time()), report.reply, _usage(served, report)),
    )


async def _ask(
    request: Request, served: Serving, owner: Owner, said: Asked, timezone: str | None
) -> Ask:
    """Return the turn that a client asks for."""
    header = next(filter(request.headers.get, THREAD_HEADERS), None)
    thread = None
    if header is not None:
        # A name that a client chose is a thread of this owner alone.
        thread = digest(f"{owner.key}\n{request.headers[header]}")
    place = await place_of(
        served.parts.stores,
        served.conversation,
        owner,
        said.history,
        newest=text_of(said.newest),
        thread=thread,
        sends=SENDS.get(header or "", "any"),
        now=served.parts.now(),
    )
    zone = request.headers.get(ZONE_HEADER) or timezone
    options = {"persona": said.persona, "checkpoint": place.checkpoint, "timezone": zone}
    options |= {"message_id": place.message, "name": said.name}
    return Ask(owner, place.thread, said.newest, options)


async def _streamed(
    served: Serving, turn: RunningTurn, model: str, with_usage: bool
) -> AsyncIterator[str]:
    """Yield a reply as OpenAI streams one; an error ends it."""
    id, at = new_id(), int(time.time())
    yield event_of(chunk(id, model, at, {"role": "assistant", "content": ""}))
    async with aclosing(turn.events()) as events:
        async for event in events:
            if event is None:
                yield ": still there\n\n"
            elif isinstance(event, TokenEvent):
                yield event_of(chunk(id, model, at, {"content": event.text}))
            elif isinstance(event, TurnDone):
                if event.report.error is not None:
                    status = 400 if event.report.refused else 503
                    yield event_of(json.loads(bytes(openai_error(status, event.report.error).body)))
                else:
                    yield event_of(chunk(id, model, at, {}, "stop"))
                    if with_usage:
                        usage = _usage(served, event.report)
                        yield event_of(chunk(id, model, at, None, usage=usage))
    yield "data: [DONE]\n\n"


def _usage(served: Serving, report: TurnReport) -> Usage:
    """Return what a turn cost: its prompt as packed, its reply as counted."""
    spent = report.budget or {}
    read = int(spent.get("total", 0)) - int(spent.get("reply_reserve", 0))
    wrote = served.parts.models.tokens.text(report.reply)
    return Usage(prompt_tokens=read, completion_tokens=wrote, total_tokens=read + wrote)
