"""Errors as `application/problem+json` (RFC 9457), each with one clear sentence in `detail`."""

import json
import math
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

import httpx
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models.errors import ModelError
from service.auth.keys import IdentityError
from service.thread_locks import ThreadBusy
from service.usage.limits import LimitExceeded, MessageTooLarge
from stores.errors import (
    CheckpointGone,
    GenerationMoved,
    NoSuchFact,
    StoreMismatch,
    StoreUnavailable,
)

MEDIA = "application/problem+json"


NOTHING = "Nothing is found here."
"""What a caller is told of another user's memory: the same as of a path that does not exist."""


class Problem(BaseModel):
    """What went wrong."""

    type: str = Field(default="about:blank", description="Always so: the status says the kind.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence: what was wrong and what to do.")


class OpenAIProblem(BaseModel):
    """What went wrong, as OpenAI's clients expect it."""

    message: str = Field(description="One sentence: what was wrong and what to do.")
    type: str = Field(description="Its kind, such as `invalid_request_error`.")
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    """The body of an error of OpenAI's routes."""

    error: OpenAIProblem


Described = dict[int | str, dict[str, Any]]


CODES = ("4XX", "5XX")
PROBLEMS: Described = {
    code: {"content": {MEDIA: {"schema": Problem.model_json_schema()}}} for code in CODES
}
"""What the OpenAPI document says of every route's errors."""
OPENAI_PROBLEMS: Described = {code: {"model": OpenAIError} for code in CODES}
"""The same of OpenAI's routes, which answer in OpenAI's form."""


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a problem as a response."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(
        body.model_dump(), status_code=status, media_type=MEDIA, headers=dict(headers or {})
    )


def waiting(seconds: float | None) -> dict[str, str]:
    """Return the header that tells a client when to come back; none where nobody knows."""
    return {} if seconds is None else {"retry-after": str(math.ceil(seconds))}


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


async def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code < 200 or error.status_code in (204, 205, 304):
        return Response(status_code=error.status_code, headers=error.headers)
    detail = error.detail if isinstance(error.detail, str) else "The request cannot be served."
    return problem(error.status_code, _sentence(detail), error.headers)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    where, *name = map(str, first["loc"])
    if first["type"] == "json_invalid":
        why = f"{_lower(first['ctx']['error'])} at character {name[0]}"
        return problem(422, f"The {where} is not JSON: {why}.")
    if where == "body" and not name:  # As any is called that is not sent as JSON.
        return problem(422, 'The body must be a JSON object, sent as "application/json".')
    what = f'"{".".join(name)}"' if name else f"The {where}"
    return problem(422, f"{what} cannot be used: {_lower(first['msg'])}.")


async def _identity(request: Request, error: IdentityError) -> Response:
    return problem(error.status, str(error), challenge(error))


async def _limit(request: Request, error: LimitExceeded) -> Response:
    return problem(429, str(error), {"retry-after": str(error.wait)})


async def _passed_on(request: Request, error: httpx.HTTPStatusError) -> Response:
    """Answer as a LangGraph server answered the request that it made to itself."""
    try:
        detail = str(error.response.json()["detail"])
    except (httpx.ResponseNotRead, ValueError, LookupError, TypeError):
        detail = "The server refused a step of this request."
    return problem(error.response.status_code, _sentence(detail))


async def _lacking(request: Request, error: NotImplementedError) -> Response:
    """Answer a request for what a LangGraph server offers and our stores do not."""
    return problem(422, _sentence(str(error) or "This is not offered here"))


def _as(status: int, text: str = "", **headers: str) -> Handler:
    """Return what answers with this status, and with the error's own sentence unless given one."""

    async def handle(request: Request, error: Exception) -> Response:
        return problem(status, text or str(error), headers)

    return handle


FOR_ALL = ("connection", "retry-after", "www-authenticate")
"""Headers of an error that every client is told."""
OPENAI = "/v1/"
"""What the paths of OpenAI's routes begin with."""
NO_ROUTE = f"{HTTPStatus.NOT_FOUND.phrase}."
OFFERED = (
    "Of OpenAI's routes /v1/chat/completions and /v1/models are here: set your client to chat "
    "completions, where it asks for responses."
)
"""What a client is told that asks for another one, such as `/v1/responses`."""
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error",
          429: "rate_limit_error"}  # fmt: skip


def openai_error(
    status: int, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an error as OpenAI's clients expect one."""
    status = 400 if status == 422 else status  # OpenAI knows no other status for bad input.
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    error = OpenAIProblem(message=detail, type=kind, param=None, code=None)
    body = OpenAIError(error=error).model_dump()
    return JSONResponse(body, status_code=status, headers=dict(headers or {}))


def for_its_client(path: str, answer: Response) -> Response:
    """Return an answer, with a problem of OpenAI's routes in their own form."""
    if not path.startswith(OPENAI) or answer.media_type != MEDIA:
        return answer
    headers = {k: v for k, v in answer.headers.items() if k in FOR_ALL}
    detail = json.loads(bytes(answer.body))["detail"]
    return openai_error(answer.status_code, OFFERED if detail == NO_ROUTE else detail, headers)


def _for_its_client(handler: Handler) -> Handler:
    async def handle(request: Request, error: Any) -> Response:
        return for_its_client(request.scope["path"], await handler(request, error))

    return handle


_HANDLERS: dict[int | type[Exception], Handler] = {
    HTTPException: _http,
    RequestValidationError: _invalid,
    IdentityError: _identity,
    LimitExceeded: _limit,
    MessageTooLarge: _as(413),
    NoSuchFact: _as(404, NOTHING),
    StoreUnavailable: _as(503),
    StoreMismatch: _as(503),
    CheckpointGone: _as(409),
    ModelError: _as(503),
    GenerationMoved: _as(409, "This memory was reset meanwhile: nothing was changed."),
    ThreadBusy: _as(409, **{"retry-after": "1"}),
    httpx.HTTPStatusError: _passed_on,
    NotImplementedError: _lacking,
    Exception: _as(500, "Something went wrong here; it is in the server's log."),
}
HANDLERS = {kind: _for_its_client(handler) for kind, handler in _HANDLERS.items()}
"""What answers each kind of error."""


def challenge(error: IdentityError) -> dict[str, str]:
    """Return the header that tells a client to send a token."""
    return {"www-authenticate": "Bearer"} if error.status == 401 else {}


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
