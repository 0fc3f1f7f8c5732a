"""`mnemo serve`: the HTTP application on its own, with as many processes as the stores allow."""

import ipaddress
import os
import tempfile
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.terminal import fail, settings

if TYPE_CHECKING:
    from settings import Settings

LEAVE_SECONDS = 30
"""How long streams and folds may take to end when the server is told to stop."""
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where processes leave their metrics for one another; the library's own variable."""


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


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
    if workers > 1 and METRICS_FOLDER not in os.environ:
        os.environ[METRICS_FOLDER] = tempfile.mkdtemp(prefix="mnemo-metrics-")
    uvicorn.run(
        "service.http.alone:create",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=LEAVE_SECONDS,
        h11_max_incomplete_event_size=64_000,
    )


def _check(chosen: "Settings", host: str, workers: int, anyone: bool) -> None:
    """End the program where it must not be served so."""
    embedded = chosen.redis_url is None or not (chosen.chroma_url or chosen.postgres_url)
    if embedded and workers > 1:
        fail(
            "Embedded stores serve one process: leave out --workers, or set MNEMO_REDIS_URL and "
            "MNEMO_CHROMA_URL or MNEMO_POSTGRES_URL.",
            2,
        )
    if not chosen.auth and not anyone and not _loopback(host):
        fail(
            f"Whoever reaches {host} could read every user's memory, since no token is asked for: "
            "set MNEMO_AUTH_SECRET, listen on 127.0.0.1, or say --allow-anyone.",
            2,
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
