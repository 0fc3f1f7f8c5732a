"""The application on a real loopback port, as `mnemo serve` runs it, and clients for it.

Test tooling only: nothing here is a test.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from openai import AsyncOpenAI

from graph.parts import open_parts
from service.cli.serve import KEPT_SECONDS
from service.http.app import create_app
from service.serving import Serving, open_serving
from tests.support.house import answer, settings_for
from tests.support.servers.openai_server import OpenAIServer


@dataclass
class Served:
    """A running application."""

    url: str
    serving: Serving
    client: httpx.AsyncClient
    model: OpenAIServer

    def openai(self, **options: Any) -> AsyncOpenAI:
        """Return OpenAI's own client for it."""
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, **options)


OpenServed = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def open_served(openai_server: OpenAIServer, tmp_path: Path) -> OpenServed:
    """Return what serves the application; embedded stores, the same each time."""
    openai_server.default = answer

    @asynccontextmanager
    async def opened(**more: Any) -> AsyncIterator[Served]:
        settings = settings_for(openai_server, tmp_path / "data", **more)
        async with open_parts(settings) as parts:
            app = create_app(lambda: open_serving(parts))
            listening = socket.create_server(("127.0.0.1", 0))  # clients wait until it answers
            config = uvicorn.Config(
                app, log_level="critical", ws="none", timeout_keep_alive=KEPT_SECONDS
            )
            server = uvicorn.Server(config)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            try:
                async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                    await client.get("/health")
                    yield Served(url, app.state.serving, client, openai_server)
            finally:
                server.should_exit = True
                await running

    return opened
