"""Which models the settings mean, and that one sentence says what is missing."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from langchain.chat_models import base as langchain_chat_models
from langchain_openai import ChatOpenAI

from domain.records import Said, Turn
from models.chat import DEFAULT_CHAT_MODEL, PROVIDERS, chat_model_name, open_chat_model
from models.errors import ModelSettingsError
from models.memory.llm import LanguageMemory
from models.offline.chat import OfflineChatModel
from models.open import open_models
from models.provider.ollama import find_ollama
from service.ops.doctor import check_character_models
from tests.support.models.model_settings import settings
from tests.support.servers.openai_server import OpenAIServer

AT = datetime(2026, 5, 8, tzinfo=UTC)
SAID = Said(id="u", role="user", text="I live in Rome.", at=AT)
TURNS = [Turn(id="1" * 32, parent=None, thread="t", at=AT, messages=(SAID,))]


async def test_without_any_settings_the_offline_model_is_opened() -> None:
    models = await open_models(settings())
    assert models.chat.offline
    assert models.chat.name == models.memory_name == "offline"
    assert isinstance(models.chat.model, OfflineChatModel)
    assert models.memory.extractive
    assert models.embeddings.name == "use-multilingual"
    await models.aclose()


async def test_chat_and_memory_are_models_of_their_own(openai_server: OpenAIServer) -> None:
    models = await open_models(settings(openai_server, chat_model="big", memory_model="small"))
    assert (models.chat.name, models.memory_name, models.chat.offline) == ("big", "small", False)
    assert isinstance(models.memory, LanguageMemory)
    await models.chat.model.ainvoke("Hello?")
    await models.memory.model.ainvoke("Hello?")
    assert [body["model"] for body in openai_server.requests] == ["big", "small"]
    assert models.extractive.extractive
    await models.aclose()


async def test_the_chat_model_does_the_memory_work_where_none_is_named(
    openai_server: OpenAIServer,
) -> None:
    models = await open_models(settings(openai_server))
    assert models.memory_name == "test-model"
    await models.aclose()


async def test_a_character_may_have_a_model_of_its_own(
    openai_server: OpenAIServer, tmp_path: Path
) -> None:
    file = tmp_path / "characters.toml"
    file.write_text('[ada]\nmodel = "large"\n[bo]\nmodel = "large"\n[mira]\nmodel = "offline"\n')
    models = await open_models(settings(openai_server, characters_file=file))
    assert models.of("ada") is models.of("bo")
    assert [models.of(id).name for id in ("ada", "mira", "anybody")] == [
        "large", "offline", "test-model",
    ]  # fmt: skip
    await models.of("ada").model.ainvoke("Hello?")
    assert openai_server.requests[-1]["model"] == "large"
    await models.aclose()


async def test_a_characters_model_that_cannot_be_opened_is_named_with_its_place(
    tmp_path: Path,
) -> None:
    file = tmp_path / "characters.toml"
    file.write_text('[ada]\nmodel = "cohere:command-r"\n')
    chosen = settings(characters_file=file)
    with pytest.raises(ModelSettingsError, match=r"characters\.toml: ada\.model=cohere:command-r"):
        await open_models(chosen)
    [row] = await check_character_models(chosen)
    assert row.state == "fail" and "ada.model=cohere:command-r" in row.text


@pytest.mark.parametrize("part", ["chat", "memory"])
async def test_either_part_can_stay_offline(openai_server: OpenAIServer, part: str) -> None:
    models = await open_models(settings(openai_server, **{f"{part}_model": "offline"}))
    assert models.chat.offline == (part == "chat")
    assert models.memory.extractive
    await models.aclose()


async def test_a_server_of_ones_own_needs_no_key(openai_server: OpenAIServer) -> None:
    model = open_chat_model(settings(openai_server))
    assert (await model.ainvoke("Hello?")).text == "Hello there."
    assert openai_server.headers[-1]["authorization"].startswith("Bearer ")
    assert isinstance(model, ChatOpenAI)
    await model.http_async_client.aclose()  # type: ignore[union-attr]  # ours, so it has one


async def test_the_key_is_sent_where_one_is_set(openai_server: OpenAIServer) -> None:
    model = open_chat_model(settings(openai_server, openai_api_key="my-key"))
    await model.ainvoke("Hello?")
    assert openai_server.headers[-1]["authorization"] == "Bearer my-key"
    await model.http_async_client.aclose()  # type: ignore[attr-defined]  # a ChatOpenAI


def test_a_key_alone_means_the_default_model_of_openai() -> None:
    model = open_chat_model(settings(openai_api_key="my-key"))
    assert isinstance(model, ChatOpenAI)
    assert model.model_name == DEFAULT_CHAT_MODEL
    assert model.openai_api_base == "https://api.openai.com/v1"


def test_models_of_openai_that_can_answer_without_thinking_do() -> None:
    key = settings(openai_api_key="my-key", chat_model="gpt-5.4-mini")
    model = open_chat_model(key)
    assert isinstance(model, ChatOpenAI)
    assert (model.reasoning_effort, model.use_responses_api) == ("none", False)
    plain = open_chat_model(key.model_copy(update={"chat_model": "gpt-4.1"}))
    assert isinstance(plain, ChatOpenAI)
    assert plain.reasoning_effort is None


def test_an_address_without_a_model_asks_for_its_name() -> None:
    with pytest.raises(ModelSettingsError, match=r"http://127\.0\.0\.1:1/v1.*MNEMO_CHAT_MODEL"):
        chat_model_name(settings(openai_base_url="http://127.0.0.1:1/v1"))


def test_a_model_of_openai_without_a_key_asks_for_it() -> None:
    with pytest.raises(ModelSettingsError, match=r"MNEMO_CHAT_MODEL.*OPENAI_API_KEY is not set"):
        open_chat_model(settings(chat_model="gpt-4.1"))


def test_another_provider_without_its_package_says_how_to_get_it() -> None:
    with pytest.raises(ModelSettingsError, match="pip install langchain-anthropic"):
        open_chat_model(settings(chat_model="anthropic:claude"))
    with pytest.raises(ModelSettingsError, match=r"^MNEMO_MEMORY_MODEL=groq:x needs"):
        open_chat_model(settings(memory_model="groq:x"), "memory")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("openai:gpt-x", "gpt-x"),
        ("llama3.2:3b", "llama3.2:3b"),
        ("meta-llama/llama-3:free", "meta-llama/llama-3:free"),
        ("ft:gpt-4.1:me::id", "ft:gpt-4.1:me::id"),
    ],
)
async def test_a_colon_in_a_models_name_is_no_provider(
    openai_server: OpenAIServer, name: str, sent: str
) -> None:
    model = open_chat_model(settings(openai_server, chat_model=name))
    await model.ainvoke("Hello?")
    assert openai_server.requests[-1]["model"] == sent
    await model.http_async_client.aclose()  # type: ignore[attr-defined]  # a ChatOpenAI


def test_every_provider_of_langchain_is_known() -> None:
    known = langchain_chat_models._BUILTIN_PROVIDERS
    assert [name for name in known if not PROVIDERS.fullmatch(name)] == []


async def test_models_open_without_holding_up_the_event_loop() -> None:
    opening = asyncio.create_task(open_models(settings()))
    longest, before = 0.0, asyncio.get_running_loop().time()
    while not opening.done():
        await asyncio.sleep(0.001)
        now = asyncio.get_running_loop().time()
        longest, before = max(longest, now - before), now
    await (await opening).aclose()
    assert longest < 0.5


async def test_no_work_of_a_model_blocks_the_event_loop(openai_server: OpenAIServer) -> None:
    with blockbuster_ctx():
        online = await open_models(settings(openai_server, embeddings="openai:tiny"))
        offline = await open_models(settings())
        for models in (online, offline):
            assert (await models.chat.model.ainvoke("Where do I live?")).text
            assert [chunk async for chunk in models.chat.model.astream("Hello?")]
            assert await models.memory.summarize(TURNS, before=None, max_tokens=60)
            assert await models.embeddings.embeddings.aembed_query("Hello?")
            await models.aclose()
        await find_ollama(timeout=1, address=openai_server.url)


OLLAMA = {
    "models": [
        {"name": "nomic-embed-text:latest", "details": {"family": "nomic-bert"}},
        {"name": "llama3.2:3b", "details": {"family": "llama"}},
    ]
}


async def test_ollama_is_found_with_a_model_that_can_talk(openai_server: OpenAIServer) -> None:
    openai_server.tags = OLLAMA
    line = await find_ollama(timeout=2, address=openai_server.url)
    assert line == (
        f"OPENAI_BASE_URL={openai_server.url}/v1 MNEMO_CHAT_MODEL=llama3.2:3b mnemo chat"
    )


@pytest.mark.parametrize("tags", [None, {}, {"models": []}, {"models": OLLAMA["models"][:1]}])
async def test_no_ollama_or_none_that_talks_is_nothing_to_mention(
    openai_server: OpenAIServer, tags: dict[str, object] | None
) -> None:
    openai_server.tags = tags
    assert await find_ollama(timeout=2, address=openai_server.url) is None


async def test_nothing_listening_is_no_ollama() -> None:
    assert await find_ollama(address="http://127.0.0.1:9") is None
