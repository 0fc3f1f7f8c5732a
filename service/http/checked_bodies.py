"""Stands before those routes of a LangGraph server that take from a body what nobody checks."""

import json
import re

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.json_text import read_json
from service.http.problems import problem

_UNCHECKED = re.compile(
    r"/threads(?:/[^/]*/(?:state|state/checkpoint|history|runs(?:/wait|/stream|/crons)?))?/?"
    r"|/runs(?:/wait|/stream|/batch|/crons)?/?|/store/items/search/?"
)


class CheckedBodies:
    """Passes on of such a request what a client may say; the body must have been read whole."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body as checked, or refuse it."""
        posts = scope["type"] == "http" and scope["method"] == "POST"
        if not posts or not _UNCHECKED.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        message = await receive()
        try:
            message = await run_in_threadpool(_checked, message)
        except ValueError as error:
            await problem(422, str(error))(scope, receive, send)
            return
        left = [message]

        async def again() -> Message:
            return left.pop() if left else await receive()

        await self._app(scope, again, send)


def _checked(message: Message) -> Message:
    try:
        body = read_json(message.get("body", b""))
    except ValueError:
        return message  # The server says so, or there is none.
    from service.http.run_requests import cut  # late: `langgraph dev` times our import

    cut(body)
    return {**message, "body": json.dumps(body).encode()}
