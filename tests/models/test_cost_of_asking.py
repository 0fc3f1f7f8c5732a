"""What it takes to ask a model grows little with the prompt and with the reply."""

import cProfile
import pstats
from collections.abc import Sequence

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from models.chat import open_chat_model
from models.provider.ask import Question, ask
from models.provider.endpoint import close_client
from models.provider.endpoint_chat import EndpointChat
from models.provider.learned import Learned
from models.tokens import open_counter
from tests.support.models.model_settings import settings
from tests.support.servers.openai_server import OpenAIServer, Reply

MESSAGE, PART = 100, 500
"""Calls of functions that may come with one more; the SDK's walks through types took 1,300 and 600
more. Calls are counted, since they depend on no other program as seconds do."""


async def calls(model: EndpointChat, messages: Sequence[BaseMessage]) -> int:
    """Return how many functions are called while a model is asked."""
    learned, tokens = Learned("m"), open_counter("m")
    profile = cProfile.Profile()
    profile.enable()
    try:
        await ask(model, Question(messages, max_tokens=1_000, talks=True), learned, tokens)
    finally:
        profile.disable()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("openai_server")
async def test_one_more_message_and_one_more_part_take_few_calls(
    openai_server: OpenAIServer,
) -> None:
    model = open_chat_model(settings(openai_server, model_retries=0))
    assert isinstance(model, EndpointChat)
    said = [HumanMessage("Hi"), AIMessage("Hello"), HumanMessage("And now?")]

    def replies(words: int) -> None:
        openai_server.answers(Reply(" ".join(["word"] * words)))

    replies(10)
    await calls(model, said)  # imports, and opens the connection
    replies(10)
    few = await calls(model, said)
    replies(10)
    long_prompt = await calls(model, [*said[:2] * 21, said[2]])
    replies(110)
    long_reply = await calls(model, said)
    await close_client(model)
    print((long_prompt - few) / 40, (long_reply - few) / 100)
    assert (long_prompt - few) / 40 <= MESSAGE
    assert (long_reply - few) / 100 <= PART
