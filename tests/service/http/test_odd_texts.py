"""A character cut in half, as clients send it, is no fault of the server's."""

import json
from typing import Any

import pytest

from tests.service.http.test_openai_clients import said
from tests.support.servers.app_alone import Serve, serve
from tests.support.servers.served import OpenServed, open_served

__all__ = ["open_served", "serve"]

JSON = {"content-type": "application/json"}
HALF = "Half \ud83d of it."


@pytest.mark.parametrize(
    "messages",
    [
        [said(HALF), {"role": "assistant", "content": HALF}, said("Hello.")],
        [{"role": "system", "content": HALF}, said("Hello.")],
        [said(f"### Task:\nA title.\n<chat_history>\n{HALF}\n</chat_history>")],
        [said(HALF)],
    ],
    ids=["history", "system", "task", "message"],
)
async def test_half_a_character_anywhere_in_a_history_is_answered(
    open_served: OpenServed, messages: list[Any]
) -> None:
    async with open_served() as served:
        body = json.dumps({"model": "default", "user": "alex", "messages": messages})
        for _ in range(2):
            answer = await served.client.post("/v1/chat/completions", content=body, headers=JSON)
            assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "more", [{"persona": HALF}, {"timezone": HALF}, {"as_of": HALF}, {"name": HALF}], ids=str
)
async def test_half_a_character_beside_a_message_is_refused_in_a_sentence(
    serve: Serve, more: dict[str, str]
) -> None:
    async with serve() as alone:
        body = json.dumps({"message": "Hello."} | more)
        answer = await alone.client.post("/chat/alex/default", content=body, headers=JSON)
        assert answer.status_code == 422 and next(iter(more)) in answer.json()["detail"]
