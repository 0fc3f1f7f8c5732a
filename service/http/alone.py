"""The application as `mnemo serve` runs it: without a LangGraph server, for browsers and proxies.

`uvicorn --factory service.http.alone:create` runs the same.
"""

import json
import logging
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.owner import Owner, digest
from models.errors import ModelSettingsError
from service.hosts import is_address, is_loopback
from service.http.agents import AgentAccess
from service.http.app import create_app
from service.http.problems import problem
from service.ops.allocator import keep_little
from service.ops.daily_sweep import sweeping
from service.serving import OpenServing, Serving
from settings import Settings
from stores.errors import StoreMismatch, StoreUnavailable

AGENTS = "/mcp/memory"
"""Where agents find their tools."""
REQUEST_ID = "x-request-id"
OTHER_PAGE = "A page of another site may change nothing here: name it in MNEMO_CORS_ORIGINS."
OTHER_NAME = (
    "Nobody is asked for a token here, so a site could have given its name to this machine: where "
    "the name is yours, as that of a proxy, put its origin into MNEMO_CORS_ORIGINS."
)
_PRIVATE = (".localhost", ".localdomain", ".internal", ".local", ".lan", ".home.arpa", ".test")
"""Ends of names that nobody can register: those of a machine, of containers, and of a home."""
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""Request ids of proxies that are taken over; others are replaced."""

_log = logging.getLogger("mnemo.access")


class RequestLog:
    """Gives each request an id, and writes a line of JSON about it without what was said."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(REQUEST_ID.encode(), b"").decode("latin-1")
        id = given if _GIVEN.fullmatch(given) else uuid4().hex
        begun, status = perf_counter(), 500

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID.encode(), id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, named)
        finally:
            ms = round((perf_counter() - begun) * 1000, 1)
            _log.info(json.dumps(_line(scope) | {"id": id, "status": status, "ms": ms}))


class OwnPages:
    """Refuses what another site's page has its reader's browser send, where no token is asked for.

    Browsers ask before they send JSON, and post a form of any page without a question: a reset
    takes no more than that. Programs with a browser in them may send JSON from anywhere.
    A site may also give its own name this machine's address (DNS rebinding): to the browser all is
    then that site's, to be read as well. Only the name that it asks for tells.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        """Stand before `app`; pages of `origins` may send what they like."""
        self._app, self._origins = app, origins
        self._hosts = {urlsplit(origin).hostname for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        own = is_loopback((scope.get("server") or ("",))[0]) or scope["path"].startswith(AGENTS)
        if own and not self._may_name(headers):
            await problem(421, OTHER_NAME)(scope, receive, send)
        elif scope["method"] == "POST" and not self._may_post(headers):
            await problem(403, OTHER_PAGE)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _may_name(self, headers: Headers) -> bool:
        """Return whether the host that is asked for is no name that a site could have."""
        try:
            host = (urlsplit(f"//{headers.get('host', '')}").hostname or "").rstrip(".")
        except ValueError:
            return False
        public = "." in host and not is_address(host) and not host.endswith(_PRIVATE)
        return not public or "*" in self._origins or host in self._hosts

    def _may_post(self, headers: Headers) -> bool:
        asked = headers.get("content-type", "").startswith("application/json")
        named = bool({headers.get("origin"), "*"} & set(self._origins))
        return asked or named or not _of_another_page(headers)


def _of_another_page(headers: Headers) -> bool:
    """Return whether a browser says that a page of another host sends this.

    It says so itself to https and to its own machine; to others it names the page's origin alone.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None or origin is None:
        return site in ("cross-site", "same-site")
    hosts = (headers.get("host"), headers.get("x-forwarded-host"))
    return origin.partition("://")[2] not in hosts


class PlainStart:
    """Says in one sentence why the application does not start, where its operator can act on it."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self._app(scope, receive, _telling(send) if scope["type"] == "lifespan" else send)


def _telling(send: Send) -> Send:
    async def told(message: Message) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, ModelSettingsError | StoreMismatch | StoreUnavailable):
            message = {**message, "message": str(error)}
        await send(message)

    return told


def _line(scope: Scope) -> dict[str, Any]:
    """Return what is logged of a request: its route, and whose memory it is about as a digest."""
    route = getattr(scope.get("route"), "path", None)
    line: dict[str, Any] = {"method": scope["method"], "route": route}
    ids = scope.get("path_params", {})
    if "user_id" in ids and "character_id" in ids:
        line["owner"] = Owner(unquote(ids["user_id"]), unquote(ids["character_id"])).key
    elif "user_id" in ids:
        line["user"] = digest(unquote(ids["user_id"]))
    return line


def create() -> FastAPI:
    """Return the application with the settings of this process.

    Raises:
        ValidationError: If a setting cannot be used.
    """
    settings = Settings()
    keep_little()
    _log_plainly()
    agents = AgentAccess(settings)
    app = create_app(partial(_with_sweeps, agents.opened))
    # Without a slash behind it too: a redirect would leave out the https of a proxy.
    app.router.routes.append(Route(AGENTS, agents, include_in_schema=False))
    app.mount(AGENTS, agents)
    if not settings.auth:
        app.add_middleware(OwnPages, origins=settings.cors_origins)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-thread-id", REQUEST_ID, "retry-after"],
        )
    app.add_middleware(RequestLog)
    app.add_middleware(PlainStart)
    return app


@asynccontextmanager
async def _with_sweeps(open_serving: OpenServing) -> AsyncIterator[Serving]:
    """Serve, and sweep once a day."""
    async with open_serving() as serving, sweeping(serving.parts):
        yield serving


def _log_plainly() -> None:
    """Write request lines to stdout, one JSON object a line, and warnings to stderr.

    Where the root logger has a handler, no library sets one up: MCP's draws each call of a store.
    """
    if not _log.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        _log.addHandler(handler)
        _log.setLevel(logging.INFO)
        _log.propagate = False
    root = logging.getLogger()
    if not any(isinstance(each, logging.StreamHandler) for each in root.handlers):
        warnings = logging.StreamHandler()
        warnings.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        root.addHandler(warnings)
