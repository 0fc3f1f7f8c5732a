"""Any agent shares the person's memory: recall, remember, facts, forget, and the transcript."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, MCPError, StdioServerParameters

from domain.owner import Owner
from nodes.state import Parts
from service.mcp_server import memory_server
from stores.errors import StoreUnavailable
from tests.support.house import backend
from tests.support.servers.app_alone import Serve, serve
from tests.support.servers.serve_process import serve_process

__all__ = ["backend", "serve"]


def text(result: Any) -> str:
    return "\n".join(part.text for part in result.content)


def agent_of(parts: Parts) -> Client:
    """Return an agent of Alex's."""

    async def opened(call: Any) -> tuple[Parts, Owner]:
        return parts, Owner("alex")

    return Client(memory_server(opened))


async def used(client: Client) -> None:
    """Tell something, find it again, and read the transcript."""
    assert {tool.name for tool in (await client.list_tools()).tools} == {
        "recall", "remember", "facts", "forget"}  # fmt: skip
    await client.call_tool("remember", {"statement": "My dog is called Biscuit."})
    found = await client.call_tool("recall", {"query": "What is my dog called?"})
    assert "Biscuit" in text(found)
    read = await client.read_resource("memory://transcript/50")
    assert "My dog is called Biscuit." in str(read.contents[0])
    refused = await client.call_tool("forget", {"fact": "no such id"})
    assert refused.is_error and text(refused).startswith("There is no fact of that id")
    odd = await client.call_tool("recall", {"query": ""})
    assert text(odd) == '"query" cannot be used: string should have at least 1 character.'


@pytest.mark.deep
async def test_an_agent_that_starts_the_program_shares_the_memory(tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("mnemo"))
    env = {"MNEMO_DATA_DIR": str(tmp_path / "data"), "PATH": "/usr/bin:/bin"}
    parameters = StdioServerParameters(
        command=program, args=["mcp", "--user", "alex"], env=env, cwd=tmp_path
    )
    async with Client(parameters) as client:
        await used(client)


@pytest.mark.deep
async def test_an_agent_shares_the_memory_of_a_server(tmp_path: Path) -> None:
    with serve_process(cwd=tmp_path) as server:
        for slash in ("", "/"):
            async with Client(f"{server.url}/mcp/memory{slash}") as client:
                await used(client)
            async with httpx.AsyncClient() as plain:  # of which a proxy's https would be lost
                answer = await plain.post(f"{server.url}/mcp/memory{slash}", json={})
                assert not answer.is_redirect
                # What would stay open, and hold a connection, though nothing is ever sent there.
                answer = await plain.get(f"{server.url}/mcp/memory{slash}")
                assert answer.status_code == 405 and answer.headers["allow"] == "POST"


async def test_a_fact_that_an_agent_forgets_is_in_no_list_any_more(serve: Serve) -> None:
    async with serve() as alone:
        await alone.say("I live in Boston.", "I work at a bakery.")
        async with agent_of(alone.serving.parts) as client:
            listed = (await client.call_tool("facts", {})).structured_content
            assert listed is not None
            facts = listed["result"]
            boston = next(fact for fact in facts if "Boston" in fact["text"])
            await client.call_tool("forget", {"fact": boston["id"]})
            left = (await client.call_tool("facts", {})).structured_content
            assert left is not None and "Boston" not in str(left)


async def test_an_agent_forgets_by_saying_so_and_in_the_words_of_what_was_said(
    serve: Serve,
) -> None:
    async with serve(extract_turns=100) as alone:
        parts = alone.serving.parts

        async def tell(client: Client, statement: str) -> str:
            return text(await client.call_tool("remember", {"statement": statement}))

        async with agent_of(parts) as client:
            for statement in ("I am allergic to walnuts.", "I collect amber.", "I play the oboe."):
                assert await tell(client, statement) == "It is remembered."
            asked = "Please forget that I am allergic to walnuts."
            assert await tell(client, asked) == "It is forgotten."
            # Nothing has been drawn as a fact of it yet.
            amber = {"fact": "I collect amber"}
            would = await client.call_tool("forget", amber)
            assert "Nothing is forgotten yet" in text(would) and "I collect amber." in text(would)
            assert "amber" in text(await client.call_tool("recall", {"query": "amber?"}))
            gone = await client.call_tool("forget", amber | {"confirm": True})
            assert text(gone) == "It is forgotten."
            query = {"query": "walnuts, amber and oboe?"}
            recalled = text(await client.call_tool("recall", query))
            assert "oboe" in recalled
            assert "walnuts" not in recalled and "amber" not in recalled


async def test_a_transcript_that_cannot_be_read_is_told_in_one_sentence(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as alone:
        parts = alone.serving.parts

        async def fails(*args: Any, **more: Any) -> Any:
            raise StoreUnavailable("The journal does not answer.")

        async with agent_of(parts) as client:
            for turns in ("all", "1e3", "9" * 5000):
                with pytest.raises(MCPError, match="say how many turns"):
                    await client.read_resource(f"memory://transcript/{turns}")
            monkeypatch.setattr(parts.stores.journal, "read", fails)
            with pytest.raises(MCPError, match=r"^The journal does not answer"):
                await client.read_resource("memory://transcript/5")
            answer = await client.call_tool("facts", {})
            assert text(answer) == "The journal does not answer."
            assert "Traceback" not in caplog.text


async def test_what_many_agents_tell_at_once_is_all_remembered(serve: Serve) -> None:
    async with serve() as alone, agent_of(alone.serving.parts) as client:
        said = [f"I own a boat called Number{number}." for number in range(12)]
        told = (client.call_tool("remember", {"statement": each}) for each in said)
        assert {text(each) for each in await asyncio.gather(*told)} == {"It is remembered."}
        shown = str((await client.read_resource("memory://transcript/50")).contents[0])
        assert [each for each in said if each not in shown] == []


async def test_a_wish_to_forget_that_fails_is_not_called_done(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as alone:
        parts = alone.serving.parts

        async def fails(*args: Any, **more: Any) -> Any:
            raise StoreUnavailable("The journal does not answer.")

        async with agent_of(parts) as client:
            await client.call_tool("remember", {"statement": "I play the oboe."})
            monkeypatch.setattr(parts.stores.journal, "withhold", fails)
            wish = {"statement": "Please forget that I play the oboe."}
            answer = await client.call_tool("remember", wish)
            assert answer.is_error and "not be forgotten yet" in text(answer)
