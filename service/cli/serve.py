"""The verbs that serve others: over HTTP, to an agent (MCP), and in Telegram."""

import logging
import os
import tempfile
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.options import CHARACTER, USER, Character, User, owner_of
from service.cli.terminal import fail, run, settings, with_parts
from service.hosts import is_loopback

if TYPE_CHECKING:
    from domain.owner import Owner
    from nodes.state import Parts
    from settings import Settings

LEAVE_SECONDS = 30
"""How long streams and folds may take to end when the server is told to stop."""
KEPT_SECONDS = 75
"""How long a connection waits for its next request: longer than proxies keep theirs (nginx: 60).
One that is closed just as a request comes loses it."""
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where processes leave their metrics for one another; the library's own variable."""


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
    anyone: Annotated[
        bool,
        typer.Option("--allow-anyone", help="Serve other machines though nobody needs a token."),
    ] = False,
) -> None:
    """Serve the memory, the page and any OpenAI client over HTTP."""
    chosen = settings()
    _check(chosen, host, workers, anyone)
    import uvicorn

    print(f"Serving on http://{host}:{port} (OpenAI clients: http://{host}:{port}/v1)", flush=True)
    options: dict[str, Any] = {
        "app": "service.http.alone:create",
        "factory": True,
        "host": host,
        "port": port,
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "timeout_graceful_shutdown": LEAVE_SECONDS,
        "timeout_keep_alive": KEPT_SECONDS,
        "h11_max_incomplete_event_size": 64_000,
    }
    if workers == 1:
        uvicorn.run(**options)
        return
    from service.cli.workers import run_workers

    with tempfile.TemporaryDirectory(prefix="mnemo-metrics-") as folder:
        os.environ.setdefault(METRICS_FOLDER, folder)
        run_workers(uvicorn.Config(**options, workers=workers))


def _check(chosen: "Settings", host: str, workers: int, anyone: bool) -> None:
    """End the program where it must not be served so."""
    _check_key(chosen)
    embedded = chosen.redis_url is None or not (chosen.chroma_url or chosen.postgres_url)
    if embedded and workers > 1:
        fail(
            "Embedded stores serve one process: leave out --workers, or set MNEMO_REDIS_URL and "
            "MNEMO_CHROMA_URL or MNEMO_POSTGRES_URL.",
            2,
        )
    if not chosen.auth and not anyone and not is_loopback(host):
        fail(
            f"Whoever reaches {host} could read every user's memory, since no token is asked for: "
            "set MNEMO_AUTH_SECRET, listen on 127.0.0.1, or say --allow-anyone.",
            2,
        )


def _check_key(chosen: "Settings") -> None:
    """End the program where the key that tokens are checked with cannot be read."""
    if chosen.auth_public_key is None:
        return
    from service.auth.keys import public_key

    try:
        public_key(chosen.auth_public_key)
    except ValueError as error:
        fail(str(error), 2)


def mcp(user: User = USER, character: Character = CHARACTER) -> None:
    """Give this memory to an agent that starts this program.

    Claude Desktop, Cursor or any other MCP client: it can recall, remember, list facts, forget.
    """
    owner = owner_of(user, character)

    async def work(parts: "Parts") -> None:
        from service.mcp_server import memory_server

        async def opened(call: Any) -> tuple["Parts", "Owner"]:
            return parts, owner

        await memory_server(opened).run_stdio_async()

    with_parts(work)


def telegram() -> None:
    """Answer in Telegram, as the bot of MNEMO_TELEGRAM_TOKEN.

    Users, characters and conversations are those of every other channel.
    """
    if find_spec("aiogram") is None:
        fail(
            "What Telegram needs is not installed: run `make setup` or "
            "`pip install 'mnemograph[telegram]'`."
        )
    chosen = settings()
    _check_key(chosen)
    # What a program that runs for weeks has to say must be seen.
    logging.getLogger("service.telegram").addHandler(logging.StreamHandler())

    async def work() -> None:
        from graph.parts import open_parts
        from service.ops.allocator import keep_little
        from service.ops.daily_sweep import sweeping
        from service.serving import open_serving
        from service.telegram.bot import BotUnusable, run_bot

        keep_little()
        async with (
            open_parts(chosen) as parts,
            open_serving(parts) as serving,
            sweeping(parts),
        ):
            try:
                await run_bot(serving)
            except BotUnusable as error:
                fail(str(error))

    run(work)
