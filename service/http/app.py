"""The HTTP application: the same one inside a LangGraph server and alone.

Ties routes, errors and middleware together; what a route does is in its own module.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import unquote

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from service.auth.identity import ASKED_BY_NAME, FROM_OUTSIDE
from service.http import routes_changes, routes_chat, routes_health, routes_memory
from service.http.assistants import offer_characters
from service.http.bodies import BoundedBodies
from service.http.checked_bodies import CheckedBodies
from service.http.openai import routes as routes_openai
from service.http.page import routes as routes_page
from service.http.problems import HANDLERS, NOTHING, problem
from service.ops.misnamed import misnamed
from service.ops.thread_records import copy_values
from service.serving import OpenServing, use_process_serving
from settings import Settings

_log = logging.getLogger(__name__)

ENCODED = ("/memory/", "/chat/", "/inspector/")
"""What paths begin with whose segments are ids, which may hold a slash."""
ROUTED = ("route", "path_params")
"""What a router writes into a scope."""
LOOPBACK = "/noauth"
"""What a LangGraph server's requests to itself begin with; no request from outside can."""
BY_NAME = ("/mcp", "/a2a")
"""Where a LangGraph server tells of a run's error by the name of its class."""
INTERNAL = ("/internal/", "/deploy")
"""What `langgraph dev` offers whoever asks: to erase all threads, to show raw ones, to deploy."""


class OwnPaths:
    """Leaves ids in our paths percent-encoded, so that a slash in one stays part of it."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path as it was sent."""
        raw = scope.get("raw_path")
        _, _, place = (raw if isinstance(raw, bytes) else b"").partition(b"/")
        name, slash, ids = place.partition(b"/")
        own = f"/{unquote(name.decode('latin-1'))}{slash.decode()}"
        if own not in ENCODED:  # However its name was written: `/%6demory/` is the same place.
            await self._app(scope, receive, send)
            return
        encoded = {**scope, "path": own + ids.decode("latin-1")}
        try:
            await self._app(encoded, receive, send)
        finally:
            scope.update({name: encoded[name] for name in ROUTED if name in encoded})


class OutsideMark:
    """Marks requests from outside, so that those the process makes to itself are not refused.

    Where callers need a token it also closes what a development server offers to everybody.
    """

    def __init__(self, app: ASGIApp, inside: FastAPI) -> None:
        """Stand before `app`; `inside` knows whether callers need a token."""
        self._app, self._inside = app, inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 404 in place of the server."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        outside = not str(scope.get("root_path", "")).startswith(LOOPBACK)
        internal = scope["type"] == "http" and scope["path"].startswith(INTERNAL)
        if internal and outside and self._guarded():
            await problem(404, NOTHING)(scope, receive, send)
            return
        # A request that the process makes to itself is served for whoever made it.
        token = FROM_OUTSIDE.set(outside or FROM_OUTSIDE.get())
        named = ASKED_BY_NAME.set(scope["path"].startswith(BY_NAME) or ASKED_BY_NAME.get())
        try:
            await self._app(scope, receive, send)
        finally:
            ASKED_BY_NAME.reset(named)
            FROM_OUTSIDE.reset(token)

    def _guarded(self) -> bool:
        serving = getattr(self._inside.state, "serving", None)
        return serving is not None and serving.tokens is not None


def create_app(
    open_serving: OpenServing = use_process_serving,
    begin: Callable[[Settings], Awaitable[None]] | None = None,
) -> FastAPI:
    """Return the application, which opens what it serves with, and does `begin`, when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_serving() as serving:
            app.state.serving = serving
            serving.parts.stores.checkpointer.when_copied(copy_values)
            if serving.tokens is None:
                _log.warning(
                    "Authentication is off: whoever reaches this server may read and change the "
                    "memory of every user. To ask for tokens, set MNEMO_AUTH_SECRET, "
                    "MNEMO_AUTH_PUBLIC_KEY or MNEMO_AUTH_JWKS_URL."
                )
            for sentence in await asyncio.to_thread(misnamed):
                _log.warning(sentence)
            if begin is not None:
                await begin(serving.parts.settings)
            yield

    app = FastAPI(
        title="Mnemograph",
        description="What a chat agent remembers, to be read, changed and forgotten.",
        version="0.1.0",
        lifespan=lifespan,
        exception_handlers=HANDLERS,
    )
    app.add_middleware(CheckedBodies)
    app.add_middleware(OwnPaths)
    app.add_middleware(OutsideMark, inside=app)
    app.add_middleware(BoundedBodies, inside=app)
    for routes in (
        routes_health,
        routes_changes,
        routes_memory,
        routes_chat,
        routes_openai,
        routes_page,
    ):
        # Not `include_router`: its routes are made late, and a LangGraph server, which puts its
        # own authentication around every route, would find none.
        app.router.routes.extend(routes.router.routes)
    return app


app = create_app(begin=offer_characters)
