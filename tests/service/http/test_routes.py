"""The routes under /memory and /health, on the application alone."""

import asyncio
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from domain.records import Entity
from domain.rows import key_of
from service.memory_view import remembered
from service.turn_report import TurnDone
from stores.base_store.store import LongTermStore
from stores.errors import CheckpointGone, StoreMismatch, StoreUnavailable
from stores.journal.journal import Journal
from stores.memories import Memories
from tests.support.servers.app_alone import Alone, Serve, path, serve
from tests.support.servers.chroma_server import ChromaServer
from tests.support.servers.redis_stack import RedisStack

__all__ = ["serve"]

TALK = (
    "My name is Alex and I live in Oslo",
    "I work as a nurse at Haukeland hospital",
    "My sister Maria has a dog called Rufus",
    "I am allergic to peanuts",
    "I love hiking in the mountains",
    "I moved to Bergen last week",
    "I bought a green bicycle",
    "My favourite colour is blue",
)
EMBEDDED = pytest.mark.parametrize("backend", ["embedded"], indirect=True)


async def all_pages(alone: Alone, url: str, cursor: str = "cursor", **query: Any) -> list[Any]:
    """Return the items of all pages; each page is kept whole, the pages in their order."""
    pages: list[Any] = []
    at: str | None = None
    while True:
        page = await alone.get(url, **query, **({cursor: at} if at else {}))
        pages.append(page["items"])
        at = page["next"]
        if at is None:
            return pages


async def test_every_layer_of_a_memory_can_be_read(serve: Serve) -> None:
    async with serve(fold_turns=6) as alone:
        await alone.say(*TALK)
        await know_people(alone, "Maria")
        mine = path("alex")
        recent = await alone.get(f"{mine}/recent")
        episodes = (await alone.get(f"{mine}/episodes", evidence=True))["items"]
        held = [turn["id"] for episode in episodes for turn in episode["turns"]]
        kept = [turn["id"] for turn in recent["turns"]]
        transcript = (await alone.get(f"{mine}/transcript"))["items"]
        assert episodes and kept and held + kept == [turn["id"] for turn in transcript]
        assert [turn["messages"][0]["text"] for turn in transcript] == list(TALK)

        summary = await alone.get(f"{mine}/summary")
        assert summary["thread"] == "t"
        assert [one["id"] for one in summary["summaries"]] == [one["id"] for one in episodes]
        facts = (await alone.get(f"{mine}/facts"))["items"]
        assert any("Bergen" in fact["text"] and fact["current"] for fact in facts)
        entities = (await alone.get(f"{mine}/entities"))["items"]
        assert "Maria" in {entity["name"] for entity in entities}
        found = (await alone.get(f"{mine}/search", q="What is the name of the dog?"))["items"]
        assert any("Rufus" in item["text"] and item["why"] for item in found)
        report = await alone.get(f"{mine}/budget")
        parts = ("persona", "summary", "buffer", "entities", "memories", "reply_reserve")
        assert report["thread"] == "t" and report["today"] is None
        assert report["budget"]["total"] == sum(report["budget"][part] for part in parts)
        ledger = await alone.get(f"{mine}/ledger")
        (line,) = ledger["lines"]
        assert (line["layer"], line["calls"]) == ("reply", len(TALK))
        assert ledger["tokens_in"] > ledger["tokens_out"] > 0


@EMBEDDED
async def test_an_owner_who_never_spoke_has_an_empty_memory(serve: Serve) -> None:
    async with serve() as alone:
        mine = path("nobody")
        assert await alone.get(f"{mine}/recent") == {"turns": []}
        assert await alone.get(f"{mine}/summary") == {"thread": None, "summaries": []}
        for name in ("transcript", "episodes", "facts", "entities"):
            assert await alone.get(f"{mine}/{name}") == {"items": [], "next": None}
        assert (await alone.get(f"{mine}/search", q="anything"))["items"] == []
        assert (await alone.client.get(f"{mine}/budget")).status_code == 404


@EMBEDDED
async def test_the_transcript_pages_back_from_the_newest_turn(serve: Serve) -> None:
    async with serve(fold_turns=6) as alone:
        await alone.say(*TALK)
        pages = await all_pages(alone, f"{path('alex')}/transcript", "before", limit=3)
        assert [len(page) for page in pages] == [3, 3, 2]
        said = [turn["messages"][0]["text"] for page in reversed(pages) for turn in page]
        assert said == list(TALK)


@pytest.mark.deep
@EMBEDDED
@pytest.mark.parametrize("name", ["facts", "entities", "episodes"])
async def test_a_list_comes_whole_in_pages_of_any_size(serve: Serve, name: str) -> None:
    async with serve(fold_turns=3) as alone:
        await alone.say(*TALK)
        await know_people(alone, "Maria", "Ola", "Bergen")
        whole = (await alone.get(f"{path('alex')}/{name}", limit=500))["items"]
        assert len(whole) > 1
        for limit in (1, 2, len(whole)):
            pages = await all_pages(alone, f"{path('alex')}/{name}", limit=limit)
            assert [item for page in pages for item in page] == whole


async def know_people(alone: Alone, *names: str) -> None:
    """Write entities as a memory model finds them: the offline one finds none."""
    stores, owner = alone.serving.parts.stores, Owner("alex")
    view = await stores.journal.read(owner)
    (turn, *_) = view.turns.values()
    people = [Entity(id=name, name=name, kind="person", sources=(turn.ref(0),)) for name in names]
    await stores.memories.put(owner, view.generation, *people)
    await stores.journal.rows_changed(owner, view.generation, [key_of(one) for one in people])


async def fact_with(alone: Alone, word: str) -> Any:
    facts = (await alone.get(f"{path('alex')}/facts"))["items"]
    return next(fact for fact in facts if word in fact["text"])


async def test_a_fact_that_the_user_rewords_counts_from_the_next_turn_on(serve: Serve) -> None:
    async with serve() as alone:
        await alone.say("I am allergic to peanuts", "I live in Oslo")
        old = await fact_with(alone, "peanuts")
        url = f"{path('alex')}/facts/{old['id']}"
        answer = await alone.client.patch(url, json={"text": "The user is allergic to almonds"})
        new = answer.json()
        assert answer.status_code == 200 and new["edited"] and new["current"]
        facts = {fact["id"]: fact for fact in (await alone.get(f"{path('alex')}/facts"))["items"]}
        assert facts[old["id"]]["superseded_by"] == new["id"]
        assert facts[new["id"]]["text"] == "The user is allergic to almonds"
        found = await alone.get(f"{path('alex')}/search", q="What am I allergic to?")
        assert "almonds" in json.dumps(found)


async def test_a_deleted_fact_is_neither_shown_nor_recalled_nor_drawn_again(serve: Serve) -> None:
    async with serve() as alone:
        await alone.say("I am allergic to peanuts", "I live in Oslo")
        fact = await fact_with(alone, "peanuts")
        url = f"{path('alex')}/facts/{fact['id']}"
        assert (await alone.client.delete(url)).status_code == 204
        await alone.say("I bought a green bicycle")
        facts = await alone.get(f"{path('alex')}/facts")
        found = await alone.get(f"{path('alex')}/search", q="allergic to peanuts")
        assert "peanuts" not in json.dumps([facts, found])
        assert (await alone.client.delete(url)).status_code == 404


@EMBEDDED
async def test_a_deletion_that_broke_off_is_told_to_every_process_when_repeated(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_longer(self: Journal, *told_of: Any) -> Any:
        raise StoreUnavailable("The journal does not answer.")

    async with serve() as alone:
        await alone.say("I am allergic to peanuts", "I live in Oslo")
        fact = await fact_with(alone, "peanuts")
        question = {"q": "What am I allergic to?"}
        assert "peanuts" in json.dumps(await alone.get(f"{path('alex')}/search", **question))
        url = f"{path('alex')}/facts/{fact['id']}"
        with monkeypatch.context() as broken:
            broken.setattr(Journal, "rows_changed", no_longer)
            assert (await alone.client.delete(url)).status_code == 503
        assert (await alone.client.delete(url)).status_code == 404
        assert "peanuts" not in json.dumps(await alone.get(f"{path('alex')}/search", **question))


@EMBEDDED
@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
async def test_a_fact_read_before_a_reset_is_not_written_after_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    async with serve() as alone:
        await alone.say("I am allergic to peanuts")
        fact = await fact_with(alone, "peanuts")

        async def reset_after(*asked_for: Any) -> Any:
            shown = await remembered(*asked_for)
            await alone.client.post(f"{path('alex')}/reset")
            return shown

        monkeypatch.setattr("service.memory_changes.remembered", reset_after)
        url = f"{path('alex')}/facts/{fact['id']}"
        wording = {"text": "The user is allergic to almonds"} if verb == "PATCH" else None
        answer = await alone.client.request(verb, url, json=wording)
        assert answer.status_code == 409 and "reset" in answer.json()["detail"]
        store = alone.serving.parts.stores.long_term
        assert isinstance(store, LongTermStore)
        assert [item async for item in store.rows()] == []
        exported = await alone.client.get(f"{path('alex', None)}/export")
        assert "almonds" not in exported.text and fact["id"] not in exported.text


@EMBEDDED
async def test_a_fact_changed_while_its_owner_is_reset_leaves_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as alone:
        await alone.say("I am allergic to peanuts")
        fact = await fact_with(alone, "peanuts")
        journal = alone.serving.parts.stores.journal
        told = Journal.rows_changed

        async def reset_first(self: Journal, *told_of: Any) -> Any:
            await alone.client.post(f"{path('alex')}/reset")
            return await told(self, *told_of)

        monkeypatch.setattr(Journal, "rows_changed", reset_first)
        url = f"{path('alex')}/facts/{fact['id']}"
        answer = await alone.client.patch(url, json={"text": "The user is allergic to almonds"})
        assert answer.status_code == 409 and "reset" in answer.json()["detail"]
        assert (await journal.read(Owner("alex"))).generation is not None
        store = alone.serving.parts.stores.long_term
        assert isinstance(store, LongTermStore)
        rows = [item async for item in store.rows()]
        assert rows == []


@pytest.mark.deep
async def test_a_reset_forgets_one_character_and_no_other(serve: Serve) -> None:
    async with serve(fold_turns=3) as alone:
        for character in ("Ada", "Bob"):
            await alone.say(*TALK[:5], character=character, thread=character)
        answer = await alone.client.post(f"{path('alex', 'Ada')}/reset")
        assert answer.status_code == 200
        assert answer.json()["threads"] == 1 and answer.json()["memories"] > 0
        for name in ("recent", "transcript", "episodes", "facts", "entities"):
            (gone,) = [v for v in (await alone.get(f"{path('alex', 'Ada')}/{name}")).values() if v
                       is not None]  # fmt: skip
            assert gone == []
        assert len((await alone.get(f"{path('alex', 'Bob')}/transcript"))["items"]) == 5
        reports = await alone.say("Where do I live?", character="Ada", thread="Ada")
        assert reports[0].error is None and "Oslo" not in reports[0].reply


async def test_a_user_takes_all_with_them_and_is_then_forgotten(serve: Serve) -> None:
    async with serve(fold_turns=4) as alone:
        await alone.say(*TALK[:5], character="Ada", thread="a")
        await alone.say("I keep bees", character="Bob", thread="b")
        await alone.say("I keep cats", user="Alex", thread="c")
        answer = await alone.client.get("/memory/alex/export")
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        lines = [json.loads(line) for line in answer.text.splitlines()]
        kinds = {line["type"] for line in lines}
        assert lines[0]["type"] == "export" and {"owner", "turn", "episode", "fact"} <= kinds
        assert "bees" in answer.text and "cats" not in answer.text

        answer = await alone.client.delete("/memory/alex")
        assert answer.status_code == 200 and answer.json()["threads"] == 2
        for character in ("Ada", "Bob"):
            mine = path("alex", character)
            assert await alone.get(f"{mine}/recent") == {"turns": []}
            assert (await alone.get(f"{mine}/ledger"))["lines"] == []
        left = (await alone.client.get("/memory/alex/export")).text
        assert len(left.splitlines()) == 1 and "bees" not in left
        assert len((await alone.get(f"{path('Alex')}/recent"))["turns"]) == 1


ODD = (
    "alex@example.com", "Alex@example.com", "../x", "a/b", "a%2Fb", "a b", "用户", "用戶",
    "é", "e\u0301", "x" * 500, "x" * 499, "?q=1", "#", "*", "\x00", "{user_id}",
)  # fmt: skip


@pytest.mark.deep
@EMBEDDED
async def test_any_user_id_has_its_own_memory_and_no_other(serve: Serve) -> None:
    async with serve() as alone:
        for number, user in enumerate(ODD):
            await alone.say(f"I like item{number:02}", user=user, thread=str(number))
        for number, user in enumerate(ODD):
            for name in ("recent", "transcript", "facts"):
                answer = await alone.client.get(path(user, "default", name))
                assert answer.status_code == 200, (user, answer.text)
                assert set(re.findall(r"item\d\d", answer.text)) == {f"item{number:02}"}


BAD_INPUT = (
    ("/memory/a/b/facts?limit=0", 422, '"limit" cannot be used'),
    ("/memory/a/b/facts?cursor=nonsense", 422, '"next" of the page before'),
    ("/memory/a/b/facts?cursor=WzFd", 200, ""),
    ("/memory/a/b/facts?cursor=WyJhIl0", 422, '"next" of the page before'),
    ("/memory/a/b/transcript?before=W251bGxd", 422, '"next" of the page before'),
    ("/memory/a/b/facts?as_of=yesterday", 422, "2026-05-31"),
    ("/memory/a/b/search?q=", 422, '"q" cannot be used'),
    ("/memory/a/b/search", 422, '"q" cannot be used'),
    ("/memory/%FF/b/facts", 400, "UTF-8"),
    ("/memory/a/b/nothing", 404, "Not Found"),
    ("/memory/a//facts", 404, "Not Found"),
)


@EMBEDDED
async def test_bad_input_gets_one_sentence_as_a_problem(serve: Serve) -> None:
    async with serve() as alone:
        await alone.say("I am allergic to peanuts", user="a", character="b")
        for url, status, says in BAD_INPUT:
            answer = await alone.client.get(url)
            assert answer.status_code == status, (url, answer.text)
            if status != 200:
                assert answer.headers["content-type"] == "application/problem+json", url
                body = answer.json()
                assert body["status"] == status and says in body["detail"], url
                assert body["detail"].endswith(".") and "\n" not in body["detail"], url


@EMBEDDED
async def test_a_fact_cannot_be_edited_to_nothing(serve: Serve) -> None:
    async with serve() as alone:
        await alone.say("I am allergic to peanuts")
        fact = await fact_with(alone, "peanuts")
        url = f"{path('alex')}/facts/{fact['id']}"
        bodies: list[Any] = [{"text": ""}, {"text": "   "}, {}, {"text": 5}, []]
        for body in bodies:
            assert (await alone.client.patch(url, json=body)).status_code == 422, body
        on_the_page = f"/inspector/alex/default/facts/{fact['id']}"
        refused = await alone.client.post(on_the_page, data={"text": ""})
        assert refused.json()["detail"].startswith("A fact"), refused.text
        assert (await fact_with(alone, "peanuts"))["current"]


@EMBEDDED
async def test_a_body_larger_than_any_fact_is_not_read(serve: Serve) -> None:
    async with serve() as alone:
        url = f"{path('alex')}/facts/any"
        for place in (url, url.replace("/memory", "/%6demory"), "/nowhere"):
            answer = await alone.client.patch(place, json={"text": "x" * 2_000_000})
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"
            assert "send less" in answer.json()["detail"]
        answer = await alone.client.post("/v1/chat/completions", json={"model": "x" * 2_000_000})
        assert answer.status_code == 413 and "send less" in answer.json()["error"]["message"]


@EMBEDDED
async def test_a_body_that_is_not_json_is_told_so(serve: Serve) -> None:
    async with serve() as alone:
        for url in ("/chat/alex/default", "/v1/chat/completions"):
            answer = await alone.client.post(
                url, content='{"message": ', headers={"content-type": "application/json"}
            )
            said = answer.json().get("detail") or answer.json()["error"]["message"]
            assert said == "The body is not JSON: expecting value at character 12."


@EMBEDDED
async def test_a_body_without_end_is_refused(serve: Serve) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 200_000_000:
            sent += 1_000_000
            yield b"x" * 1_000_000

    async with serve() as alone:
        answer = await alone.client.post(f"{path('alex')}/reset", content=endless())
        assert answer.status_code == 413 and sent < 50_000_000


@EMBEDDED
async def test_a_path_means_the_same_however_its_first_word_is_written(serve: Serve) -> None:
    async with serve() as alone:
        await alone.say("I am allergic to peanuts", user="a/b %2f")
        told = await alone.get(f"{path('a/b %2f')}/transcript")
        assert len(told["items"]) == 1
        odd = path("a/b %2f").replace("/memory", "/%6d%65mory")
        assert await alone.get(f"{odd}/transcript") == told


@EMBEDDED
async def test_a_cursor_that_is_none_is_refused(serve: Serve) -> None:
    deep = b"[" * 20_000
    async with serve() as alone:
        for text in (b"", b"null", b"{}", b"[[]]", b"[null]", deep, b"\xff", b"[1" + b"0" * 5000):
            cursor = urlsafe_b64encode(text).decode().rstrip("=")
            for name in ("facts?cursor", "transcript?before"):
                answer = await alone.client.get(f"{path('alex')}/{name}={cursor}")
                assert answer.status_code in (200, 422), text[:20]


@EMBEDDED
async def test_the_openapi_document_describes_every_route(serve: Serve) -> None:
    async with serve() as alone:
        document = await alone.get("/openapi.json")
        paths = document["paths"]
        reads = [
            "recent",
            "summary",
            "transcript",
            "episodes",
            "facts",
            "entities",
            "search",
            "budget",
            "ledger",
        ]
        assert {f"/memory/{{user_id}}/{{character_id}}/{name}" for name in reads} <= set(paths)
        for url, methods in paths.items():
            for operation in methods.values():
                assert operation["summary"] and operation["description"]
                named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
                assert all(f"{{{name}}}" in url for name in named)
                if url.startswith("/memory"):
                    for codes in ("4XX", "5XX"):
                        [[media, form]] = operation["responses"][codes]["content"].items()
                        assert media == "application/problem+json"
                        assert "detail" in form["schema"]["properties"]


async def test_health_names_the_stores_that_answer(serve: Serve) -> None:
    async with serve() as alone:
        health = await alone.get("/health")
        assert health["status"] == "ok"
        names = [(store["name"], store["answers"]) for store in health["stores"]]
        assert names == [("journal", True), ("checkpoints", True), ("memories", True)]


@EMBEDDED
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreMismatch("These memories lie elsewhere: move them back."), 503),
        (CheckpointGone(), 409),
    ],
    ids=["mismatch", "gone"],
)
async def test_memory_of_other_settings_and_a_checkpoint_that_is_gone_are_one_sentence(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    async def fails(self: Memories, *asked: Any) -> Any:
        raise error

    async with serve() as alone:
        await alone.say("Hello there")
        owner, turns = Owner("alex"), alone.serving.conversation
        edit = turns.turn(owner, "t", "Good day", checkpoint="of-long-ago")
        (done,) = [event.report async for event in edit if isinstance(event, TurnDone)]
        assert done.reply == "" and done.error == str(CheckpointGone())
        monkeypatch.setattr(Memories, "all", fails)
        answer = await alone.client.get(f"{path('alex')}/facts")
        assert answer.status_code == status and answer.json()["detail"] == str(error)


@pytest.mark.deep
@EMBEDDED
async def test_without_long_term_memory_health_is_degraded_and_without_redis_down(
    serve: Serve, own_chroma_server: ChromaServer, tmp_path: Path
) -> None:
    with RedisStack() as redis:
        servers = {"redis_url": redis.url, "chroma_url": own_chroma_server.url}
        async with serve(**servers, store_timeout=2) as alone:
            assert (await alone.get("/health"))["status"] == "ok"
            own_chroma_server.kill()
            health = await alone.get("/health")
            assert health["status"] == "degraded" and not health["stores"][2]["answers"]
            answer = await alone.client.get(f"{path('alex')}/facts")
            assert answer.status_code == 503 and "Chroma" in answer.json()["detail"]
            redis.kill()
            answer = await alone.client.get("/health")
            assert answer.status_code == 503 and answer.json()["status"] == "down"


@EMBEDDED
async def test_a_chat_request_says_where_the_user_is(serve: Serve) -> None:
    async with serve() as alone:
        for zone, status in (("Asia/Tokyo", 200), ("Mars/Phobos", 422)):
            said = {"message": "I like tea", "timezone": zone}
            answer = await alone.client.post("/chat/alex/default", json=said)
            assert answer.status_code == status, answer.text
        assert "There is no time zone" in answer.json()["detail"]
        (turn,) = (await alone.client.get(f"{path('alex')}/transcript")).json()["items"]
        assert turn["at"].endswith("+09:00")


@EMBEDDED
async def test_a_message_that_is_sent_again_is_said_and_answered_once(serve: Serve) -> None:
    async with serve() as alone:
        said = {"message": "I like tea", "message_id": "mine", "thread_id": "t"}
        replies = [(await alone.client.post("/chat/alex/default", json=said)).json()["reply"]]
        await alone.say("I like rye bread")
        replies += [(await alone.client.post("/chat/alex/default", json=said)).json()["reply"]]
        assert replies[0] and replies[0] == replies[1]
        assert len((await alone.get(f"{path('alex')}/transcript"))["items"]) == 2


@EMBEDDED
async def test_a_file_that_is_no_export_is_refused_by_the_page_in_a_sentence(serve: Serve) -> None:
    async with serve() as alone:
        for line in (b"[" * 5_000, b"not JSON", b""):
            answer = await alone.client.post("/inspector/alex/import", files={"file": line})
            assert answer.status_code == 422
            assert answer.json()["detail"] == "The file is no export of this user's memory."


@EMBEDDED
async def test_who_opens_the_page_has_the_memory_loaded_for_the_first_message(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(fold_turns=4) as alone:
        await alone.say(*TALK)
    async with serve(fold_turns=4) as alone:
        stores = alone.serving.parts.stores
        answer = await alone.client.get("/inspector/alex/default/threads")
        assert answer.status_code == 200
        for _ in range(2_000):
            if not stores.recall.nbytes:
                await asyncio.sleep(0.01)

        async def read_again(*_: Any) -> None:
            pytest.fail("the message waits while all rows are read")

        monkeypatch.setattr(Memories, "all", read_again)
        [report] = await alone.say("What is my sister's dog called?")
        assert "Rufus" in report.reply
