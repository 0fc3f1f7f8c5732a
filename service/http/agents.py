"""The Model Context Protocol over HTTP, with the identity of every other route."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from domain.owner import DEFAULT_CHARACTER, LOCAL_USER, Owner
from nodes.state import Parts
from service.auth.identity import USER_HEADER, acting_for
from service.auth.keys import IdentityError
from service.http.problems import challenge, problem
from service.mcp_server import Call, memory_server
from service.serving import Serving, use_process_serving
from settings import Settings

CHARACTER_HEADER = "x-mnemo-character"
"""Names the character whose memory is meant, percent-encoded UTF-8."""


class AgentAccess:
    """Checks an agent's token, and tells the tools whose memory to use."""

    def __init__(self, settings: Settings) -> None:
        """Serve with what `opened` will open."""
        self._serving: Serving | None = None
        self._server = memory_server(self._memory)
        # `OwnPages` protects every route, and lets a proxy and a container be named.
        elsewhere = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self._app = self._server.streamable_http_app(
            streamable_http_path="/",
            json_response=True,
            stateless_http=True,
            max_request_body_size=settings.message_bytes,
            transport_security=elsewhere,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Serving]:
        """Serve with the parts of this process, agents too."""
        async with use_process_serving() as serving, self._server.session_manager.run():
            self._serving = serving
            yield serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its owner, or refuse it."""
        if self._serving is None or scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        try:
            caller = await self._serving.caller(headers.get("authorization"), acting_for(scope))
        except IdentityError as error:
            answer = problem(error.status, str(error), challenge(error))
            await answer(scope, receive, send)
            return
        if scope["method"] != "POST":
            # Nothing is ever sent but answers: a stream would stay empty.
            refusal = problem(405, "An agent sends its calls with POST.", {"allow": "POST"})
            await refusal(scope, receive, send)
            return
        user = caller.user_id if caller.has_token else _named(headers, USER_HEADER) or LOCAL_USER
        owner = Owner(user, _named(headers, CHARACTER_HEADER) or DEFAULT_CHARACTER)
        state = {**scope.get("state", {}), "owner": owner}
        await self._app({**scope, "path": "/", "state": state}, receive, send)

    async def _memory(self, call: Call) -> tuple[Parts, Owner]:
        request = call.request_context.request
        if self._serving is None or request is None:
            raise ResourceError("The server is not ready: try again in a moment.")
        return self._serving.parts, request.state.owner


def _named(headers: Headers, name: str) -> str:
    return unquote(headers.get(name, ""), errors="replace")
