"""Whatever goes wrong with a model server is one clear sentence, and one kind of error."""

import asyncio
from collections.abc import AsyncIterator

import openai
import pytest
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI

from models.chat import open_chat_model
from models.errors import (
    ContentFiltered,
    ContextTooLong,
    CutReply,
    EmptyReply,
    MalformedReply,
    ModelError,
    QuotaExhausted,
    RateLimited,
    Refused,
    ServerFailed,
    TimedOut,
    Unreachable,
)
from models.provider.calls import as_model_errors
from models.provider.endpoint import close_client
from models.provider.errors import translate
from models.provider.replies import check_reply, was_cut
from tests.support.models.model_settings import settings
from tests.support.servers.openai_server import Behaviour, Fault, OpenAIServer, Reply, too_long


@pytest.fixture
async def model(openai_server: OpenAIServer) -> AsyncIterator[BaseChatModel]:
    opened = open_chat_model(settings(openai_server, model_timeout=1))
    yield opened
    await close_client(opened)


async def asked(model: BaseChatModel, *, stream: bool) -> BaseMessage:
    with as_model_errors():
        if not stream:
            reply: BaseMessage = await model.ainvoke("Hello?")
        else:
            chunks = [chunk async for chunk in model.astream("Hello?")]
            whole = chunks[0]
            for chunk in chunks[1:]:
                whole += chunk
            reply = whole
    check_reply(reply)
    return reply


FAULTS: list[tuple[Behaviour, type[ModelError]]] = [
    (Fault(429, "slow down"), RateLimited),
    (Fault(429, "You exceeded your current quota", "insufficient_quota"), QuotaExhausted),
    (Fault(402, "Insufficient credits"), QuotaExhausted),
    (Fault(500, "boom"), ServerFailed),
    (Fault(503, "overloaded"), ServerFailed),
    (Fault(401, "Incorrect API key provided: sk-abcdef"), Refused),
    (Fault(403, "not in your country"), Refused),
    (Fault(404, "model 'x' not found, try pulling it first"), Refused),
    (Fault(400, "temperature is not supported"), Refused),
    (too_long(), ContextTooLong),
    (Fault(413, "request entity too large"), ContextTooLong),
    (Fault(400, "flagged by moderation", "content_policy_violation"), ContentFiltered),
    (Reply("", finish_reason="content_filter"), ContentFiltered),
    (Reply("", finish_reason="length"), CutReply),
    (Reply(""), EmptyReply),
    (Reply("  \n"), EmptyReply),
    (Reply("x", malformed=True), MalformedReply),
    (Reply("late", delay=3), TimedOut),
    (Fault(500, "late", delay=3), TimedOut),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("behaviour", "kind"), FAULTS)
async def test_every_fault_has_its_error(
    openai_server: OpenAIServer,
    model: BaseChatModel,
    behaviour: Behaviour,
    kind: type[ModelError],
    stream: bool,
) -> None:
    openai_server.answers(behaviour)
    with pytest.raises(ModelError) as caught:
        await asked(model, stream=stream)
    assert type(caught.value) is kind
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    assert "sk-abcdef" not in said


@pytest.mark.parametrize("fault", ["cut_after", "end_after"])
async def test_a_stream_that_breaks_off_is_no_reply(
    openai_server: OpenAIServer, model: BaseChatModel, fault: str
) -> None:
    openai_server.answers(Reply("one two three four", **{fault: 2}))  # type: ignore[arg-type]  # by name
    with pytest.raises(CutReply):
        await asked(model, stream=True)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"message": "overloaded", "code": 503}, ServerFailed),
        ({"message": "Rate limit exceeded", "code": 429}, RateLimited),
        ({"message": "too long", "code": "context_length_exceeded"}, ContextTooLong),
        ({"message": "exceeds the context window"}, ContextTooLong),
    ],
)
async def test_an_error_in_the_middle_of_a_stream_is_told_like_any_other(
    openai_server: OpenAIServer, model: BaseChatModel, event: dict[str, object], kind: type
) -> None:
    openai_server.answers(Reply("one two", error_event=event))
    with pytest.raises(kind):
        await asked(model, stream=True)


async def test_what_was_streamed_before_a_cut_was_seen(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Reply("one two three four", cut_after=2, delay=0.02))
    seen = ""
    with pytest.raises(CutReply), as_model_errors():
        async for chunk in model.astream("Hello?"):
            seen += str(chunk.text)
    assert seen == "one two"


async def test_a_refusal_of_the_model_is_content_withheld(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Reply(None, refusal="I will not."))
    with pytest.raises(ContentFiltered):
        await asked(model, stream=False)


async def test_a_rate_limit_says_when_to_try_again(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Fault(429, "slow down", headers={"retry-after": "7"}))
    with pytest.raises(RateLimited, match="try again in 7 s"):
        await asked(model, stream=True)


async def test_a_timeout_says_how_long_was_waited(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Reply("late", delay=3))
    with pytest.raises(TimedOut, match=r"did not answer within 1 s; your message is kept"):
        await asked(model, stream=False)


async def test_a_server_that_is_not_there_is_named() -> None:
    nowhere = settings(
        openai_base_url="http://127.0.0.1:9/v1", chat_model="x", model_retries=0, model_timeout=1
    )
    model = open_chat_model(nowhere)
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9/v1.*OPENAI_BASE_URL"):
        await asked(model, stream=True)
    await close_client(model)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_good_reply_says_what_it_cost(
    openai_server: OpenAIServer, model: BaseChatModel, stream: bool
) -> None:
    openai_server.answers(Reply("four words of reply"))
    reply = await asked(model, stream=stream)
    assert reply.text == "four words of reply"
    assert isinstance(reply, AIMessage)
    assert reply.usage_metadata
    assert reply.usage_metadata["input_tokens"] == 1
    assert reply.usage_metadata["output_tokens"] == 4


async def test_a_reply_cut_at_its_length_limit_is_kept_and_known(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Reply("half a", finish_reason="length"))
    assert was_cut(await asked(model, stream=True))


async def test_a_call_of_a_tool_needs_no_text(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Reply(None, tool_calls=(("search", {"query": "x"}),)))
    reply = await asked(model, stream=True)
    assert isinstance(reply, AIMessage)
    assert reply.tool_calls[0]["args"] == {"query": "x"}


async def test_a_passing_fault_is_tried_again(openai_server: OpenAIServer) -> None:
    model = open_chat_model(settings(openai_server, model_retries=1))
    openai_server.answers(Fault(429, "slow down", headers={"retry-after": "0.05"}), "There.")
    assert (await asked(model, stream=True)).text == "There."
    await close_client(model)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, "no credit", "insufficient_quota"),
        Fault(429, "come back tomorrow", headers={"retry-after": "90"}),
    ],
)
async def test_what_waiting_cannot_mend_is_not_tried_again(
    openai_server: OpenAIServer, fault: Fault
) -> None:
    model = open_chat_model(settings(openai_server, model_retries=3))
    openai_server.answers(fault)
    with pytest.raises(ModelError):
        await asked(model, stream=True)
    assert len(openai_server.requests) == 1
    await close_client(model)


def test_errors_that_are_not_a_providers_pass_unchanged() -> None:
    for error in (ValueError("x"), KeyError("y"), TypeError("z"), RuntimeError("w")):
        assert translate(error) is None
        with pytest.raises(type(error)), as_model_errors():
            raise error


async def test_giving_up_is_not_an_error_of_the_model(openai_server: OpenAIServer) -> None:
    patient = open_chat_model(settings(openai_server, model_timeout=60))
    openai_server.answers(Reply("late", delay=5))
    task = asyncio.create_task(asked(patient, stream=True))
    await openai_server.asked(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await close_client(patient)


async def test_giving_up_just_as_a_part_arrives_is_giving_up_too(
    openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = open_chat_model(settings(openai_server, model_timeout=60))
    parts = asyncio.Queue[ChatGenerationChunk]()

    async def scripted(*args: object, **kwargs: object) -> AsyncIterator[ChatGenerationChunk]:
        while True:
            yield await parts.get()

    monkeypatch.setattr(ChatOpenAI, "_astream", scripted)
    task = asyncio.create_task(asked(patient, stream=True))
    await asyncio.sleep(0.05)
    parts.put_nowait(ChatGenerationChunk(message=AIMessageChunk(content="so")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2)
    await close_client(patient)


def test_an_error_that_was_translated_is_not_translated_again() -> None:
    error = EmptyReply("nothing")
    assert translate(error) is error


def test_errors_of_other_providers_are_known_by_langchains_names() -> None:
    assert isinstance(translate(ModelRateLimitError("later")), RateLimited)
    assert isinstance(translate(openai.OpenAIError("strange")), MalformedReply)


def test_replies_of_models_that_name_no_reason_are_complete() -> None:
    check_reply(AIMessage("done"))
    check_reply(AIMessage("done", response_metadata={"stop_reason": "end_turn"}))
    check_reply(
        AIMessage("done", response_metadata={"model_provider": "openai", "status": "completed"})
    )
    check_reply(AIMessageChunk(content="done"))
    with pytest.raises(ContentFiltered):
        details = {"incomplete_details": {"reason": "content_filter"}, "status": "incomplete"}
        check_reply(AIMessage("", response_metadata=details))
