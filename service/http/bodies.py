"""Bounds the body of every request, before anything of it is parsed. Knows no route."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.problems import for_its_client, problem

LARGEST = 1_000_000
"""Bytes of a body at most: parsing that many holds everybody else for about 10 ms."""
READ_PAST = 32_000_000
"""Bytes of a refused body that are read and dropped: a connection closed on a client that still
sends is reset, and the client never reads why."""
ESCAPED = 6
"""Bytes that JSON may write for one (`\\u0001`): a body of what may be said always fits."""


class BoundedBodies:
    """Reads a body whole before the application is asked; 413 where it is too large."""

    def __init__(self, app: ASGIApp, inside: FastAPI) -> None:
        """Stand before `app`; `inside` knows how many bytes one request may say."""
        self._app, self._inside = app, inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or refuse it."""
        serving = getattr(self._inside.state, "serving", None)
        most = max(LARGEST, ESCAPED * serving.parts.settings.message_bytes if serving else 0)
        if scope["type"] == "websocket":
            await self._app(scope, _bounded(receive, most), send)
            return
        if scope["type"] != "http" or not _brings_body(scope):
            await self._app(scope, receive, send)
            return
        parts, size, more = [], 0, True
        while more and size <= most:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            parts.append(message.get("body", b""))
            size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > most:
            parts.clear()
            while more and size <= most + READ_PAST:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                size, more = size + len(message.get("body", b"")), message.get("more_body", False)
            headers = {"connection": "close"} if more else None
            answer = problem(413, f"The body may have {most:,} bytes: send less.", headers)
            await for_its_client(scope["path"], answer)(scope, receive, send)
            return
        whole: list[Message] = [
            {"type": "http.request", "body": b"".join(parts), "more_body": False}
        ]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, again, send)


def _bounded(receive: Receive, most: int) -> Receive:
    """Return what receives from a websocket until a message is too large; then it is over."""
    over = False

    async def bounded() -> Message:
        nonlocal over
        message = {} if over else await receive()
        over = over or any(len(message.get(part) or "") > most for part in ("text", "bytes"))
        return {"type": "websocket.disconnect", "code": 1009} if over else message

    return bounded


def _brings_body(scope: Scope) -> bool:
    names = {name for name, value in scope["headers"] if value != b"0"}
    return b"content-length" in names or b"transfer-encoding" in names
