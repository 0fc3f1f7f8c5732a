"""`mnemo mcp`: the memory as tools for an agent that starts this program."""

from typing import TYPE_CHECKING, Any

import typer

from service.cli.options import CHARACTER, USER, Character, User, owner_of
from service.cli.terminal import with_parts

if TYPE_CHECKING:
    from domain.owner import Owner
    from nodes.state import Parts


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(mcp)


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
