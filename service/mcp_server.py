"""The Model Context Protocol: any agent reads and keeps the same person's memory.

Whose memory a call is about is for its opener to say: an option of the command, or a token.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import (
    MCPServerError,
    ResourceError,
    ResourceNotFoundError,
    ToolError,
)
from pydantic import BaseModel, Field, ValidationError

from domain.facts.forgetting import Reach
from domain.owner import Owner, digest
from domain.records import Turn
from domain.text.moments import here
from models.errors import ModelError
from nodes.state import Parts
from service.memory_changes import (
    add_statement,
    delete_fact,
    forget_what_says,
    what_says,
)
from service.memory_view import look_up, remembered, transcript
from stores.errors import GenerationMoved, NoSuchFact, StoreUnavailable

INSTRUCTIONS = (
    "The user's long-term memory. Call `recall` before answering anything that may depend on what "
    "they said earlier, `remember` when they tell something worth keeping, `facts` for what is "
    "held to be true, `forget` when they ask for it."
)
FORGOTTEN = "It is forgotten."
NOT_YET = (
    "Nothing is forgotten yet. Ask the user, then call `forget` again with the same words and "
    "`confirm` true; this would go for good:"
)
NOTHING_SAYS = (
    "There is no fact of that id, and nothing that is remembered says this: `facts` lists them."
)
SHOWN_TURNS = 200
"""Turns of a transcript at most; about what an agent can read at once."""
MOST_DIGITS = 9
"""Digits of a number of turns at most; Python reads thousands of them slowly, or not at all."""
TRANSCRIPT = "memory://transcript/{turns}"
LONGEST = 20_000
"""Characters of a statement at most."""

Call = Context[Any, Any]
Opened = Callable[[Call], Awaitable[tuple[Parts, Owner]]]
"""Returns what a call works on, and whose memory it is about."""


class FactLine(BaseModel):
    """One current fact."""

    id: str
    kind: str = Field(
        description="What it is about; `instruction` and `preference` are wishes for every reply."
    )
    text: str
    since: str = Field(description="From when it was true, as ISO 8601.")


class _PlainServer(MCPServer):
    """Answers what goes wrong with one sentence, in place of a report, or with a name before it."""

    async def call_tool(self, *args: Any, **more: Any) -> Any:
        try:
            return await super().call_tool(*args, **more)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, MCPServerError):
                raise ToolError(str(cause)) from cause
            if not isinstance(cause, ValidationError):
                raise
            first = cause.errors()[0]
            name, why = first["loc"][0], first["msg"][:1].lower() + first["msg"][1:]
            raise ToolError(f'"{name}" cannot be used: {why}.') from error


class _Tools:
    """What an agent can do with a memory; the descriptions are what it reads of them."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    @asynccontextmanager
    async def _memory(self, call: Call) -> AsyncIterator[tuple[Parts, Owner]]:
        """Give what a call works on; what goes wrong with it is one sentence."""
        try:
            yield await self._opened(call)
        except (StoreUnavailable, ModelError, GenerationMoved) as error:
            raise ResourceError(str(error)) from error  # Of a tool, too.

    async def recall(
        self,
        ctx: Call,
        query: Annotated[str, Field(min_length=1, max_length=2000, description="What about.")],
        budget: Annotated[int, Field(ge=1, le=8000, description="Tokens at most.")] = 1000,
    ) -> str:
        """What was said earlier that has to do with a question, word for word with its dates."""
        async with self._memory(ctx) as (parts, owner):
            now = here(parts.now(), parts.settings.timezone)
            items = await look_up(parts.stores, owner, query, budget=budget, now=now)
        lines = [f"{item.at:%Y-%m-%d} {item.text}" for item in items]
        return "\n".join(lines) or "Nothing is remembered about this."

    async def remember(
        self,
        ctx: Call,
        statement: Annotated[
            str,
            Field(min_length=1, max_length=LONGEST, description="As the user would say it."),
        ],
    ) -> str:
        """Keep what the user told, in their own words."""
        if not statement.strip():
            raise ToolError("The statement is empty: say what is to be remembered.")
        async with self._memory(ctx) as (parts, owner):
            forgets = await add_statement(parts, owner, statement, digest(f"{owner.key}\nmcp"))
        return FORGOTTEN if forgets else "It is remembered."

    async def facts(self, ctx: Call) -> list[FactLine]:
        """All facts about the user that hold now, each with its id."""
        async with self._memory(ctx) as (parts, owner):
            shown = await remembered(parts.stores, owner)
        current = (standing.fact for standing in shown.facts if standing.current)
        return [
            FactLine(id=fact.id, kind=fact.kind, text=fact.text, since=fact.valid_from.isoformat())
            for fact in current
        ]

    async def forget(
        self,
        ctx: Call,
        fact: Annotated[
            str,
            Field(
                min_length=1,
                max_length=LONGEST,
                description="Its id, from `facts`; or what it says, where it is no fact.",
            ),
        ],
        confirm: Annotated[
            bool, Field(description="With words: true once the user agreed to what would go.")
        ] = False,
    ) -> str:
        """Delete a fact for good: it is never told again, nor is what it was drawn from.

        With words in place of an id, the first call only tells what would go.
        """
        async with self._memory(ctx) as (parts, owner):
            try:
                await delete_fact(parts, owner, fact)
            except NoSuchFact as error:
                reached = await what_says(parts, owner, fact)
                if reached.nothing:
                    raise ToolError(NOTHING_SAYS) from error
                if not confirm:
                    return _would_go(reached, await transcript(parts.stores, owner))
                await forget_what_says(parts, owner, fact)
        return FORGOTTEN

    async def read_transcript(self, turns: str, ctx: Call) -> str:
        """The last so many turns of all conversations, oldest first."""
        if not turns.isdecimal() or len(turns) > MOST_DIGITS:
            raise ResourceNotFoundError(f"There is no number in {TRANSCRIPT}: say how many turns.")
        async with self._memory(ctx) as (parts, owner):
            every = await transcript(parts.stores, owner)
        return "\n".join(
            f"{said.at:%Y-%m-%d %H:%M} {said.name or said.role}: {said.text}"
            for turn in every[-max(1, min(int(turns), SHOWN_TURNS)) :]
            for said in turn.messages
        )


def memory_server(opened: Opened) -> MCPServer:
    """Return a server whose calls work on what `opened` says."""
    server = _PlainServer(
        "mnemograph", title="Memory", instructions=INSTRUCTIONS, log_level="WARNING"
    )
    tools = _Tools(opened)
    for tool in (tools.recall, tools.remember, tools.facts, tools.forget):
        server.add_tool(tool)
    shown = server.resource(TRANSCRIPT, title="Transcript", mime_type="text/plain")
    shown(tools.read_transcript)
    return server


def _would_go(reached: Reach, turns: Sequence[Turn]) -> str:
    """Return what forgetting would take, for whoever is to agree to it."""
    lines = [fact.text for fact in reached.facts]
    for turn in turns:
        if turn.id in reached.withheld - reached.asking:
            lines += [said.text for said in turn.messages if said.role == "user"]
    return "\n- ".join((NOT_YET, *dict.fromkeys(lines)))
