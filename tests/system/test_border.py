"""Whatever comes in from outside ends in a reply or one sentence, and another's memory stays exact.

States, messages, contexts, requests, imports and raw rows of random shapes, against the graph, the
routes, import, recover, reset and forget.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.errors import InvalidUpdateError

from domain.exported import ImportRefused
from domain.owner import Owner
from nodes.messages.refusal import TurnRefused
from nodes.messages.stamps import turns_reader
from service.http.app import create_app
from service.serving import open_serving
from service.turn_report import EXPECTED
from stores.maintenance.erase import forget, reset
from stores.maintenance.export import export_user, import_user
from stores.maintenance.recover import recover
from tests.stores.maintenance.test_import_refusals import as_bytes, export
from tests.support.models.scripted import Script, on
from tests.support.pace import took
from tests.support.stores.by_hand import Hand, chroma_rows
from tests.system.test_invariants import playing

ALEX, EVE = Owner("alex"), Owner("eve")
SECONDS = 5.0
"""Within which a case must end, on an idle machine."""
EXAMPLES = 1000
"""Cases on each of the two backends."""
BYSTANDER = 40
"""After so many cases each the bystander speaks."""
FRESH = 40
"""After so many cases each all is forgotten, so that a case depends on few before it."""

LARGE = "\u25a0"
"""Stands for a text that no message may have."""
WORDS = ["", "alex", "eve", "t", "default", "2026-05-08", "2026-05-08T12:00:00+00:00", "human",
         "free", "\x00", "\ud800", "x" * 5000, "../..", "%2f", "mnemo", ALEX.key]  # fmt: skip
LEAF = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 1, 2**63, 2**64 - 1, 1.5, 1e308, float("nan")])
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner,
                                                                     max_size=3), max_leaves=6
)  # fmt: skip
FIELDS = ["owner", "who", "generation", "root", "head", "buffer_start", "borrowed", "sent",
          "in_thread", "recalled", "budget"]  # fmt: skip
STAMP = st.dictionaries(
    st.sampled_from(["turn", "parent", "thread", "seq", "index", "at", "turn_at", "waiting",
                     "digest"]), JSON, max_size=9)  # fmt: skip
MESSAGE = st.tuples(
    st.sampled_from([HumanMessage, HumanMessage, AIMessage, SystemMessage]),
    st.sampled_from(["I like tea", "", " ", LARGE, "\ud800"]) | st.text(max_size=20),
    st.none() | st.sampled_from(["", "a", "\ud800"]) | st.text(max_size=4),
    st.none() | st.sampled_from(["", "Alex", "\ud800", "n" * 5000]),
    STAMP | JSON,
)
STORED = (
    st.sampled_from(["", "null", "5", "[]", "{}", "not JSON", "[" * 5000, '"' + "x" * 5000])
    | JSON.map(json.dumps)
    | st.text(max_size=8)
)
"""What another program may write over a record."""
LINE = st.integers(0, 5)
STEP = st.sampled_from(["type", "format", "user_id", "character_id", "refs", "seq", "cursor",
                        "record", "id", "turns", "messages", "at", "parent"])  # fmt: skip
CASE = st.one_of(
    st.tuples(st.just("state"), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5)),
    st.tuples(st.just("messages"), st.lists(MESSAGE, max_size=3)),
    st.tuples(st.just("written"), st.lists(MESSAGE, max_size=3)),
    st.tuples(
        st.just("context"),
        st.dictionaries(
            st.sampled_from(["user_id", "character_id", "persona", "tier", "as_of", "else"]), JSON
        ),
    ),
    st.tuples(st.just("request"), st.tuples(st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
              st.lists(st.sampled_from(["memory", "%6demory", "alex", "default", "facts", "recent",
                                        "search", "transcript", "episodes", "budget", "reset",
                                        "export", "chat", "%ff", "a%2Fb"]) | st.text(max_size=4),
                       max_size=5),
              st.dictionaries(st.sampled_from(["cursor", "before", "limit", "as_of", "q",
                                               "thread_id", "budget"]), st.text(max_size=12)),
              JSON)),
    st.tuples(st.just("import"), st.lists(st.tuples(LINE, st.lists(STEP, max_size=3), JSON),
                                          max_size=3)),
    st.tuples(st.just("lines"), st.lists(JSON | st.binary(max_size=30), max_size=4)),
    st.tuples(st.just("row"), st.tuples(st.sampled_from(["episode", "fact", "entity"]),
                                        st.text(max_size=4),
                                        st.dictionaries(st.text(max_size=4) | st.just("record"),
                                                        JSON, max_size=3))),
    st.tuples(st.just("stored"), st.tuples(st.sampled_from(
        ["book", "turns", "checkpoints", "namespace", "key", "value", "index", "updated_at"]),
                                           st.integers(0, 9), STORED)),
    st.tuples(st.sampled_from(["recover", "reset", "forget", "turn"]), st.none()),
)  # fmt: skip
SENTENCES = (*EXPECTED, ImportRefused, TurnRefused, ValueError, InvalidUpdateError)
"""What a case may end with: each is caught by who serves it, and told in its first line."""


def arrives(data: Any) -> bool:
    """Return whether a server would take it: half a surrogate pair is no JSON to any."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def message(given: tuple[Any, ...]) -> Any:
    """Return a message of what was drawn for one."""
    kind, text, id, name, stamp = given
    text = text.replace(LARGE, LARGE * 100_000)
    return kind(text, id=id, name=name, additional_kwargs={"mnemo": stamp})


class Border:
    """One installation, attacked as Alex, while Eve talks."""

    def __init__(self, script: Script, client: httpx.AsyncClient, hand: Hand) -> None:
        self.hand = hand
        self.script, self.client, self.stores = script, client, script.parts.stores
        self._graph: Any = script.graph()
        self.said: list[str] = []
        self.cases = 0

    async def play(self, case: tuple[str, Any]) -> None:
        kind, data = case
        begun = time.monotonic()
        if kind in ("messages", "written"):
            data = [message(given) for given in data if arrives(given[1:])]
        if kind == "state" and not arrives(data):
            return
        attack: Callable[[Any], Awaitable[None]] = getattr(self, f"_{kind}")
        try:
            await attack(data)
        except SENTENCES as error:
            assert str(error).strip(), f"{kind}: nothing is said"
        assert took(begun) < SECONDS, f"{kind} took {time.monotonic() - begun:.1f} s"
        self.cases += 1
        if self.cases % BYSTANDER == 0:
            await self.bystander()
        if self.cases % FRESH == 0:
            await forget(self.stores, "alex")
            assert ALEX not in await self.stores.journal.backend.owners()
            assert await asyncio.to_thread(chroma_rows, self.stores.long_term, ALEX) == []

    async def bystander(self) -> None:
        """Let Eve speak; what is kept of her is what she said, and nothing else."""
        self.said.append(f"I speak of mark{len(self.said)}e")
        await self.script.say(self.said[-1], "eve", EVE)
        answer = await self.client.get("/memory/eve/default/transcript", params={"limit": 500})
        turns = answer.json()["items"]
        assert [turn["messages"][0]["text"] for turn in turns] == self.said

    async def _turn(self, _: None) -> None:
        await self.script.say("I speak of mark1a", "t", ALEX)

    async def _state(self, values: dict[str, Any]) -> None:
        await self.script.say("I speak of mark2a", "t", ALEX)
        await self._graph.aupdate_state(on("t"), values, as_node="finish")
        await self._turn(None)

    async def _messages(self, messages: list[Any]) -> None:
        await self._graph.ainvoke(
            {"messages": [*messages, HumanMessage("And mark3a")]},
            on("t"),
            context={"user_id": "alex"},
        )

    async def _written(self, messages: list[Any]) -> None:
        await self._turn(None)
        values = {"messages": messages}
        await self._graph.aupdate_state(on("t"), values, as_node="finish")
        try:
            await self._turn(None)
        except TurnRefused:
            await self._turn(None)  # What could not be taken left the thread with that turn.

    async def _context(self, context: dict[str, Any]) -> None:
        given: Any = {"user_id": "alex", **context}
        if given["user_id"] == "eve":
            return
        await self._graph.ainvoke(
            {"messages": [HumanMessage("I speak of mark4a")]}, on("c"), context=given
        )

    async def _request(self, data: tuple[str, list[str], dict[str, str], Any]) -> None:
        method, parts, query, body = data
        path = "/" + "/".join(part if "%" in part else quote(part, safe="") for part in parts)
        query = {name: quote(value, errors="replace") for name, value in query.items()}
        content = None if method == "GET" else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        answer = await self.client.request(
            method, f"http://border{path}", params=query, content=content, headers=headers
        )
        assert answer.status_code < 500, f"{method} {path}: {answer.text}"

    async def _import(self, changes: list[tuple[int, list[str], Any]]) -> None:
        lines = export()
        for line, steps, value in changes:
            at: Any = lines[line]
            for step in steps[:-1]:
                if isinstance(at, dict):
                    at = at.get(step, at)
                elif isinstance(at, list) and at:
                    at = at[0]
            if steps and isinstance(at, dict):
                at[steps[-1]] = value
        before = [line async for line in export_user(self.stores, "alex")]
        try:
            await import_user(self.stores, as_bytes(lines))
        except ImportRefused:
            assert [line async for line in export_user(self.stores, "alex")] == before
            raise
        finally:
            for owner in await self.stores.journal.backend.owners():
                if owner not in (ALEX, EVE):
                    await forget(self.stores, owner.user_id)
        await self._turn(None)

    async def _lines(self, lines: list[Any]) -> None:
        await import_user(self.stores, as_bytes(lines))

    async def _row(self, data: tuple[str, str, dict[str, Any]]) -> None:
        kind, key, value = data
        generation = (await self.stores.journal.read(ALEX)).generation
        space = ALEX.namespace(generation, kind)
        await self.stores.long_term.aput(space, key or "k", value, index=False)
        await self._turn(None)
        await self._recover(None)

    async def _stored(self, data: tuple[str, int, str]) -> None:
        """Write over raw rows of Alex in Redis or SQLite, or over what Chroma says of one."""
        await self._row(("fact", "k", {"text": "tea"}))
        await asyncio.to_thread(self._overwrite, *data)
        await self._turn(None)
        await self._recover(None)

    def _overwrite(self, kind: str, number: int, value: str) -> None:
        value = value.encode(errors="replace").decode()
        if kind == "checkpoints":
            self.hand.checkpoints("t", value.encode())
        elif kind in ("book", "turns"):
            fields = self.hand.fields(ALEX, kind)
            if fields:
                self.hand.put(ALEX, kind, fields[number % len(fields)], value)
        else:
            rows = chroma_rows(self.stores.long_term, ALEX)
            collection, row = rows[number % len(rows)]
            collection.update([row], metadatas=[{kind: value}])

    async def _recover(self, _: None) -> None:
        await recover(self.stores, turns_reader(self.stores.key))

    async def _reset(self, _: None) -> None:
        await reset(self.stores, ALEX)
        await self._turn(None)

    async def _forget(self, _: None) -> None:
        await forget(self.stores, "alex")


@asynccontextmanager
async def attacked(script: Script, hand: Hand) -> AsyncIterator[Border]:
    app = create_app(lambda: open_serving(script.parts))
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://border") as client,
    ):
        yield Border(script, client, hand)


@pytest.mark.deep
@pytest.mark.timeout(2400)
def test_whatever_comes_in_ends_well_and_leaves_others_as_they_are(
    tmp_path: Path, backend: dict[str, Any]
) -> None:
    with playing(tmp_path, backend) as (runner, script), ExitStack() as stack:
        opened = attacked(script, Hand(backend, tmp_path))
        border = runner.run(opened.__aenter__())
        stack.callback(lambda: runner.run(opened.__aexit__(None, None, None)))

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,  # The same cases each time: one that fails can be looked at.
            database=None,
            phases=[Phase.generate],  # A case depends on those before it: none is made smaller.
            suppress_health_check=list(HealthCheck),
        )
        @given(case=CASE)
        def play(case: tuple[str, Any]) -> None:
            runner.run(border.play(case))

        play()
        runner.run(border.bystander())
        assert border.cases >= EXAMPLES * 0.7
