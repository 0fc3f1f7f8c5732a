"""Many users at once: every stream ends well, and every reply is its own user's."""

import asyncio
import json

import httpx
import pytest

from tests.support.house import MARKER
from tests.support.servers.served import OpenServed, open_served

__all__ = ["open_served"]

STREAMS = 200


@pytest.mark.deep
@pytest.mark.timeout(280)
async def test_two_hundred_streams_at_once_each_answer_their_own_user(
    open_served: OpenServed,
) -> None:
    async with (
        open_served(model_timeout=60) as served,  # All ask it in the same moment.
        httpx.AsyncClient(base_url=served.url, limits=httpx.Limits(max_connections=None)) as client,
    ):

        async def talk(number: int) -> None:
            """Say two things on two threads, as a user of one's own."""
            for message in (f"My number is mark{number}n.", f"Which number has {number}?"):
                answer = await client.post(
                    f"/chat/user{number}/default",
                    json={"message": message, "new": True, "stream": True},
                    timeout=240,
                )
                assert answer.status_code == 200, answer.text
                report = json.loads(answer.text.rstrip().rpartition("data: ")[2])
                assert report["error"] is None, report["error"]
                assert report["reply"] == f"Reply to {message}."

        await asyncio.gather(*(talk(number) for number in range(STREAMS)))
        prompts = [served.model.prompt(index) for index in range(len(served.model.requests))]
        second = [text for text in prompts if "Which number has " in text]
        assert len(second) == STREAMS
        for text in second:
            number = text.rpartition("Which number has ")[2].partition("?")[0]
            assert set(MARKER.findall(text)) == {f"mark{number}n"}
