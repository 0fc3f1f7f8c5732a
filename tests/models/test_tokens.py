"""Token counts are the provider's own, for any text, from any process."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from models.tokens import TokenCounter, encoding_name, open_counter

TEXTS = [
    "",
    " ",
    "Hello, world!",
    "Ich heiße Jürgen und wohne in Köln.",
    "Je m'appelle Zoë, j'ai 32 ans.",
    "Меня зовут Анна, я живу в Москве.",
    "我叫王伟，我对花生过敏。",
    "私の名前は花子です。東京に住んでいます。",
    "اسمي ليلى وأعيش في القاهرة.",
    "मेरा नाम रवि है।",
    "내 이름은 민수입니다.",
    "👩‍👩‍👧‍👦 family 🇩🇪 flag 🤷🏽‍♀️",
    "def f(x):\n\treturn x ** 2  # comment\n\n\n",
    "e\u0301 and é",
    "zero\u200bwidth \u202eright to left",
]


@pytest.fixture(scope="module")
def counter() -> TokenCounter:
    return open_counter("gpt-4o")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
def test_counts_equal_those_of_tiktoken(model: str, text: str) -> None:
    reference = tiktoken.get_encoding(open_counter(model).encoding.name)
    assert open_counter(model).text(text) == len(reference.encode(text))


BREAKS = st.sampled_from(list("\n\r/ \t.-'a1\u2028\u0085\x0b\x1c"))


opened = cache(open_counter)


@given(st.text(BREAKS | st.characters(exclude_categories=["Cs"]), max_size=40))
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
def test_lines_counted_apart_make_the_count_of_the_whole(model: str, text: str) -> None:
    counter = opened(model)
    assert counter.text(text) == len(counter.encoding.encode_ordinary(text))


def test_the_vocabularies_are_those_of_the_provider(counter: TokenCounter) -> None:
    assert counter.encoding.encode("tiktoken is great!") == [83, 8251, 2488, 382, 2212, 0]
    assert open_counter("gpt-4").encoding.encode("tiktoken is great!") == [
        83, 1609, 5963, 374, 2294, 0,
    ]  # fmt: skip


def test_special_tokens_in_a_text_count_as_text(counter: TokenCounter) -> None:
    assert counter.text("<|endoftext|>") > 1


def test_lone_surrogates_are_counted_not_refused(counter: TokenCounter) -> None:
    assert counter.text("broken \ud83d emoji") > 2


@pytest.mark.parametrize("text", [" " * 1_000_000, "\n" * 300_000, "ab" * 150_000])
def test_very_long_monotonous_texts_are_counted(counter: TokenCounter, text: str) -> None:
    assert counter.text(text) >= len(text) // 128


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], 3),
        ([HumanMessage("hello")], 3 + 3 + 1 + 1),
        ([SystemMessage("hello"), AIMessage("hello")], 3 + 2 * (3 + 1 + 1)),
        ([HumanMessage("hello", name="Bob")], 3 + 3 + 1 + 1 + 1 + 1),
        ([HumanMessage([{"type": "text", "text": "hello"}])], 3 + 3 + 1 + 1),
    ],
)
def test_prompts_cost_what_the_chat_format_adds(
    counter: TokenCounter, messages: list[BaseMessage], expected: int
) -> None:
    assert counter.prompt(messages) == expected


def test_tool_calls_and_their_results_are_counted(counter: TokenCounter) -> None:
    call = {"name": "search_memory", "args": {"query": "peanuts"}, "id": "call-1"}
    assert counter.message(AIMessage("", tool_calls=[call])) > counter.message(AIMessage("")) + 5
    assert counter.message(ToolMessage("found", tool_call_id="call-1")) > 5


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("openai:gpt-4.1-mini", "o200k_base"),
        ("openai/gpt-4o-mini", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-oss-20b", "o200k_harmony"),
        ("llama3.2:3b", "o200k_base"),
        ("davinci", "o200k_base"),
        ("offline", "o200k_base"),
    ],
)
def test_every_model_name_has_an_encoding(model: str, encoding: str) -> None:
    assert encoding_name(model) == encoding


_COUNT = """
import sys
from pathlib import Path
from models.tokens import open_counter
print(open_counter("gpt-4", Path(sys.argv[1])).text("hello world"))
"""


@pytest.mark.deep
def test_several_processes_may_unpack_at_once_and_a_broken_file_is_replaced(
    tmp_path: Path,
) -> None:
    open_counter("gpt-4", tmp_path)
    (vocabulary,) = tmp_path.iterdir()
    vocabulary.write_bytes(b"half a fi")
    nowhere = os.environ | {"HTTPS_PROXY": "http://127.0.0.1:9", "TIKTOKEN_CACHE_DIR": ""}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", _COUNT, str(tmp_path)], stdout=subprocess.PIPE, env=nowhere
        )
        for _ in range(3)
    ]
    assert [run.communicate()[0].strip() for run in runs] == [b"2"] * 3
    assert [path.name for path in tmp_path.iterdir()] == [vocabulary.name]
