"""Whatever a model server streams ends in an answer or in one sentence, and nothing of it harms."""

from collections.abc import AsyncIterator
from time import thread_time
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage

from models.chat import open_chat_model
from models.errors import (
    ContentFiltered,
    ContextTooLong,
    CutReply,
    EmptyReply,
    MalformedReply,
    ModelError,
    QuotaExhausted,
    ServerFailed,
    TimedOut,
)
from models.provider import endpoint_chat
from models.provider.ask import Question, ask
from models.provider.endpoint import close_client
from models.provider.learned import Learned
from models.provider.replies import was_cut
from models.tokens import open_counter
from tests.support.models.model_settings import settings
from tests.support.servers.openai_server import Events, Fault, OpenAIServer

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
"""The client's own, of answers in another form."""


def part(delta: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    """Return an event of a stream."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice], **more}


def text(said: str) -> dict[str, Any]:
    return part({"content": said})


def call(arguments: Any, name: str = "search_memory") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return part({"tool_calls": [{"index": 0, "id": "i", "function": function}]})


def more_of_call(arguments: str) -> dict[str, Any]:
    return part({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})


def piece(arguments: str, **more: str) -> dict[str, Any]:
    """Return a piece of a call without its index; only the first says more."""
    name = {"name": "search_memory"} if more else {}
    return part({"tool_calls": [{**more, "function": {**name, "arguments": arguments}}]})


HI = text("Hi")
END = part(finish="stop"), "[DONE]"
CALLED = part(finish="tool_calls"), "[DONE]"


@pytest.fixture
async def model(openai_server: OpenAIServer) -> AsyncIterator[BaseChatModel]:
    opened = open_chat_model(settings(openai_server, model_retries=0, model_timeout=60))
    yield opened
    await close_client(opened)


async def asked(model: BaseChatModel, learned: Learned | None = None) -> AIMessage:
    question = Question([HumanMessage("word " * 300)], max_tokens=50, talks=True)
    return await ask(model, question, learned or Learned(), open_counter("offline"))


USAGE = [
    {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
    {"prompt_tokens": "7", "completion_tokens": "x", "total_tokens": "8"},
    {"prompt_tokens": -7, "completion_tokens": -1, "total_tokens": -8},
    {"prompt_tokens": 7.5, "completion_tokens": 1.5, "total_tokens": 9},
    {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": "x"},
    {},
    [1],
    "none",
]
WITH_ANSWER: dict[str, tuple[Any, ...]] = {
    **{f"usage {each}": (HI, END[0], part(choices=[], usage=each), "[DONE]") for each in USAGE},
    "no choices": ({"id": "c"}, part(choices=[]), part(choices=None), HI, *END),
    "what Azure found in a prompt": (
        {"id": "", "object": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        HI,
        part(choices=[{"index": 0, "finish_reason": None, "content_filter_results": {}}]),
        *END,
    ),
    "no delta": (part(choices=[{"index": 0}]), HI, *END),
    "no content": (part({"content": None}), HI, *END),
    "another role": (part({"role": "user", "content": "Hi"}), *END),
    "a role unknown": (part({"role": "model"}), HI, *END),
    "calls that are none": (part({"content": "Hi", "tool_calls": None}), *END),
    "no reason of its end": (HI, "[DONE]"),
    "an empty reason of its end": (HI, part(finish=""), "[DONE]"),
    "an end that is not named": (HI, part(finish="eos")),
    "a whole message behind its parts": (
        text("H"),
        text("i"),
        part(choices=[{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]),
        "[DONE]",
    ),
    "whole messages for parts": (
        part(choices=[{"index": 0, "message": {"content": "H"}}]),
        part(choices=[{"index": 0, "message": {"content": "i"}}]),
        *END,
    ),
    "a whole message": (part(choices=[{"index": 0, "message": {"content": "Hi"}}]), *END),
    "nothing now and then": ("", "{}", HI, "", *END),
    "two endings": (HI, part(finish="stop"), *END),
    "blocks of text": (part({"content": [{"type": "output_text", "text": "H"}]}), text("i"), *END),
    "a block alone": (part({"content": {"type": "text", "text": "Hi"}}), *END),
    "a thought in blocks": (
        part({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
        part({"content": [{"type": "text", "text": "<think>hm</think>Hi"}]}),
        *END,
    ),
    "thoughts as a list": (part({"reasoning": ["hm"]}), HI, *END),
    "thoughts in halves": (
        part({"reasoning_content": "hm \ud83d"}),
        part({"reasoning_content": "\ude00"}),
        HI,
        *END,
    ),
}


async def test_an_answer_is_read_whatever_stands_around_it(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    learned = Learned()
    for case, events in WITH_ANSWER.items():
        openai_server.answers(Events(events))
        assert (await asked(model, learned)).text == "Hi", case
        assert learned.factor == 1, case


WITHOUT: list[tuple[tuple[Any, ...], type[ModelError]]] = [
    ((HI,), CutReply),
    ((HI, part(finish="")), CutReply),
    ((HI, part(finish="error"), "[DONE]"), CutReply),
    ((HI, part(finish="insufficient_system_resource"), "[DONE]"), CutReply),
    ((HI, part(finish="network_error"), "[DONE]"), CutReply),
    ((HI, part(finish=["stop"]), "[DONE]"), MalformedReply),
    ((HI, part(finish="sensitive"), "[DONE]"), ContentFiltered),
    ((part(finish="SAFETY"), "[DONE]"), ContentFiltered),
    ((part(finish="refusal"), "[DONE]"), ContentFiltered),
    ((HI, part(choices=[None]), *END), MalformedReply),
    ((HI, part(choices="no"), *END), MalformedReply),
    ((HI, part("Hi"), *END), MalformedReply),
    ((HI, part({"tool_calls": [None]}), *END), MalformedReply),
    ((HI, part({"tool_calls": [{"index": 0, "id": "a"}]}), *END), MalformedReply),
    ((HI, part({"function_call": "x"}), *END), MalformedReply),
    ((HI, "7", *END), MalformedReply),
    ((HI, "null", *END), MalformedReply),
    ((HI, '[{"error": {"message": "no"}}]'), MalformedReply),
    ((HI, '{"error": "out of memory"}'), ServerFailed),
    ((HI, '{"error": {"message": "Overloaded", "code": "overloaded"}}'), ServerFailed),
    ((HI, '{"object": "error", "message": "prompt is too long", "code": 400}'), ContextTooLong),
    ((text(" \n\u00a0\u200b\ufeff"), *END), EmptyReply),
    ((text("<think>hm"), text(" hm"), *END), EmptyReply),
    ((part({"reasoning_content": "hm"}), *END), EmptyReply),
    ((part(finish="model_context_window_exceeded"), "[DONE]"), ContextTooLong),
    ((), MalformedReply),
    (({"choices": None, "base_resp": {"status_msg": "insufficient balance"}},), QuotaExhausted),
    (({"choices": None, "base_resp": {"status_msg": "out of memory"}}, "[DONE]"), ServerFailed),
]


async def test_what_is_no_answer_is_one_sentence(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    for events, kind in WITHOUT:
        openai_server.answers(Events(events))
        with pytest.raises(ModelError) as caught:
            await asked(model)
        assert type(caught.value) is kind, events
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value), events


CALLS = [
    ((call({"query": "x"}),), "x"),
    ((call('{"query": "x",}'),), "x"),
    ((call("{'query': 'x'}"),), "x"),
    ((call('```json\n{"query": "x"}\n```'),), "x"),
    ((part({"function_call": {"name": "search_memory", "arguments": '{"query": "x"}'}}),), "x"),
    ((piece('{"que', id="i"), piece('ry": "x"}')), "x"),
    ((call('{"query": "a \ud83d'), more_of_call('\ude00 b"}')), "a \U0001f600 b"),
    ((call('{"query": "a \\ud83d b"}'),), "a \ufffd b"),
    ((call('{"query": "a\\u0000b"}'),), "ab"),
]


async def test_a_reply_that_is_all_thought_is_said_to_be_one(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    for thought in ({"reasoning_content": "hm"}, {"reasoning": "hm"}, {"content": "<think>hm"}):
        openai_server.answers(Events((part(thought), *END)))
        with pytest.raises(EmptyReply, match="only thought aloud"):
            await asked(model)


async def test_a_call_is_read_however_it_is_written_and_its_halves_of_characters_are_joined(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    for parts, query in CALLS:
        openai_server.answers(Events((*parts, *CALLED)))
        assert (await asked(model)).tool_calls[0]["args"] == {"query": query}


@pytest.mark.parametrize("name", ["functions.forget_memory", "forget_memoryforget_memory"])
async def test_a_call_is_of_the_tool_whose_name_stands_in_its_own(
    openai_server: OpenAIServer, model: BaseChatModel, name: str
) -> None:
    parameters = {"type": "object", "properties": {}}
    tools = [{"name": f"{verb}_memory", "parameters": parameters} for verb in ("search", "forget")]
    openai_server.answers(Events((call('{"query": "x"}', name), *CALLED)))
    question = Question([HumanMessage("Forget x")], max_tokens=50, talks=True, tools=tools)
    answer = await ask(model, question, Learned(), open_counter("offline"))
    assert [made["name"] for made in answer.tool_calls] == ["forget_memory"]


async def test_thoughts_in_blocks_are_shown_apart(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    block = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    openai_server.answers(Events((part({"content": [block]}), HI, *END)))
    parts = [each async for each in model.astream("Hello?")]
    assert "".join(str(each.content) for each in parts) == "Hi"
    aloud = [each.additional_kwargs.get("reasoning_content", "") for each in parts]
    assert "".join(aloud) == "hm"


@pytest.mark.parametrize("nothing", [{"name": "", "arguments": ""}, {"name": None}, {}])
async def test_an_empty_call_beside_a_reply_is_none(
    openai_server: OpenAIServer, model: BaseChatModel, nothing: dict[str, Any]
) -> None:
    openai_server.answers(Events((text("Hi"), part({"function_call": nothing}), *END)))
    answer = await asked(model)
    assert answer.text == "Hi" and not answer.tool_calls


async def test_usage_that_is_reported_with_each_part_is_counted_once(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    counts = [{"prompt_tokens": 310, "completion_tokens": n, "total_tokens": 0} for n in (1, 2, 3)]
    openai_server.answers(Events((*(text("Hi") | {"usage": each} for each in counts), *END)))
    usage = (await asked(model)).usage_metadata
    assert usage and (usage["input_tokens"], usage["output_tokens"]) == (310, 3)


async def test_parts_that_say_nothing_are_silence(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Events((part({"content": ""}), 0.05), again=10_000))
    model.patience = 0.2  # type: ignore[attr-defined]  # of an endpoint's model
    with pytest.raises(TimedOut, match=r"within 0\.2 s"):
        await asked(model)


async def test_an_answer_without_end_is_cut(
    openai_server: OpenAIServer, model: BaseChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_chat, "LONGEST", 1_000)
    openai_server.answers(Events((text("x " * 100),), again=10_000))
    reply = await asked(model)
    assert len(reply.text) < 1_000
    assert reply.response_metadata["finish_reason"] == "length"


async def test_an_answer_that_filled_the_context_is_cut(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Events((HI, part(finish="model_context_window_exceeded"), "[DONE]")))
    assert was_cut(await asked(model))


async def test_a_prompt_that_fills_the_context_is_made_shorter(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Events((part(finish="model_context_window_exceeded"), "[DONE]")))
    learned = Learned()
    with pytest.raises(ContextTooLong):
        await asked(model, learned)
    assert learned.limit(6_000) < 350


@pytest.mark.deep
async def test_a_long_answer_costs_no_more_for_each_part_than_a_short_one(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Events((text("word " * 4_000), *[text("or so ")] * 1_000, *END)))
    begun = thread_time()
    reply = await asked(model)
    assert reply.text.endswith("or so") and len(reply.text) > 20_000
    assert thread_time() - begun < 6, "seconds; some 20 where each part is a look at them all"


async def test_a_bound_is_sent_by_the_name_that_the_server_knows(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    says = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    openai_server.answers(Fault(400, says))
    for _ in range(2):
        assert (await asked(model)).text
    sent = [set(body) & {"max_tokens", "max_completion_tokens"} for body in openai_server.requests]
    assert sent == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]


async def test_a_server_that_reports_no_usage_is_not_asked_for_it_again(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Fault(400, "Unrecognized request argument supplied: stream_options"))
    learned = Learned()
    for _ in range(2):
        assert (await asked(model, learned)).text
    assert ["stream_options" in body for body in openai_server.requests] == [True, False, False]
