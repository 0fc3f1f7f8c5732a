"""What a person said elsewhere becomes their memory: with its dates, once, branches and all."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from service.importing.bring_in import bring_in
from service.importing.formats import read_file
from service.importing.shapes import FileRefused
from tests.support.house import backend
from tests.support.servers.app_alone import Alone, Serve, serve

__all__ = ["backend", "serve"]

NOW = datetime(2026, 5, 8, tzinfo=UTC)


def node(id: str, parent: str | None, role: str, text: str, at: float | None) -> dict[str, Any]:
    message = {
        "author": {"role": role},
        "create_time": at,
        "content": {"content_type": "text", "parts": [text]},
    }
    return {"id": id, "parent": parent, "children": [], "message": message if role else None}


CHATGPT = [
    {
        "title": "Pets",
        "conversation_id": "c1",
        "create_time": 1_700_000_000.0,
        "current_node": "a2b",
        "mapping": {
            "root": {"id": "root", "parent": None, "children": ["s"], "message": None},
            "s": node("s", "root", "system", "You are helpful.", 1_700_000_000.0),
            "u1": node("u1", "s", "user", "My dog is called Biscuit.", 1_700_000_001.0),
            "a1": node("a1", "u1", "assistant", "A lovely name!", 1_700_000_002.0),
            "u2": node("u2", "a1", "user", "He eats fish.", 1_700_000_003.0),
            "a2": node("a2", "u2", "assistant", "Fish is healthy.", 1_700_000_004.0),
            "u2b": node("u2b", "a1", "user", "He eats rice.", 1_700_000_005.0),
            "a2b": node("a2b", "u2b", "assistant", "Rice is fine.", 1_700_000_006.0),
        },
    }
]
CLAUDE = [
    {
        "uuid": "k1",
        "name": "Bees",
        "created_at": "2025-03-01T10:00:00.000000Z",
        "chat_messages": [
            {
                "uuid": "m1",
                "sender": "human",
                "text": "",
                "content": [{"type": "text", "text": "I keep bees."}],
                "created_at": "2025-03-01T10:00:00.000000Z",
            },
            {
                "uuid": "m2",
                "sender": "assistant",
                "text": "How many hives?",
                "created_at": "2025-03-01T10:00:09.000000Z",
            },
        ],
    }
]
OPENAI_LINES = "\n".join(
    json.dumps(line)
    for line in (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "I sail boats.", "timestamp": "2024-06-01T08:00:00"},
        {"role": "assistant", "content": [{"type": "text", "text": "Where?"}]},
    )
)
LANGCHAIN = "\n".join(
    json.dumps({"type": kind, "data": {"content": text, "type": kind}})
    for kind, text in (("human", "I paint."), ("ai", "What do you paint?"))
)
MEM0 = {"results": [{"id": "1", "memory": "Likes rye bread", "created_at": "2025-01-02T00:00:00Z"}]}
LANGMEM = [{"namespace": ["m"], "key": "k", "value": {"content": {"content": "Plays the oboe"}}}]


def written(folder: Path, value: Any) -> Path:
    file = folder / "file.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return file


async def imported(alone: Alone, kind: Any, file: Path) -> dict[str, Any]:
    parts = alone.serving.parts
    done = await bring_in(parts, Owner("alex"), read_file(kind, file, NOW), lambda count: None)
    shown = await alone.get("/memory/alex/default/transcript")
    return {"done": done, "turns": shown["items"], "all": json.dumps(shown)}


@pytest.mark.parametrize(
    ("kind", "content", "said", "at"),
    [
        ("chatgpt", CHATGPT, "My dog is called Biscuit.", "2023-11-14"),
        ("claude", CLAUDE, "I keep bees.", "2025-03-01"),
        ("messages", OPENAI_LINES, "I sail boats.", "2024-06-01"),
        ("messages", LANGCHAIN, "I paint.", "2026-05-08"),
        ("messages", [{"messages": [{"role": "user", "content": "I ski."}]}], "I ski.", "2026"),
    ],
)
async def test_a_conversation_from_elsewhere_is_remembered_with_its_dates_and_once(
    serve: Serve, tmp_path: Path, kind: str, content: Any, said: str, at: str
) -> None:
    async with serve() as alone:
        file = written(tmp_path, content)
        first = await imported(alone, kind, file)
        assert said in first["all"] and f'"at": "{at}' in first["all"]
        again = await imported(alone, kind, file)
        assert again["turns"] == first["turns"] and again["done"].turns == 0
        found = await alone.get("/memory/alex/default/search", q=said)
        assert any(said.rstrip(".") in item["text"] for item in found["items"])


async def test_notes_that_nobody_answered_are_all_kept(serve: Serve, tmp_path: Path) -> None:
    async with serve() as alone:
        notes = [{"role": "user", "content": f"Note {number}."} for number in range(250)]
        kept = await imported(alone, "messages", written(tmp_path, [{"messages": notes}]))
        assert kept["done"].turns == 3
        assert [f"Note {n}." for n in range(250) if f'"Note {n}."' not in kept["all"]] == []


async def test_every_branch_of_a_chat_is_kept(serve: Serve, tmp_path: Path) -> None:
    async with serve() as alone:
        kept = await imported(alone, "chatgpt", written(tmp_path, CHATGPT))
        assert "He eats fish." in kept["all"] and "He eats rice." in kept["all"]
        assert kept["all"].count("A lovely name!") == 1
        assert kept["done"].turns == 3 and "You are helpful." not in kept["all"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (MEM0, "Likes rye bread"),
        (LANGMEM, "Plays the oboe"),
        ([{"memory": "Is a nurse", "created_at": "0001-01-01T00:00:00Z"}], "Is a nurse"),
    ],
)
async def test_facts_of_another_memory_are_facts_here(
    serve: Serve, tmp_path: Path, content: Any, text: str
) -> None:
    async with serve() as alone:
        file = written(tmp_path, content)
        for facts in (1, 0):
            assert (await imported(alone, "facts", file))["done"].facts == facts
        listed = await alone.get("/memory/alex/default/facts")
        assert [fact["text"] for fact in listed["items"]] == [text]
        url = f"/memory/alex/default/facts/{listed['items'][0]['id']}"
        assert (await alone.client.delete(url)).status_code == 204
        assert (await imported(alone, "facts", file))["done"].facts == 0
        anew = written(tmp_path, [{"memory": text, "created_at": "2999-01-01T00:00:00Z"}])
        for facts in (1, 0):
            assert (await imported(alone, "facts", anew))["done"].facts == facts


@pytest.mark.parametrize(
    ("kind", "content", "named"),
    [
        ("chatgpt", [{"title": "x"}], "record 1"),
        ("chatgpt", "no json", "Line 1"),
        ("chatgpt", '[\n {"mapping": {\n  "a": {"id"', "Line 3"),
        ("messages", '{"role": "user", "content": "Hi."}\n{"role": "as', "Line 2"),
        ("claude", {"chat_messages": 3}, "record 1"),
        ("messages", [3], "record 1"),
        ("messages", ["abc"], "record 1"),
        ("facts", [{"id": 1}], "record 1"),
        ("facts", "7", "no list"),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_place(
    tmp_path: Path, kind: Any, content: Any, named: str
) -> None:
    with pytest.raises(FileRefused, match=named):
        read_file(kind, written(tmp_path, content), NOW)


def test_a_profile_is_told_as_facts_and_what_tells_nothing_is_named(tmp_path: Path) -> None:
    content = {
        "name": "Ann",
        "age": 34,
        "nickname": None,
        "languages": ["Norwegian", "German"],
        "home": {"city": "Oslo", "pets": [{"name": "Biscuit"}]},
    }
    deep: Any = "oboe"
    for _ in range(500):
        deep = {"a": deep}
    records = [
        {"key": "a", "value": {"kind": "UserProfile", "content": content}},
        {"key": "b", "value": {"kind": "UserProfile", "content": {"name": None}}},
        {"key": "c", "value": {"favourite": "rye bread"}},
        {"key": "d", "value": {"kind": "Memory", "content": {"content": "Plays the oboe"}}},
        {"key": "e", "value": {"content": deep}},
        7,
    ]
    read = read_file("facts", written(tmp_path, records), NOW)
    assert [statement.text for statement in read.statements[:-1]] == [
        *("name: Ann", "age: 34", "languages: Norwegian, German"),
        *("home city: Oslo", "home pets name: Biscuit"),
        *("favourite: rye bread", "Plays the oboe"),
    ]
    assert read.statements[-1].text.endswith("a: oboe")
    assert read.unread == ["record 2", "record 6"]


def langchain(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "data": {"content": text, "type": kind}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            [langchain("ai", "4"), langchain("human", "3"), langchain("ai", "2"),
             langchain("human", "1")], "1234", id="as Redis lists them"),
        pytest.param(
            [langchain("ai", "1") | {"timestamp": 1e9}, langchain("human", "2")], "12", id="dated"),
        pytest.param([langchain("ai", "1"), langchain("human", "2"), langchain("ai", "3")], "123",
                     id="a greeting first"),
        pytest.param([{"role": "assistant", "content": "1"}, {"role": "user", "content": "2"}],
                     "12", id="OpenAI's"),
        pytest.param([langchain("human", "1"), langchain("AIMessageChunk", "2")], "12",
                     id="streamed"),
        pytest.param(
            [{"lc": 1, "type": "constructor", "kwargs": {"content": text, "type": kind}}
             for kind, text in (("human", "1"), ("ai", "2"))], "12", id="dumped"),
    ],
)  # fmt: skip
def test_every_form_of_langchains_messages_is_read_oldest_first(
    tmp_path: Path, content: Any, said: str
) -> None:
    (chat,) = read_file("messages", written(tmp_path, content), NOW).chats
    assert "".join(message.text for message in chat.messages.values()) == said


def test_pages_of_an_answer_are_read_as_one_file(tmp_path: Path) -> None:
    pages = [{"results": [{"memory": text}], "next": None} for text in ("Sings", "Paints")]
    for content in (pages, "\n".join(map(json.dumps, pages))):
        read = read_file("facts", written(tmp_path, content), NOW)
        assert [statement.text for statement in read.statements] == ["Sings", "Paints"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_a_file_is_read_as_windows_writes_it(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "file.json"
    file.write_bytes('[{"memory": "Hört gern zu"}]'.encode(encoding))
    assert read_file("facts", file, NOW).statements[0].text == "Hört gern zu"


@pytest.mark.parametrize(
    ("when", "year"),
    [("1700000000", 2023), ("1700000000.5", 2023), ("20240101", 2024), (0, 2026), ("0", 2026)],
)
def test_a_date_is_read_as_programs_write_it(tmp_path: Path, when: Any, year: int) -> None:
    content = [{"memory": "Sings", "created_at": when}]
    assert read_file("facts", written(tmp_path, content), NOW).statements[0].at.year == year


def test_a_chat_that_goes_in_circles_ends(tmp_path: Path) -> None:
    nodes = {"a": node("a", "b", "user", "Hi", 1.0), "b": node("b", "a", "assistant", "Ho", 2.0)}
    chats = read_file("chatgpt", written(tmp_path, [{"mapping": nodes}]), NOW).chats
    assert chats == []


def test_odd_parts_of_chatgpts_export_are_passed_over_and_the_rest_is_read(tmp_path: Path) -> None:
    nodes: Any = {
        "root": {"id": "root", "parent": None, "message": None},
        "gone": None,
        "hidden": node("hidden", "root", "user", "About me: secret", 1.0),
        "u1": node("u1", "hidden", "user", "Draw a cat.", 2.0),
        "call": node("call", "u1", "assistant", '{"prompt": "cat"}', 3.0),
        "tool": node("tool", "call", "tool", "done", 4.0),
        "thought": node("thought", "tool", "assistant", "", 5.0),
        "a1": node("a1", "thought", "assistant", "Here it is.", 6.0),
        "u2": node("u2", "a1", "user", "", 7.0),
        "a2": node("a2", "u2", "assistant", "A cat indeed.", 8.0),
        "lost": node("lost", "nowhere", "user", "Where am I?", 9.0),
    }
    nodes["hidden"]["message"]["metadata"] = {"is_visually_hidden_from_conversation": True}
    nodes["call"]["message"]["recipient"] = "t2uay3k.sj1i4kz"
    nodes["a1"]["message"]["recipient"] = "all"
    nodes["thought"]["message"]["content"] = {"content_type": "thoughts", "thoughts": [{}]}
    nodes["u2"]["message"] |= {"create_time": None}
    nodes["u2"]["message"]["content"]["parts"] = [
        {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"},
        {"content_type": "audio_transcription", "text": "Is this it?"},
        None,
    ]
    export = [
        {"conversation_id": "c", "create_time": 1.0, "current_node": "gone", "mapping": nodes},
        {"conversation_id": "deleted", "title": None, "mapping": None},
        {"conversation_id": "empty", "mapping": {}},
    ]
    (chat,) = read_file("chatgpt", written(tmp_path, export), NOW).chats
    assert {m.text: m.parent for m in chat.messages.values()} == {
        "Draw a cat.": None,
        "Here it is.": "u1",
        "Is this it?": "a1",
        "A cat indeed.": "u2",
        "Where am I?": None,
    }


def test_odd_parts_of_claudes_export_are_passed_over_and_the_rest_is_read(tmp_path: Path) -> None:
    def said(id: str, sender: str, parent: str, text: str, *parts: Any) -> dict[str, Any]:
        return {"uuid": id, "sender": sender, "text": text, "content": list(parts),
                "parent_message_uuid": parent, "created_at": "2025-03-01T10:00:00Z"}  # fmt: skip

    root = "00000000-0000-4000-8000-000000000000"
    unsupported = "This block is not supported on your current device yet."
    called: Any = ({"type": "tool_use", "input": {}}, {"type": "tool_result", "content": [{}]})
    export = [
        {
            "uuid": "k",
            "current_leaf_message_uuid": "m4",
            "chat_messages": [
                said(
                    "m2", "assistant", "m1", unsupported, *called, {"type": "text", "text": "Two."}
                ),
                said("m1", "human", root, "How many bees?"),
                said("m3", "human", "m2", "And wasps?"),
                said("m4", "assistant", "m3", "", {"type": "thinking", "thinking": "Hm."}),
                said("n1", "human", root, "How many hives?"),
                None,
            ],
        },
        {"uuid": "deleted", "name": "", "chat_messages": []},
        {"uuid": "gone", "name": "", "chat_messages": None},
    ]
    (chat,) = read_file("claude", written(tmp_path, export), NOW).chats
    assert chat.last == "m3"
    assert {m.text: m.parent for m in chat.messages.values()} == {
        "How many bees?": None,
        "Two.": "m1",
        "And wasps?": "m2",
        "How many hives?": None,
    }


async def test_files_of_messages_that_begin_alike_are_each_brought_in(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve() as alone:
        hello = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi!"}]
        for name in ({}, {"thread": "t"}):
            for text in ("I keep bees.", "I sail boats.", "I keep bees."):
                lines = [line | name for line in [*hello, {"role": "user", "content": text}]]
                kept = await imported(alone, "messages", written(tmp_path, lines))
            (later,) = [{"role": "user", "content": "I paint."} | name]
            kept = await imported(alone, "messages", written(tmp_path, [later]))
            count = 2 if name else 1
            for text in ("I keep bees.", "I sail boats.", "I paint."):
                assert kept["all"].count(text) == count, text


@pytest.mark.parametrize("names", [("alex", "alex"), ("Anna", "Anna"), ("Alex", "Anna")])
async def test_what_the_user_said_under_a_name_is_forgotten_as_said_by_the_user(
    serve: Serve, tmp_path: Path, names: tuple[str, str]
) -> None:
    texts = ("My dog is called Biscuit.", "I sail boats.")
    lines = [
        {"role": "user", "content": text, "name": name}
        for text, name in zip(texts, names, strict=True)
    ]
    async with serve() as alone:
        kept = await imported(alone, "messages", written(tmp_path, lines))
        assert ('"name": "Anna"' in kept["all"]) is (len(set(names)) == 2)
        await alone.say("Please forget my dog.")
        (report,) = await alone.say("What is my dog called?", thread="another")
        assert "Biscuit" not in report.reply


def test_a_message_without_a_date_is_of_when_it_was_answered_to(tmp_path: Path) -> None:
    told = datetime(2024, 5, 31, 16, tzinfo=UTC)
    lines = [
        {"role": "user", "content": "I sail.", "timestamp": int(told.timestamp() * 1000)},
        {"role": "assistant", "content": "Where?"},
        {"role": "user", "content": "At sea.", "name": "Bob\n", "timestamp": told.isoformat()},
    ]
    (chat,) = read_file("messages", written(tmp_path, lines), NOW).chats
    assert [message.at for message in chat.messages.values()] == [told] * 3
    assert [message.name for message in chat.messages.values()] == [None, None, "Bob"]
    nodes = {"u": node("u", None, "user", "I sail.", told.timestamp())}
    nodes["a"] = node("a", "u", "assistant", "Where?", 1.0)
    nodes["a"]["message"]["create_time"] = None
    export = [{"conversation_id": "c", "create_time": 1.0, "mapping": nodes}]
    (chat,) = read_file("chatgpt", written(tmp_path, export), NOW).chats
    assert [message.at for message in chat.messages.values()] == [told] * 2


BROKEN = "Half an emoji: \ud83d and \x00."
ZERO = "0001-01-01T00:00:00Z"
"""What programs write where there is no date."""


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (
            "chatgpt",
            [
                {
                    "conversation_id": "c",
                    "create_time": -62_135_596_800,
                    "mapping": {
                        "a": node("a", None, "user", BROKEN, -62_135_596_800),
                        "b": node("b", "a", "assistant", BROKEN, 253_402_300_799),
                    },
                }
            ],
        ),
        (
            "claude",
            [
                {
                    "uuid": "k",
                    "created_at": ZERO,
                    "chat_messages": [
                        {"uuid": "m", "sender": "human", "text": BROKEN, "created_at": ZERO},
                        {"uuid": "m", "sender": "assistant", "text": "Two under one id."},
                    ],
                }
            ],
        ),
        ("messages", [{"role": "user", "content": BROKEN, "timestamp": ZERO}]),
        ("facts", [{"memory": BROKEN, "created_at": "9999-12-31T23:59:59Z"}]),
    ],
)
async def test_what_no_store_takes_is_mended_and_all_is_brought_in(
    serve: Serve, tmp_path: Path, kind: str, content: Any
) -> None:
    async with serve() as alone:
        seen = await imported(alone, kind, written(tmp_path, content))
        (turn,) = seen["turns"]
        said = [message["text"] for message in turn["messages"]]
        assert said[0] == "Half an emoji: \ufffd and ."
        assert len(said) == (1 if kind in ("messages", "facts") else 2)
        assert turn["at"].startswith(str(NOW.year))
