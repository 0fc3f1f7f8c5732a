"""A LangGraph server that asks for tokens: what each caller may see and do."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import httpx
import pytest
import websockets
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError

from domain.owner import digest
from tests.support.servers import dev_server
from tests.support.servers.app_alone import path
from tests.support.servers.dev_server import DevServer, bearer, closed_server, running

__all__ = ["closed_server"]

pytestmark = pytest.mark.timeout(300)

SECRET = b"Rufus"
OPEN = {"/ok", "/info", "/metrics", "/docs", "/health"}
"""What tells nothing of anybody."""
GRAPHS = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
REMEMBER = str(uuid5(GRAPHS, "remember"))


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


@dataclass(frozen=True)
class Alex:
    """A user who has said something, and the ids of all that came of it."""

    client: LangGraphClient
    ids: dict[str, str]

    @property
    def thread(self) -> str:
        return self.ids["thread_id"]


@pytest.fixture
async def alex(closed_server: DevServer) -> AsyncIterator[Alex]:
    user = f"alex-{uuid4().hex[:6]}"
    client = closed_server.client(bearer(user, tier="plus"))
    async with client:
        thread = (await client.threads.create())["thread_id"]
        await client.runs.wait(thread, "chat", input=said("My sister has a dog called Rufus."))
        (run,) = await client.runs.list(thread)
        state = await client.threads.get_state(thread)
        cron = await client.crons.create("chat", schedule="0 0 1 1 *", input=said("Good morning!"))
        ids = {
            "thread_id": thread,
            "run_id": run["run_id"],
            "checkpoint_id": state["checkpoint"]["checkpoint_id"] or "",
            "cron_id": cron["cron_id"],  # type: ignore[typeddict-item]  # the SDK says it is a run
            "assistant_id": run["assistant_id"],
            "namespace": "any",
            "user_id": user,
            "character_id": "default",
            "id": "any",
            "name": "any",
        }
        yield Alex(client, ids)


async def answer_of(
    client: httpx.AsyncClient, method: str, url: str, **more: Any
) -> tuple[int, bytes]:
    """Return the status and what came within two seconds, also of a stream without an end."""
    body = b""
    async with client.stream(method, url, **more) as answer:
        try:
            async with asyncio.timeout(2):
                async for part in answer.aiter_bytes():
                    body += part
        except TimeoutError:
            pass
        return answer.status_code, body


async def operations(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    paths = (await client.get("/openapi.json")).json()["paths"]
    methods = ("get", "post", "put", "patch", "delete")
    return [
        (method, path) for path, known in paths.items() for method in methods if method in known
    ]


def body_for(alex: Alex) -> dict[str, Any]:
    """Return a body that most operations take, full of what is another's."""
    ids = alex.ids
    return {
        "assistant_id": "chat",
        "input": said("What is my dog called?"),
        "thread_id": ids["thread_id"],
        "thread_ids": [ids["thread_id"]],
        "if_exists": "do_nothing",
        "checkpoint": {"checkpoint_id": ids["checkpoint_id"], "thread_id": ids["thread_id"]},
        "namespace": [digest(ids["user_id"])],
        "namespace_prefix": [digest(ids["user_id"])],
        "key": "any",
        "value": {},
        "schedule": "0 0 1 1 *",
        "channels": ["values"],
        "graph_id": "chat",
        "version": 1,
        "text": "any",
    }


async def test_no_operation_shows_or_changes_what_is_another_users(
    closed_server: DevServer, alex: Alex
) -> None:
    async with httpx.AsyncClient(
        base_url=closed_server.url, headers=bearer("eve", tier="plus"), follow_redirects=True
    ) as eve:
        walked = await operations(eve)
        assert len(walked) > 70
        for method, template in walked:
            url = re.sub(r"\{(\w+)\}", lambda name: alex.ids[name[1]], template)
            body = None if method == "get" else body_for(alex)
            status, shown = await answer_of(eve, method, url, json=body)
            told = f"{method} {template}: {status} {shown[:200]!r}"
            assert SECRET not in shown, told
            named = set(re.findall(r"\{(\w+)\}", template)) - {"assistant_id", "namespace", "name"}
            if named:
                assert status in (403, 404), told
            elif template.startswith("/assistants/{") and method in ("patch", "delete"):
                assert status == 403, told
            assert status < 500, told
    state = await alex.client.threads.get_state(alex.thread)
    assert len(state["values"]["messages"]) == 2  # type: ignore[call-overload]  # a list or a dict to the SDK
    assert await alex.client.crons.count() == 1
    assert len(await alex.client.runs.list(alex.thread)) == 1


async def test_without_a_token_nothing_is_served_but_that_it_runs(
    closed_server: DevServer, alex: Alex
) -> None:
    async with httpx.AsyncClient(base_url=closed_server.url, follow_redirects=True) as nobody:
        for method, template in await operations(nobody):
            url = re.sub(r"\{(\w+)\}", lambda name: alex.ids[name[1]], template)
            status, shown = await answer_of(nobody, method, url)
            assert status == (200 if template in OPEN else 401), f"{method} {template}: {status}"
            assert SECRET not in shown
        for name, value in (
            ("x-auth-scheme", b"langsmith"),
            ("x-api-key", b"any"),
            ("Authorization", b"Bearer " + b"x" * 50),
            ("Authorization", b"Bearer \xff"),
        ):
            headers = {name.encode(): value}
            refused = await nobody.post("/threads/search", json={}, headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert refused.headers["content-type"] == "application/problem+json"


async def test_what_a_development_server_offers_everybody_is_closed(
    closed_server: DevServer, alex: Alex
) -> None:
    async with httpx.AsyncClient(base_url=closed_server.url, headers=bearer("eve")) as eve:
        shown = await eve.get(f"/internal/debug/thread/{alex.thread}")
        assert shown.status_code == 404 and b"Rufus" not in shown.content
        assert (await eve.post("/internal/truncate")).status_code == 404
        origin = {"Origin": "https://smith.langchain.com"}
        assert (await eve.get("/deploy", headers=origin)).status_code == 404
    assert (await alex.client.threads.get(alex.thread))["thread_id"] == alex.thread


async def test_other_protocols_lead_to_no_other_users_memory(
    closed_server: DevServer, alex: Alex
) -> None:
    message = {"role": "user", "messageId": "m", "parts": [{"kind": "text", "text": "My dog?"}]}
    task = f"{alex.thread}:{alex.ids['run_id']}"
    agent = f"/a2a/{alex.ids['assistant_id']}"
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("/mcp", "tools/call", {"name": "remember", "arguments": {"user_id": alex.ids["user_id"]}}),
        ("/mcp", "tools/call", {"name": "chat", "arguments": said("What is my dog called?")}),
        (agent, "message/send", {"message": message | {"contextId": alex.thread}}),
        (agent, "message/send", {"message": message | {"contextId": alex.thread, "taskId": task}}),
        (agent, "tasks/get", {"id": task, "contextId": alex.thread}),
    )
    async with httpx.AsyncClient(base_url=closed_server.url, headers=bearer("eve")) as eve:
        for url, method, params in calls:
            call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            accept = {"Accept": "application/json, text/event-stream"}
            status, shown = await answer_of(eve, "post", url, json=call, headers=accept)
            assert b"Rufus" not in shown and status < 500, (method, params, shown)
        for assistant in ("remember", REMEMBER, REMEMBER.upper()):
            run = {"assistant_id": assistant, "input": {"user_id": alex.ids["user_id"]}}
            assert (await eve.post("/runs/wait", json=run)).status_code == 404
            cron = {**run, "schedule": "* * * * *"}
            assert (await eve.post("/runs/crons", json=cron)).status_code in (404, 422)
    url = closed_server.url.replace("http", "ws") + f"/threads/{alex.thread}/stream/events"
    for headers in ({}, bearer("eve")):
        with pytest.raises(websockets.InvalidStatus):
            async with websockets.connect(url, additional_headers=headers):
                pass


@pytest.mark.parametrize(
    "spoofed",
    [
        {"context": {"user_id": "USER", "tier": "plus"}},
        {"config": {"configurable": {"user_id": "USER", "thread_id": "THREAD"}}},
        {"config": {"configurable": {"langgraph_auth_user": {"identity": "USER"}}}},
        {"config": {"configurable": {"langgraph_auth_user_id": "USER"}}},
        {"metadata": {"mnemo_user": "KEY"}},
        {"checkpoint": {"thread_id": "THREAD", "checkpoint_ns": ""}},
    ],
)
async def test_nobody_becomes_another_by_saying_so(
    closed_server: DevServer, alex: Alex, spoofed: dict[str, Any]
) -> None:
    user = alex.ids["user_id"]
    text = json.dumps(spoofed).replace("USER", user).replace("THREAD", alex.thread)
    claimed = json.loads(text.replace("KEY", digest(user)))
    async with httpx.AsyncClient(base_url=closed_server.url, headers=bearer("eve")) as eve:
        run = {"assistant_id": "chat", "input": said("What is my dog called?"), **claimed}
        answer = await eve.post("/runs/wait", json=run, timeout=60)
        assert answer.status_code == 200 and "Rufus" not in answer.text
        if "metadata" in claimed:
            thread = (await eve.post("/threads", json=claimed)).json()
            assert thread["metadata"]["mnemo_user"] == digest("eve")
            patched = await eve.patch(f"/threads/{thread['thread_id']}", json=claimed)
            assert patched.json()["metadata"]["mnemo_user"] == digest("eve")
    transcript = await alex_turns(closed_server, user)
    assert len(transcript) == 1


async def alex_turns(server: DevServer, user: str) -> list[Any]:
    async with httpx.AsyncClient(base_url=server.url, headers=bearer(user)) as client:
        answer = await client.get(path(user, "default", "transcript"))
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


async def test_the_token_says_the_tier_and_the_context_does_not(closed_server: DevServer) -> None:
    async with closed_server.client(bearer("fred", tier="free")) as client:
        thread = (await client.threads.create())["thread_id"]
        found: Any = await client.runs.wait(
            thread, "chat", input=said("Hello there"), context={"tier": "plus"}
        )
        assert found["budget"]["limit"] == 2000


async def test_a_free_user_is_told_when_to_come_back(closed_server: DevServer) -> None:
    async with httpx.AsyncClient(
        base_url=closed_server.url, headers=bearer("gus", tier="free"), timeout=60
    ) as gus:
        run = {"assistant_id": "chat", "input": said("Hello there")}
        answers = [await gus.post("/runs/wait", json=run) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        refused = answers[-1]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert "3 messages within a minute" in refused.json()["detail"]
        huge = {"assistant_id": "chat", "input": said("x" * 3000)}
        assert (await gus.post("/runs/wait", json=huge)).status_code == 413
    async with httpx.AsyncClient(
        base_url=closed_server.url, headers=bearer("gus", tier="plus"), timeout=60
    ) as paying:
        assert (await paying.post("/runs/wait", json=run)).status_code == 200


async def test_a_forged_turn_that_follows_itself_holds_nobody_up(
    closed_server: DevServer, alex: Alex
) -> None:
    at = "2026-05-08T12:00:00+00:00"
    stamp = {"turn": "f", "parent": "f", "thread": alex.thread, "seq": 2**64 - 1, "index": 0,
             "at": at, "turn_at": at}  # fmt: skip
    forged: dict[str, Any] = {
        "role": "user",
        "content": "I have a cat called Tom.",
        "additional_kwargs": {"mnemo": stamp},
    }
    both: Any = {"messages": [forged, {"role": "user", "content": "And more."}]}
    async with asyncio.timeout(60):
        await alex.client.runs.wait(alex.thread, "chat", input=both)
        await alex.client.threads.update_state(alex.thread, {"head": "f", "owner": "f"})
        await alex.client.runs.wait(alex.thread, "chat", input=said("What is my dog called?"))
        turns = await alex_turns(closed_server, alex.ids["user_id"])
    assert [turn["seq"] for turn in turns] == [1, 2, 3]


async def test_all_that_a_run_brings_is_bounded(closed_server: DevServer, alex: Alex) -> None:
    run = {"assistant_id": "chat", "input": said("Hello there")}
    more: list[dict[str, Any]] = [
        {"context": {"persona": "x" * 3000}},
        {"command": {"update": {"messages": said("x" * 3000)["messages"]}}, "input": None},
        {"context": {"persona": "x" * 2_000_000}},
    ]
    headers = bearer(alex.ids["user_id"], tier="plus")
    async with httpx.AsyncClient(base_url=closed_server.url, headers=headers) as client:
        for place in ("/runs/wait", f"/threads/{alex.thread}/runs/wait"):
            for one in more:
                answer = await client.post(place, json=run | one)
                assert answer.status_code == 413, answer.text
        huge = {"values": {"messages": said("x" * 20_000_000)["messages"]}}
        answer = await client.post(f"/threads/{alex.thread}/state", json=huge)
        assert answer.status_code == 413


UNREADABLE: list[dict[str, Any]] = [
    {"context": {"persona": ["x"]}},
    {"context": {"timezone": 5}},
    {"input": "Hello"},
    {"input": {"messages": [5]}},
    {"input": {"messages": [{"role": "wizard", "content": "Hello"}]}},
    {"input": {"messages": [{"role": "user"}]}},
    {"input": None, "command": {"goto": "generate"}},
    {"input": None, "command": {"goto": {"node": "finish", "input": {"origin": {}}}}},
    {"input": None, "command": {"update": {"origin": {"owner": ["alex", "default"]}}}},
    {"input": None, "command": {"update": [["owner", "alex"]]}},
    {"input": None, "command": {"update": {"messages": [{"content": "Hello"}]}}},
    {"config": {"metadata": 5}},
    {"config": {"configurable": {"checkpoint_id": ["x"]}}},
    {"checkpoint": {"checkpoint_ns": 5}},
    {"checkpoint_id": 5},
    {"after_seconds": 10**12},
]


async def test_what_no_step_could_read_is_refused_in_one_sentence_before_a_run(
    closed_server: DevServer, alex: Alex
) -> None:
    headers = bearer(alex.ids["user_id"], tier="plus")
    async with httpx.AsyncClient(base_url=closed_server.url, headers=headers) as client:
        for brought in UNREADABLE:
            run = {"assistant_id": "chat", "input": said("Hello there")} | brought
            answer = await client.post(f"/threads/{alex.thread}/runs/wait", json=run)
            assert answer.status_code == 422, f"{brought}: {answer.text}"
            assert "\n" not in answer.json()["detail"]
    assert len(await alex.client.runs.list(alex.thread)) == 1


async def test_a_place_that_is_no_longer_kept_is_said_so(
    closed_server: DevServer, alex: Alex
) -> None:
    with pytest.raises(Exception, match="no longer kept"):
        await alex.client.runs.wait(
            alex.thread, "chat", input=said("Hi"), checkpoint_id=str(uuid4())
        )


async def test_a_turn_of_another_character_is_refused_before_its_run(
    closed_server: DevServer, alex: Alex
) -> None:
    with pytest.raises(APIStatusError) as refused:
        await alex.client.runs.create(
            alex.thread, "chat", input=said("Hi"), context={"character_id": "another"}
        )
    assert refused.value.status_code == 409
    assert len(await alex.client.runs.list(alex.thread)) == 1


async def test_a_channel_acts_for_the_user_it_names(closed_server: DevServer, alex: Alex) -> None:
    user = alex.ids["user_id"]
    named = {**bearer("telegram", scope="channel"), "x-mnemo-user": quote(user, safe="")}
    async with closed_server.client(named) as channel:
        await channel.runs.wait(alex.thread, "chat", input=said("And a cat called Tom."))
    assert len(await alex_turns(closed_server, user)) == 2
    async with httpx.AsyncClient(base_url=closed_server.url, headers=named) as client:
        assert (await client.get(path(user, "default", "recent"))).status_code == 200
        assert (await client.get(path("eve", "default", "recent"))).status_code == 404
    for headers in (
        bearer("telegram", scope="channel"),
        {**bearer("eve"), "x-mnemo-user": user},
    ):
        async with httpx.AsyncClient(base_url=closed_server.url, headers=headers) as client:
            assert (await client.post("/threads/search", json={})).status_code == 403


async def test_a_request_that_names_two_users_is_nobodys(
    closed_server: DevServer, alex: Alex
) -> None:
    user = quote(alex.ids["user_id"], safe="")
    sent = bearer("telegram", scope="channel")
    for users in (("eve", user), (user, "eve")):  # One from a client, one from its proxy.
        headers = [*sent.items(), *(("x-mnemo-user", each) for each in users)]
        async with httpx.AsyncClient(base_url=closed_server.url, headers=headers) as client:
            for at in (path(alex.ids["user_id"], "default", "recent"), "/v1/models"):
                assert (await client.get(at)).status_code == 403
            assert (await client.post("/threads/search", json={})).status_code == 403


async def test_a_caller_sees_their_own_rows_in_the_store_and_cannot_write_them(
    closed_server: DevServer, alex: Alex
) -> None:
    user = alex.ids["user_id"]
    for text in ("I am allergic to peanuts", "I live in Oslo", "I work as a nurse"):
        await alex.client.runs.wait(alex.thread, "chat", input=said(text))
    listed = await alex.client.store.list_namespaces()
    assert listed["namespaces"] and all(ns[0] == digest(user) for ns in listed["namespaces"])
    namespace = listed["namespaces"][0]
    assert (await alex.client.store.search_items(namespace))["items"]
    with pytest.raises(APIStatusError) as refused:
        await alex.client.store.put_item(namespace, "any", {"text": "any"})
    assert refused.value.status_code == 403


@pytest.mark.parametrize(
    "user", ["alex@example.com", "../x", "a/b", "用户", "x" * 500, "TWIN", "twin"]
)
async def test_any_user_id_works_over_http(closed_server: DevServer, user: str) -> None:
    headers = bearer(user, tier="plus")
    async with closed_server.client(headers) as client:
        thread = str(uuid5(NAMESPACE_URL, user))
        await client.threads.create(thread_id=thread, if_exists="do_nothing")
        await client.runs.wait(thread, "chat", input=said("Hello there"))
    turns = await alex_turns(closed_server, user)
    assert [turn["thread"] for turn in turns] == [thread]
    async with httpx.AsyncClient(base_url=closed_server.url, headers=headers) as client:
        for other in (user.swapcase(), user + " ", user[:-1], "alex"):
            if other != user:
                answer = await client.get(path(other, "default", "recent"))
                assert answer.status_code == 404


@pytest.mark.deep
async def test_after_a_reset_the_server_shows_nothing_of_before(
    closed_server: DevServer, alex: Alex
) -> None:
    user = alex.ids["user_id"]
    stream = alex.client.runs.stream(
        alex.thread, "chat", input=said("Rufus is old."), stream_resumable=True
    )
    assert [part async for part in stream]
    headers = {**bearer(user), "Last-Event-ID": "-"}
    async with httpx.AsyncClient(base_url=closed_server.url, headers=headers) as client:
        _, shown = await answer_of(client, "get", f"/threads/{alex.thread}/stream")
        assert SECRET in shown
        answer = await client.post(path(user, "default", "reset"))
        assert answer.status_code == 200 and answer.json()["threads"] == 1
        walked = [(method, url) for method, url in await operations(client) if "{" in url]
        for method, template in walked:
            if method != "get":
                continue
            url = re.sub(r"\{(\w+)\}", lambda name: alex.ids[name[1]], template)
            _, shown = await answer_of(client, method, url)
            assert b"Rufus" not in shown, f"{method} {template}"
        for url in ("/threads/search", f"/threads/{alex.thread}/history"):
            assert b"Rufus" not in (await client.post(url, json={})).content
    after: Any = await alex.client.runs.wait(alex.thread, "chat", input=said("My dog's name?"))
    assert len(after["messages"]) == 2 and "Rufus" not in json.dumps(after)


async def test_a_forgotten_user_has_no_thread_and_no_cron_left(
    closed_server: DevServer, alex: Alex
) -> None:
    user = alex.ids["user_id"]
    await alex.client.threads.create()  # One that nothing was said on.
    async with httpx.AsyncClient(base_url=closed_server.url, headers=bearer(user)) as client:
        assert (await client.delete(path(user, None))).status_code == 200
        for url in ("/threads/count", "/runs/crons/count"):
            assert (await client.post(url, json={})).json() == 0
        export = await client.get(path(user, None, "export"))
        assert len(export.text.splitlines()) == 1


@pytest.mark.deep
async def test_a_thread_that_the_server_forgot_comes_back_for_its_owner_alone(
    closed_server: DevServer, alex: Alex
) -> None:
    closed_server.stop()
    shutil.rmtree(closed_server.folder / ".langgraph_api")
    closed_server.start()
    async with closed_server.client(bearer("eve")) as eve:
        with pytest.raises(APIStatusError) as refused:
            await eve.threads.create(thread_id=alex.thread, graph_id="chat", if_exists="do_nothing")
        assert refused.value.status_code == 409
        with pytest.raises(httpx.HTTPStatusError):
            await eve.runs.wait(alex.thread, "chat", input=said("My dog?"), if_not_exists="create")
    await alex.client.threads.create(thread_id=alex.thread, graph_id="chat", if_exists="do_nothing")
    state: Any = await alex.client.threads.get_state(alex.thread)
    assert "Rufus" in json.dumps(state["values"])


@pytest.mark.deep
async def test_characters_are_assistants_that_everybody_may_use(tmp_path: Path) -> None:
    (tmp_path / "characters.toml").write_text('[ada]\nname = "Ada"\n')
    with running(tmp_path, {"MNEMO_AUTH_SECRET": dev_server.SECRET}) as server:
        async with server.client(bearer("alex")) as client:
            [ada] = [a for a in await client.assistants.search() if a["name"] == "Ada"]
            thread = (await client.threads.create())["thread_id"]
            for _ in range(2):  # The second one is on a thread that is hers.
                await client.runs.wait(thread, ada["assistant_id"], input=said("I like tea."))
        async with httpx.AsyncClient(base_url=server.url, headers=bearer("alex")) as http:
            turns = (await http.get("/memory/alex/ada/transcript")).json()["items"]
            assert len(turns) == 2
