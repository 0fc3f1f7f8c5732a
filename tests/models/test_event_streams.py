"""What a server sends for a streamed answer is read in whatever way it is written."""

import gzip
import json
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage

from models.chat import open_chat_model
from models.errors import (
    ContextTooLong,
    CutReply,
    MalformedReply,
    ModelError,
    Refused,
    ServerFailed,
)
from models.provider import endpoint_chat
from models.provider.ask import Question, ask
from models.provider.endpoint import close_client
from models.provider.event_stream import events
from models.provider.learned import Learned
from models.tokens import open_counter
from tests.support.models.model_settings import settings
from tests.support.servers.openai_server import Fault, OpenAIServer, Raw, Reply

HI = json.dumps({"choices": [{"index": 0, "delta": {"content": "Hi \U0001f600"}}]})
STOP = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
WHOLE = {
    "choices": [{"index": 0, "message": {"content": "Hi \U0001f600"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
}
STREAM = f"data: {HI}\n\ndata: {STOP}\n\ndata: [DONE]\n\n"
JSON = {"content-type": "application/json"}
ANSWERS: dict[str, Raw] = {
    "as it should be": Raw(STREAM),
    "without a reason of its end": Raw(f"data: {HI}\n\ndata: [DONE]\n\n"),
    "without an end": Raw(f"data: {HI}\n\ndata: {STOP}\n\n"),
    "no spaces": Raw(STREAM.replace("data: ", "data:")),
    "other ends of lines": Raw(STREAM.replace("\n", "\r\n")),
    "old ends of lines": Raw(STREAM.replace("\n", "\r")),
    "no lines between": Raw(STREAM.replace("\n\n", "\n")),
    "a mark in front": Raw(STREAM.encode("utf-8-sig")),
    "comments": Raw(
        f": OPENROUTER PROCESSING\n\n{STREAM.replace('data', ': ping' + chr(10) + 'data')}"
    ),
    "names and numbers": Raw(STREAM.replace("data", "id: 1\nevent: completion\nretry: 5\ndata")),
    "empty events": Raw(f"event: ping\ndata: {{}}\n\ndata:\n\n{STREAM}"),
    "more behind its end": Raw(f"{STREAM}data: so\n\n"),
    "lines of JSON": Raw(f"{HI}\n{STOP}\n"),
    "lines of JSON behind another": Raw(f'{{"type": "start"}}\n{HI}\n{STOP}\n'),
    "events over several lines": Raw(STREAM.replace("[{", "\ndata: [{", 1)),
    "an end named in each part": Raw(STREAM.replace('"}}', '"}, "finish_reason": "stop"}')),
    "not streamed": Raw(json.dumps(WHOLE), headers=JSON),
    "not streamed, over many lines": Raw(json.dumps(WHOLE, indent=2), headers=JSON),
    "not streamed, as one event": Raw(f"data: {json.dumps(WHOLE)}\n\n"),
    "compressed": Raw(gzip.compress(STREAM.encode()), headers={"content-encoding": "gzip"}),
    "broken off behind its end": Raw(f"data: {HI}\n\ndata: {STOP}\n\n", breaks=True),
}
ERRORS: dict[str, tuple[Raw, type[ModelError], str]] = {
    "broken off": (Raw(f"data: {HI}\n\n", breaks=True), CutReply, "broke off"),
    "no end": (Raw(f"data: {HI}\n\n"), CutReply, "broke off"),
    "an error as the answer": (
        Raw('{"error": {"message": "no model is loaded"}}', headers=JSON),
        ServerFailed,
        "no model is loaded",
    ),
    "an error of another form": (
        Raw('{"success": false, "code": 400, "msg": "unheard of"}'),
        Refused,
        "unheard of",
    ),
    "an event of its own": (
        Raw('event: error\ndata: {"message": "the context was exceeded"}\n\n'),
        ContextTooLong,
        "longer than this model can read",
    ),
    "a page": (
        Raw("<!DOCTYPE html>\n<style>p {}</style><p>Sign in\nto go on</p>"),
        MalformedReply,
        r"\(Sign in to go on\): is OPENAI_BASE_URL right",
    ),
    "the page of a proxy": (
        Raw("<html><head></head><body><h1>Bad\nGateway</h1></body></html>", 502),
        ServerFailed,
        r"failed \(Bad Gateway\)",
    ),
    "nothing": (Raw(""), MalformedReply, "not in the form"),
}


@pytest.fixture
async def model(openai_server: OpenAIServer) -> AsyncIterator[BaseChatModel]:
    opened = open_chat_model(settings(openai_server, model_retries=0, model_timeout=60))
    yield opened
    await close_client(opened)


async def asked(model: BaseChatModel, learned: Learned | None = None, **more: Any) -> AIMessage:
    question = Question([HumanMessage("Hello?")], max_tokens=50, talks=True, **more)
    return await ask(model, question, learned or Learned(), open_counter("offline"))


async def test_an_answer_is_read_however_it_is_written(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    for case, raw in ANSWERS.items():
        openai_server.answers(raw)
        assert (await asked(model)).text == "Hi \U0001f600", case


async def test_what_is_no_answer_is_told_in_the_words_of_the_server(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    for raw, kind, says in ERRORS.values():
        openai_server.answers(raw)
        with pytest.raises(kind, match=says) as caught:
            await asked(model)
        assert str(caught.value).endswith((".", "?")) and "\n" not in str(caught.value)


async def test_a_connection_that_stays_open_behind_the_end_is_not_waited_for(
    openai_server: OpenAIServer, model: BaseChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_chat, "_AFTER_END", 0.1)
    openai_server.answers(Raw(f"data: {HI}\n\ndata: {STOP}\n\n", stays=20))
    begun = monotonic()
    assert (await asked(model)).text
    assert monotonic() - begun < 10


async def test_a_model_that_may_not_be_streamed_is_asked_for_whole_answers(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(
        Fault(400, "Your organization must be verified to stream this model."),
        Reply("All at once."),
        Reply(None, tool_calls=(("look", {"at": "it"}),)),
    )
    learned = Learned()
    assert (await asked(model, learned)).text == "All at once."
    tool = {"name": "look", "description": "Look.", "parameters": {"type": "object"}}
    assert (await asked(model, learned, tools=[tool])).tool_calls[0]["args"] == {"at": "it"}
    assert [bool(body.get("stream")) for body in openai_server.requests] == [True, False, False]


async def test_a_refusal_that_only_quotes_the_request_does_not_end_streaming(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    refusal = Fault(400, "Unknown field in {'model': 'x', 'stream': True}.")
    openai_server.default, learned = lambda body: refusal, Learned()
    with pytest.raises(Refused, match="Unknown field"):
        await asked(model, learned)
    openai_server.default = lambda body: Reply("Hi")
    assert (await asked(model, learned)).text
    assert openai_server.requests[-1]["stream"]


async def test_a_call_in_a_whole_answer_is_carried_out_as_any(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    openai_server.answers(Raw(json.dumps(whole), headers=JSON))
    tool = {"name": "look", "description": "Look.", "parameters": {"type": "object"}}
    assert [made["name"] for made in (await asked(model, tools=[tool])).tool_calls] == ["look"]


async def test_lines_are_read_in_parts_of_any_size() -> None:
    async def bit_by_bit() -> AsyncIterator[bytes]:
        for byte in STREAM.replace("\n", "\r\n").encode():
            yield bytes([byte])

    read = b"".join([event async for event in events(bit_by_bit())])
    assert read.decode() == STREAM
