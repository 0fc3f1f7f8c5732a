"""Embeddings: the built-in model, any other, and each text embedded once."""

import asyncio
import math
import subprocess
import sys
import threading

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from models.embeddings.cache import OncePerText
from models.embeddings.local import LocalEmbeddings, SentenceEncoder, WordLlamaEmbeddings
from models.embeddings.open import open_embeddings
from models.errors import MalformedReply, ModelSettingsError, RateLimited
from tests.support.models.model_settings import settings
from tests.support.servers.openai_server import Fault, OpenAIServer


@pytest.fixture(scope="module", params=[WordLlamaEmbeddings, SentenceEncoder])
def built_in(request: pytest.FixtureRequest) -> LocalEmbeddings:
    model: LocalEmbeddings = request.param()
    return model


class Counted(Embeddings):
    """Embeds a text as its length, slowly, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = False

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += texts
        if self.fails:
            raise TimeoutError
        return [[float(len(text)), 0.1] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        await asyncio.sleep(0.02)
        return self.embed_documents(texts)

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]


def test_built_in_vectors_have_length_one_and_like_texts_are_alike(
    built_in: LocalEmbeddings,
) -> None:
    rows = built_in.matrix(["I adopted a dog", "my puppy", "the stock market fell"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.1


@pytest.mark.parametrize("text", ["", " ", "🙂", "\n\n", "broken \ud83d emoji", "字" * 5000])
def test_odd_texts_have_vectors_without_nan(built_in: LocalEmbeddings, text: str) -> None:
    vector = built_in.embed_query(text)
    assert len(vector) == built_in.dimensions
    assert all(math.isfinite(x) for x in vector)


def test_a_text_has_the_same_vector_alone_and_among_others(built_in: LocalEmbeddings) -> None:
    texts = [f"sentence number {n} " + "and more words " * (n % 40) for n in range(200)]
    together = built_in.matrix(texts)
    assert np.allclose(together[137], built_in.matrix([texts[137]])[0], atol=1e-5)


def test_who_embeds_many_texts_keeps_nobody_else_waiting(built_in: LocalEmbeddings) -> None:
    built_in.embed_query("The weights are read with the first text.")
    texts = [f"text {n} about tea and milk, and the weather in town" for n in range(1500)]
    many = threading.Thread(target=built_in.matrix, args=(texts,))
    many.start()
    answered = 0
    while many.is_alive():
        built_in.embed_query(f"What do I drink? {answered}")
        answered += 1
    assert answered > 3


@pytest.mark.deep
async def test_many_texts_do_not_hold_up_the_event_loop(built_in: LocalEmbeddings) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await built_in.aembed_documents(["some words of a longer message " * 20] * 500)
    ticking.cancel()
    assert ticks > 2


def test_loading_the_built_in_model_leaves_the_logging_alone() -> None:
    program = (
        "import logging; from models.embeddings.local import WordLlamaEmbeddings;"
        "WordLlamaEmbeddings();"
        "print(logging.getLogger().handlers, logging.getLogger().level)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[] 30"


async def test_a_text_is_embedded_once_in_a_row_and_at_the_same_time() -> None:
    inner = Counted()
    once = OncePerText(inner)
    both = await asyncio.gather(once.aembed_query("peanuts"), once.aembed_query("peanuts"))
    again = await once.aembed_query("peanuts")
    assert [*both, again] == [[7.0, 0.1]] * 3
    assert inner.asked == ["peanuts"]
    assert once.calls == 1


async def test_only_texts_not_yet_known_or_asked_for_are_requested() -> None:
    inner = Counted()
    once = OncePerText(inner)
    first = asyncio.create_task(once.aembed_documents(["a", "bb"]))
    await asyncio.sleep(0)
    assert await once.aembed_documents(["bb", "ccc", "bb"]) == [[2.0, 0.1], [3.0, 0.1], [2.0, 0.1]]
    assert await first == [[1.0, 0.1], [2.0, 0.1]]
    assert sorted(inner.asked) == ["a", "bb", "ccc"]
    assert once.embed_documents(["a"]) == [[1.0, 0.1]]
    assert once.calls == 2


async def test_who_asked_first_may_leave_while_another_still_waits() -> None:
    inner = Counted()
    once = OncePerText(inner)
    first = asyncio.create_task(once.aembed_query("text"))
    second = asyncio.create_task(once.aembed_query("text"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == [4.0, 0.1]
    assert inner.asked == ["text"]


async def test_a_failed_request_is_not_remembered() -> None:
    inner = Counted()
    once = OncePerText(inner)
    inner.fails = True
    for _ in range(2):
        with pytest.raises(Exception, match="did not answer in time"):
            await once.aembed_query("text")
    inner.fails = False
    assert await once.aembed_query("text") == [4.0, 0.1]


async def test_the_cache_is_bounded_and_keeps_what_was_used_last() -> None:
    inner = Counted()
    once = OncePerText(inner, size=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await once.aembed_query(text)
    assert inner.asked == ["a", "b", "c", "b"]


async def test_a_vector_handed_out_can_be_changed_without_harm() -> None:
    once = OncePerText(Counted())
    (await once.aembed_query("a")).clear()
    assert await once.aembed_query("a") == [1.0, 0.1]


async def test_a_slow_foreign_model_is_given_up_after_a_while() -> None:
    with pytest.raises(Exception, match="did not answer"):
        await OncePerText(Counted(), timeout=0.001).aembed_query("a")


async def test_too_few_vectors_are_noticed() -> None:
    class Short(Counted):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return super().embed_documents(texts)[1:]

    with pytest.raises(MalformedReply, match="1 vectors for 2 texts"):
        await OncePerText(Short()).aembed_documents(["a", "b"])


async def test_the_built_in_model_is_the_default() -> None:
    model = await open_embeddings(settings())
    assert (model.name, model.dimensions, model.in_process) == ("use-multilingual", 512, True)
    assert len(await model.embeddings.aembed_query("hello")) == 512


async def test_a_foreign_model_tells_its_dimensions_and_gets_each_text_once_as_text(
    openai_server: OpenAIServer,
) -> None:
    openai_server.dimensions = 12
    model = await open_embeddings(settings(openai_server, embeddings="openai:tiny"))
    assert (model.name, model.dimensions, model.in_process) == ("openai:tiny", 12, False)
    before = len(openai_server.embedded)
    await asyncio.gather(*(model.embeddings.aembed_query("Where do I live?") for _ in range(5)))
    assert openai_server.embedded[before:] == [["Where do I live?"]]
    await model.aclose()


async def test_errors_of_a_foreign_model_are_model_errors(openai_server: OpenAIServer) -> None:
    model = await open_embeddings(settings(openai_server, embeddings="openai:tiny"))
    openai_server.embedding_faults.append(Fault(429, "slow down", headers={"retry-after": "3"}))
    with pytest.raises(RateLimited, match="try again in 3 s"):
        await model.embeddings.aembed_query("hello")
    await model.aclose()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("minilm", 'use use-multilingual or wordllama, or "provider:model"'),
        ("nonesuch:model", "Provider 'nonesuch' is not supported"),
        ("cohere:embed", "pip install langchain-cohere"),
        ("azure_openai:embed", "cannot be opened: Missing credentials"),
        ("huggingface:folder", "pip install langchain-huggingface sentence-transformers"),
    ],
)
async def test_a_model_that_cannot_be_opened_is_said_in_one_sentence(
    openai_server: OpenAIServer, name: str, says: str
) -> None:
    with pytest.raises(ModelSettingsError, match="MNEMO_EMBEDDINGS") as caught:
        await open_embeddings(settings(openai_server, embeddings=name))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_an_embeddings_server_that_fails_is_named_when_opened(
    openai_server: OpenAIServer,
) -> None:
    openai_server.embedding_faults.append(Fault(404, "no such model"))
    with pytest.raises(ModelSettingsError, match=r"MNEMO_EMBEDDINGS=openai:tiny .*no such model"):
        await open_embeddings(settings(openai_server, embeddings="openai:tiny"))


async def test_a_model_of_openai_needs_a_key() -> None:
    with pytest.raises(ModelSettingsError, match="OPENAI_API_KEY is not set"):
        await open_embeddings(settings(embeddings="openai:text-embedding-3-small"))


def test_a_text_that_was_embedded_is_kept_by_no_model() -> None:
    """Each text is embedded once, and kept by who asked: thousands of them must not add up."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from models.embeddings.local import WordLlamaEmbeddings\n"
        "model = WordLlamaEmbeddings()\n"
        "def pages():\n"
        "    return int(Path('/proc/self/statm').read_text().split()[1])\n"
        "def embed(first, last):\n"
        "    said = [f'I planted tree {n} in garden {n * n}.' * 3 for n in range(first, last)]\n"
        "    model.matrix(said)\n"
        "embed(0, 100)\n"
        "before = pages()\n"
        "for first in range(1_000, 6_000, 100):\n"
        "    embed(first, first + 100)\n"
        "print(pages() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=240
    )
    assert int(done.stdout) * 4_096 < 10_000_000
