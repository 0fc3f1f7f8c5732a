"""What a refusal taught is tried again before it is believed, and given up where it had passed."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from models.chat import open_chat_model
from models.errors import ContextTooLong, Refused
from models.provider.ask import Question, ask
from models.provider.endpoint import close_client
from models.provider.learned import Learned
from models.tokens import open_counter
from tests.support.models.model_settings import settings
from tests.support.servers.openai_server import Behaviour, Body, Fault, OpenAIServer, Raw, Reply

TOOL = {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


@pytest.fixture
async def model(openai_server: OpenAIServer) -> AsyncIterator[BaseChatModel]:
    opened = open_chat_model(settings(openai_server, model_timeout=60))
    yield opened
    await close_client(opened)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time pass at once after which what was learned is tried again."""
    monkeypatch.setattr("models.provider.learned.AGAIN", 0.0)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many minutes pass for what was learned."""
    now = [1e6]
    monkeypatch.setattr("models.provider.learned.monotonic", lambda: now[0])

    def pass_minutes(minutes: float) -> None:
        now[0] += 60 * minutes

    return pass_minutes


async def asked(model: BaseChatModel, learned: Learned, said: Any = "word " * 300) -> AIMessage:
    prompt = [SystemMessage("Be kind."), HumanMessage(said)]
    question = Question(prompt, max_tokens=50, talks=True, tools=[TOOL], temperature=0.0)
    return await ask(model, question, learned, open_counter("offline"))


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    ("says", "field"),
    [
        ("Invalid message: 'Which tools do I need?'", "tools"),
        ("Upstream fault while reading max_tokens", "max_tokens"),
        ("Cannot parse 'what is the temperature in Rome'", "temperature"),
        ("Bad gateway near stream_options", "stream_options"),
    ],
)
async def test_a_refusal_that_passed_takes_nothing_away(
    openai_server: OpenAIServer, model: BaseChatModel, says: str, field: str
) -> None:
    learned = Learned()
    openai_server.answers(Fault(400, says))
    for _ in range(2):
        assert (await asked(model, learned)).text
    assert [field in body for body in openai_server.requests] == [True, False, True]
    assert not learned.refused and "takes no" not in learned.said()


async def test_what_is_refused_again_later_is_tried_ever_more_rarely(
    openai_server: OpenAIServer, model: BaseChatModel, passes: Callable[[float], None]
) -> None:
    def toolless(body: Body) -> Behaviour:
        return Fault(400, "This model has no tools") if "tools" in body else Reply("Hi")

    openai_server.default, learned = toolless, Learned()
    tried_after = []
    for minute in range(160):
        before = len(openai_server.requests)
        await asked(model, learned)
        if "tools" in openai_server.requests[before]:
            tried_after.append(minute)
        passes(1)
    assert tried_after == [0, 10, 30, 70, 150]
    openai_server.default = lambda body: Reply("Hi")
    passes(170)
    await asked(model, learned)
    assert "tools" in openai_server.requests[-1], "nothing is left out for good"


async def test_what_is_tried_again_is_not_said_to_be_refused(
    openai_server: OpenAIServer, model: BaseChatModel, passes: Callable[[float], None]
) -> None:
    openai_server.answers(Fault(400, "This model has no tools"))
    learned = Learned()
    await asked(model, learned)
    assert "takes no tools" in learned.said()
    passes(11)
    assert "takes no" not in learned.said()


async def test_a_length_that_was_named_is_tried_again(
    openai_server: OpenAIServer, model: BaseChatModel, passes: Callable[[float], None]
) -> None:
    learned = Learned("x", window=5_000)
    openai_server.answers(Fault(400, "The prompt exceeds the context length of 300 tokens"))
    with pytest.raises(ContextTooLong):
        await asked(model, learned)
    assert learned.limit(6_000) == 300 and "300" in learned.said()
    passes(11)
    assert learned.limit(6_000) == 5_000 and "300" not in learned.said()


async def test_what_one_refusal_taught_is_kept_to_for_a_while(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Fault(400, "This model has no tools"))
    learned = Learned()
    for _ in range(3):
        await asked(model, learned)
    assert ["tools" in body for body in openai_server.requests] == [True, False, False, False]


async def test_what_a_refusal_still_names_when_it_was_not_sent_is_not_its_reason(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    says = "'messages.1': for 'role:user' the field 'content' has to be plain"

    def textual(body: Body) -> Behaviour:
        return Fault(400, says) if "image_url" in str(body["messages"]) else Reply("Hi")

    openai_server.default, learned = textual, Learned()
    assert (await asked(model, learned, [{"type": "text", "text": "Who is this?"}, IMAGE])).text
    assert not learned.refused
    await asked(model, learned)
    assert openai_server.requests[-1]["messages"][0]["role"] == "system"


async def test_a_value_that_must_be_text_means_the_images(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    says = "for 'role:user' must be satisfied[('messages.1.content' : value must be a string)]"

    def textual(body: Body) -> Behaviour:
        return Fault(400, says) if "image_url" in str(body["messages"]) else Reply("Hi")

    openai_server.default, learned = textual, Learned()
    assert (await asked(model, learned, [{"type": "text", "text": "Who is this?"}, IMAGE])).text
    assert set(learned.refused) == {"parts"} and len(openai_server.requests) == 2


QUOTED = 'It\'s in my\nnotes: "the context length is 300 tokens", and what temperature it has'


@pytest.mark.parametrize("quote", [str, repr, json.dumps])
async def test_what_a_refusal_quotes_of_a_message_teaches_nothing(
    openai_server: OpenAIServer, model: BaseChatModel, quote: Callable[[str], str]
) -> None:
    said = f"{QUOTED} {'word ' * 400}"
    says = f"Input should be a valid string [input_value=[{{'text': {quote(said)[:90]}...image_url"

    def textual(body: Body) -> Behaviour:
        return Fault(400, says) if "image_url" in str(body["messages"]) else Reply("Hi")

    openai_server.default, learned = textual, Learned()
    for _ in range(2):
        assert (await asked(model, learned, [{"type": "text", "text": said}, IMAGE])).text
    assert learned.limit(6_000) == 6_000 and "temperature" in openai_server.requests[-1]
    assert set(learned.refused) <= {"parts"}


async def test_what_an_error_quotes_in_a_field_of_its_own_teaches_nothing(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    tool = {"type": "function", "function": TOOL}
    detail = {"loc": ["body", "messages", 1], "msg": "Bad value", "input": [tool]}
    openai_server.answers(Raw(json.dumps({"detail": [detail]}), 422), "Hi")
    learned = Learned()
    learned.clears({"tools", "usage_report"})
    assert (await asked(model, learned)).text
    assert "tools" in openai_server.requests[-1]


async def test_a_name_that_a_message_mentions_is_not_taken_for_that_of_a_bound(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    said = "Please explain to me what max_completion_tokens means"
    openai_server.answers(Fault(400, f"Invalid message: '{said}'"))
    assert (await asked(model, Learned(), said)).text
    assert "max_tokens" in openai_server.requests[-1]


async def test_what_stands_in_an_address_is_not_refused(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    openai_server.answers(Fault(400, "Invalid JSON, see https://example.com/docs/temperature"))
    assert (await asked(model, Learned())).text
    assert "temperature" in openai_server.requests[-1]


@pytest.mark.usefixtures("later")
async def test_refusals_in_vain_do_not_end_the_search_for_a_reason(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    learned = Learned()
    openai_server.default = lambda body: Fault(400, "not ready")
    with pytest.raises(Refused):
        await asked(model, learned)
    openai_server.default = lambda body: (
        Fault(400, "Bad Request") if "stream_options" in body else Reply("Hi")
    )
    assert (await asked(model, learned)).text == "Hi"


@pytest.mark.usefixtures("later")
async def test_a_server_that_gets_another_model_is_learned_anew(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    learned = Learned()
    assert (await asked(model, learned)).text
    openai_server.default = lambda body: (
        Fault(400, "Bad Request") if "tools" in body else Reply("Hi")
    )
    assert (await asked(model, learned)).text == "Hi"


@pytest.mark.usefixtures("later")
async def test_a_length_that_was_guessed_is_given_up_again(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    learned = Learned("x", window=5_000)
    openai_server.answers(Fault(413, "request entity too large"))
    with pytest.raises(ContextTooLong):
        await asked(model, learned)
    assert learned.limit(6_000) == 5_000


async def test_streaming_is_tried_again(
    openai_server: OpenAIServer, model: BaseChatModel, passes: Callable[[float], None]
) -> None:
    learned = Learned()
    openai_server.answers(Fault(400, "upstream stream fault"), Reply("All at once."))
    for _ in range(2):
        assert (await asked(model, learned)).text
    passes(11)
    await asked(model, learned)
    streamed = [bool(body.get("stream")) for body in openai_server.requests]
    assert streamed == [True, False, False, True]


@pytest.mark.parametrize(
    "says",
    [
        "bad stream",
        "stream tools temperature max_tokens system role image alternate function stream_options",
    ],
)
async def test_a_server_that_refuses_everything_is_asked_a_handful_of_times(
    openai_server: OpenAIServer, model: BaseChatModel, says: str
) -> None:
    openai_server.default = lambda body: Fault(400, says)
    with pytest.raises(Refused):
        await asked(model, Learned(), [{"type": "text", "text": "Who is this?"}, IMAGE])
    assert len(openai_server.requests) <= 6


async def test_the_last_try_leaves_out_all_that_can_be_missed(
    openai_server: OpenAIServer, model: BaseChatModel
) -> None:
    def bare(body: Body) -> Behaviour:
        more = {"tools", "stream_options", "temperature"} & body.keys()
        odd = more or body["messages"][0]["role"] == "system" or "image_url" in str(body)
        return Fault(400, "Bad Request") if odd else Reply("Hi")

    openai_server.default, learned = bare, Learned()
    assert (await asked(model, learned, [{"type": "text", "text": "Who is this?"}, IMAGE])).text
    assert len(openai_server.requests) <= 6 and not learned.refused
