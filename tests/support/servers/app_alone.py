"""The HTTP application without a LangGraph server: real stores, the offline model, a client.

Test tooling only: nothing here is a test.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from domain.owner import Owner
from graph.parts import open_parts
from service.http.app import create_app
from service.serving import Serving, open_serving
from service.turn_report import TurnDone, TurnReport
from settings import Settings
from tests.support.house import Clock


def path(user: str, character: str | None = "default", *rest: str) -> str:
    """Return a path under /memory, each id percent-encoded."""
    ids = [user] if character is None else [user, character]
    return "/".join(["/memory", *(quote(one, safe="") for one in ids), *rest])


class Alone:
    """The application, what it serves with, and a client without a token."""

    def __init__(self, client: httpx.AsyncClient, serving: Serving) -> None:
        self.client, self.serving = client, serving

    async def say(
        self, *messages: str, user: str = "alex", character: str = "default", thread: str = "t"
    ) -> list[TurnReport]:
        """Run turns as a channel of this process does."""
        done = []
        for message in messages:
            owner = Owner(user, character)
            async for event in self.serving.conversation.turn(owner, thread, message):
                if isinstance(event, TurnDone):
                    done.append(event.report)
        return done

    async def get(self, url: str, **query: Any) -> Any:
        """Return the JSON of a route that must answer."""
        answer = await self.client.get(url, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


Serve = Callable[..., AbstractAsyncContextManager[Alone]]


@pytest.fixture
def serve(tmp_path: Path, backend: dict[str, Any]) -> Serve:
    """Return what opens the application; the same stores each time."""

    @asynccontextmanager
    async def opened(**more: Any) -> AsyncIterator[Alone]:
        chosen = {"data_dir": tmp_path / "data", "chroma_shards": 2, "extract_turns": 1}
        settings = Settings(**{"_env_file": None, **chosen, **backend, **more})
        async with open_parts(settings) as parts:
            parts = replace(parts, now=Clock())
            app = create_app(lambda: open_serving(parts))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://alone") as client,
            ):
                yield Alone(client, app.state.serving)

    return opened
