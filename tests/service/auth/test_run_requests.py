"""What clients bring to a LangGraph server: taken as it must be, or refused before a run begins."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import websockets
from langgraph_sdk import get_client

from nodes.state import ChatContext
from service.http.run_requests import Place
from tests.support.servers.app_alone import path
from tests.support.servers.dev_server import DevServer, bearer, closed_server

__all__ = ["closed_server"]

pytestmark = [pytest.mark.timeout(300), pytest.mark.deep]


def said(*texts: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text} for text in texts]}


class Client:
    """A user with a thread."""

    def __init__(self, http: httpx.AsyncClient, user: str) -> None:
        self.http, self.user, self.thread = http, user, ""

    async def new_thread(self) -> None:
        self.thread = (await self.http.post("/threads", json={})).json()["thread_id"]

    async def post(self, place: str, **body: Any) -> httpx.Response:
        return await self.http.post(f"/threads/{self.thread}/{place}", json=body)

    async def run(self, **body: Any) -> list[str]:
        """Run a turn; return what the user and the assistant said in the thread so far."""
        answer = await self.post("runs/wait", **{"assistant_id": "chat", **body})
        assert answer.status_code == 200, answer.text
        values = answer.json()
        assert "__error__" not in values, values
        return [message["content"] for message in values["messages"]]

    async def transcript(self) -> list[str]:
        items = (await self.http.get(f"{path(self.user)}/transcript")).json()["items"]
        return [turn["messages"][0]["text"] for turn in items]


@pytest.fixture
async def alex(closed_server: DevServer) -> AsyncIterator[Client]:
    user = f"alex-{uuid4().hex[:6]}"
    headers = bearer(user, tier="plus")
    async with httpx.AsyncClient(base_url=closed_server.url, headers=headers, timeout=60) as http:
        client = Client(http, user)
        await client.new_thread()
        yield client


UNFIT: list[dict[str, Any]] = [
    {"degraded": 5, "budget": "x", "origin": [], "nothing": {}},
    {"degraded": None, "head": "f", "owner": ["alex"], "generation": 5},
    {"degraded": {}, "__start__": 5, "branch:to:generate": None},
]


async def test_a_client_writes_the_messages_of_a_state_and_nothing_else(alex: Client) -> None:
    await alex.run(input=said("I speak of mark1"))
    for number, values in enumerate(UNFIT, 2):
        written = await alex.post("state", values=values | said(f"And I wrote mark{number}"))
        assert written.status_code == 200, written.text
        shown = await alex.run(input=said(f"I speak of mark{number}"))
        assert f"And I wrote mark{number}" in shown and shown[0] == "I speak of mark1"
    step = {"updates": [{"values": {"degraded": 5} | said("Long ago"), "as_node": "__start__"}]}
    body = {"metadata": {"graph_id": "chat"}, "supersteps": [step]}
    begun = await alex.http.post("/threads", json=body)
    assert begun.status_code == 200, begun.text
    alex.thread = begun.json()["thread_id"]
    assert (await alex.run(input=said("And now")))[0] == "Long ago"


async def test_a_state_that_cannot_be_read_is_refused_in_one_sentence(alex: Client) -> None:
    place: dict[str, Any] = {"__pregel_checkpointer": 5, "checkpoint_id": ["x"]}
    goto = {"updates": [{"command": {"goto": "generate"}}]}
    unreadable: list[dict[str, Any]] = [
        {"values": said(*["x"] * 5_000)},
        {"values": {"messages": [{"role": "wizard", "content": "x"}]}},
        {"values": [{"messages": []}]},
        {"checkpoint": place},
        {"checkpoint_id": 5},
    ]
    await alex.run(input=said("I speak of mark1"))
    for body in unreadable:
        answer = await alex.post("state", **body)
        assert answer.status_code == 422 and "\n" not in answer.json()["detail"], body
    for where in ("state/checkpoint", "history"):
        assert (await alex.post(where, checkpoint=place)).status_code == 422
    before = {"configurable": {"checkpoint_id": [5]}}
    assert (await alex.post("history", before=before)).status_code == 422
    search = await alex.http.post("/store/items/search", json={"namespace_prefix": None})
    assert search.status_code == 422
    begun = {"metadata": {"graph_id": "chat"}, "supersteps": [goto]}
    assert (await alex.http.post("/threads", json=begun)).status_code == 422
    assert len(await alex.run(input=said("I speak of mark2"))) == 4


async def test_how_a_run_is_carried_out_is_not_the_clients_to_say(alex: Client) -> None:
    foreign: dict[str, Any] = {
        "recursion_limit": 1, "max_concurrency": -1, "callbacks": 5, "run_name": [], "run_id": 5,
        "configurable": {"__pregel_runtime": 5, "__pregel_checkpointer": "x"},
    }  # fmt: skip
    for number, (name, value) in enumerate(foreign.items(), 1):
        shown = await alex.run(input=said(f"I speak of mark{number}"), config={name: value})
        assert len(shown) == 2 * number, name


async def test_a_command_brings_a_message_or_goes_on_and_never_ends_in_an_internal_error(
    alex: Client,
) -> None:
    update = {"update": said("I speak of mark1")}
    assert (await alex.run(input=None, command=update))[0] == "I speak of mark1"
    commands: list[dict[str, Any]] = [{"goto": []}, {"update": {}}, {"resume": None}, {"x": 1}]
    for number, command in enumerate(commands, 2):
        shown = await alex.run(input=said(f"I speak of mark{number}"), command=command)
        assert len(shown) == 2 * number, command
    pairs = {"update": [["messages", said("I speak of mark6")["messages"]]]}
    assert "I speak of mark6" in await alex.run(input=None, command=pairs)
    refused: tuple[list[Any], ...] = (
        pairs["update"] * 2,
        [["budget", {}]],
        [["messages"]],
        [["messages", 5]],
    )
    for unfit in refused:
        body: dict[str, Any] = {"assistant_id": "chat", "command": {"update": unfit}}
        assert (await alex.post("runs/wait", **body)).status_code == 422, unfit
    assert await alex.transcript() == [f"I speak of mark{number}" for number in range(1, 7)]


async def test_what_a_client_leaves_empty_of_a_place_or_a_context_counts_as_not_said(
    alex: Client,
) -> None:
    unsaid = [*ChatContext.model_fields, *Place.model_fields, "assistant_id"]
    for number, name in enumerate(unsaid, 1):
        config = {"configurable": {name: None}}
        shown = await alex.run(input=said(f"I speak of mark{number}"), config=config)
        assert len(shown) == 2 * number, name
    context = dict.fromkeys(ChatContext.model_fields)
    assert len(await alex.run(input=said("I speak of mark99"), context=context)) > 2
    newest = (await alex.http.get(f"/threads/{alex.thread}/state")).json()["checkpoint"]
    checkpoint = newest | {"checkpoint_map": None}
    assert "And here" in await alex.run(input=said("And here"), checkpoint=checkpoint)


async def test_a_history_ends_before_a_place_in_any_of_the_ways_clients_name_it(
    closed_server: DevServer, alex: Client
) -> None:
    for number in range(1, 4):
        await alex.run(input=said(f"I speak of mark{number}"))
    everything = (await alex.post("history", limit=100)).json()
    place = everything[1]["checkpoint"]
    id = place["checkpoint_id"]
    for before in (place, {"checkpoint_id": id}, id, {"configurable": place}):
        earlier = await alex.post("history", limit=100, before=before)
        assert earlier.json() == everything[2:], before
    earlier = await alex.http.get(f"/threads/{alex.thread}/history?limit=100&before={id}")
    assert earlier.json() == everything[2:]
    headers = bearer(alex.user, tier="plus")
    async with get_client(url=closed_server.url, headers=headers) as client:
        history = await client.threads.get_history(alex.thread, before=place)
    assert len(history) == len(everything[2:])
    for unfit in (5, [id], {"checkpoint_id": 5}):
        assert (await alex.post("history", before=unfit)).status_code == 422, unfit


async def test_an_empty_thread_has_nothing_to_go_on_with_and_says_so(alex: Client) -> None:
    own = f"/threads/{alex.thread}/runs/wait"
    requests: list[tuple[str, dict[str, Any]]] = [
        (own, {}),
        (own, {"input": None}),
        (own, {"command": {"resume": "x"}}),
        ("/runs/wait", {}),
    ]
    for place, body in requests:
        answer = await alex.http.post(place, json={"assistant_id": "chat", **body})
        assert "There is no message to answer" in answer.json()["__error__"]["message"], body
    assert len(await alex.run(input=said("I speak of mark1"))) == 2
    assert len(await alex.run(input=None)) == 2


async def test_a_cron_that_could_never_run_or_stop_those_of_others_is_refused(alex: Client) -> None:
    unfit: list[tuple[int, dict[str, Any]]] = [
        (422, {"end_time": "2999-01-01T00:00:00Z"}),
        (422, {"input": said("Hi"), "command": {"goto": "generate"}}),
        (422, {"context": {"persona": 5}}),
        (422, {"config": {"metadata": 5}}),
        (413, {"input": said("x" * 5_000)}),
    ]
    cron = {"assistant_id": "chat", "schedule": "0 0 1 1 *", "input": said("Good morning!")}
    made = await alex.http.post("/runs/crons", json=cron)
    assert made.status_code == 200
    for status, body in unfit:
        for place in ("/runs/crons", f"/threads/{alex.thread}/runs/crons"):
            assert (await alex.http.post(place, json=cron | body)).status_code == status, body
        place = f"/runs/crons/{made.json()['cron_id']}"
        assert (await alex.http.patch(place, json=body)).status_code == status, body


async def test_a_message_of_a_websocket_is_bounded_as_a_body_is(
    closed_server: DevServer, alex: Client
) -> None:
    await alex.run(input=said("I speak of mark1"))
    place = f"{closed_server.url}/threads/{alex.thread}/stream/events".replace("http", "ws", 1)
    headers = bearer(alex.user, tier="plus")
    async with websockets.connect(place, additional_headers=headers) as socket:
        with pytest.raises(websockets.ConnectionClosed):
            await socket.send('{"id": 1, "method": "' + "x" * 2_000_000 + '"}')
            await socket.recv()
    assert len(await alex.run(input=said("I speak of mark2"))) == 4
