"""An import that broke off, or a later export of the same chats: all of it, and once."""

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner, digest
from service.importing.bring_in import BroughtIn, bring_in
from service.importing.formats import read_file
from service.importing.shapes import Imported, Kind
from service.importing.threads import threads_of
from stores.errors import StoreUnavailable
from stores.maintenance.erase import forget
from tests.service.importing.test_importing import NOW, node, written
from tests.support.house import Clock, backend
from tests.support.servers.app_alone import Alone, Serve, serve

__all__ = ["backend", "serve"]

MESSAGES = int(os.environ.get("MNEMO_TEST_MESSAGES", "120"))
ALEX = Owner("alex")


def exported(chat: str, *branches: str) -> dict[str, Any]:
    """A chat of ChatGPT's; each branch names its messages by letters, what it shares first."""
    nodes: dict[str, Any] = {}
    for branch in branches:
        for at in range(len(branch)):
            id, role = branch[: at + 1], ("user", "assistant")[at % 2]
            text = f"My word is {chat}{id}." if role == "user" else f"I see {chat}{id}."
            nodes.setdefault(id, node(id, branch[:at] or None, role, text, 1e9 + len(nodes)))
    return {"conversation_id": chat, "current_node": branches[-1], "mapping": nodes}


async def bring(alone: Alone, kind: Kind, file: Path) -> BroughtIn:
    return await bring_in(alone.serving.parts, ALEX, read_file(kind, file, NOW), lambda done: None)


async def kept(alone: Alone) -> tuple[list[str], list[str], list[str]]:
    """What there is of alex: what was said, the turns of episodes, and the facts."""
    said = await alone.get("/memory/alex/default/transcript", limit=500)
    episodes = await alone.get("/memory/alex/default/episodes", evidence=True, limit=500)
    facts = await alone.get("/memory/alex/default/facts", limit=500)
    return (
        sorted(m["text"] for turn in said["items"] for m in turn["messages"]),
        sorted(turn["id"] for episode in episodes["items"] for turn in episode["turns"]),
        sorted(fact["text"] for fact in facts["items"]),
    )


def failing(call: Any, last: int) -> Any:
    """Return a call that does its work up to the `last` time and fails from then on."""
    calls = count(1)

    async def called(*given: Any, **more: Any) -> Any:
        if next(calls) > last:
            raise StoreUnavailable("The store went away.")
        return await call(*given, **more)

    return called


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["chatgpt", "facts"])
async def test_an_import_that_broke_off_anywhere_is_finished_by_repeating_it(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    chats = [exported("x", "abcdefgh"), exported("y", "ab")]
    statements = [{"memory": f"Collects thing {number}"} for number in range(6)]
    file = written(tmp_path, statements if kind == "facts" else chats)
    async with serve(fold_turns=3, data_dir=tmp_path / "whole") as alone:
        await bring(alone, kind, file)
        whole = await kept(alone)
        assert whole[1] and whole[2]
    for last in count(2, 6):
        async with serve(fold_turns=3, data_dir=tmp_path / str(last)) as alone:
            journal = alone.serving.parts.stores.journal.backend
            with monkeypatch.context() as patched:
                patched.setattr(journal, "commit", failing(journal.commit, last))
                try:
                    await bring(alone, kind, file)
                except StoreUnavailable:
                    broken = True
                else:
                    broken = False
            clock = alone.serving.parts.now
            assert isinstance(clock, Clock)
            clock.passes(minutes=10)  # The lease of the one that broke off ends.
            await bring(alone, kind, file)
            assert await kept(alone) == whole
        if not broken:
            return


async def test_a_chat_that_went_on_here_and_there_keeps_both(serve: Serve, tmp_path: Path) -> None:
    async with serve(fold_turns=3) as alone:
        await bring(alone, "chatgpt", written(tmp_path, [exported("x", "abcd")]))
        view = await alone.serving.parts.stores.journal.read(ALEX)
        (thread,) = view.refs
        await alone.say("I keep bees.", thread=thread)
        longer = written(tmp_path, [exported("x", "abcdef", "abxy")])
        assert (await bring(alone, "chatgpt", longer)).turns == 2
        said = (await kept(alone))[0]
        assert "I keep bees." in said and {"My word is xabcde.", "My word is xabx."} <= set(said)
        assert (await bring(alone, "chatgpt", longer)).turns == 0
        assert (await kept(alone))[0] == said


@pytest.mark.parametrize("kind", ["chatgpt", "messages"])
@pytest.mark.parametrize("steps", [("a", "ab", "abcd"), ("a", "abc", "abcd"), ("abc", "abcdef")])
async def test_a_message_brought_in_before_its_reply_is_kept_once(
    serve: Serve, tmp_path: Path, kind: Any, steps: tuple[str, ...]
) -> None:
    async with serve(fold_turns=3) as alone:
        for words in (*steps, steps[-1]):
            chat: Any = exported("x", words)
            if kind == "messages":
                nodes = [node["message"] for node in chat["mapping"].values() if node["message"]]
                chat = [
                    {"role": m["author"]["role"], "content": m["content"]["parts"][0]}
                    for m in nodes
                ]
            await bring(alone, kind, written(tmp_path, [chat] if kind == "chatgpt" else chat))
        items = (await alone.get("/memory/alex/default/transcript"))["items"]
        said = [message["text"] for turn in items for message in turn["messages"]]
        assert len(said) == len(set(said)) == len(steps[-1])
        assert len((await alone.serving.parts.stores.journal.read(ALEX)).refs) == 1


def without_ids(kind: Kind, *texts: str) -> dict[str, Any]:
    """Return a chat of an export that names no ids, of the user and the assistant in turn."""
    roles = [("user", "human"), ("assistant", "assistant")]
    if kind == "claude":
        return {"chat_messages": [
            {"sender": roles[at % 2][1], "text": text, "parent_message_uuid": None}
            for at, text in enumerate(texts)
        ]}  # fmt: skip
    return {"mapping": {
        str(at): node(str(at), str(at - 1), roles[at % 2][0], text, None)
        for at, text in enumerate(texts)
    }}  # fmt: skip


@pytest.mark.parametrize("kind", ["chatgpt", "claude"])
async def test_chats_without_ids_are_told_apart_and_known_again(
    serve: Serve, tmp_path: Path, kind: Kind
) -> None:
    async with serve() as alone:
        for number in (1, 2, 3, 2):  # Each in a file of its own, and one of them again.
            file = written(
                tmp_path,
                [without_ids(kind, f"My word is w{number}.", "I see.", "Bye.", "Goodbye.")],
            )
            done = await bring(alone, kind, file)
        assert done.turns == 0
        items = (await alone.get("/memory/alex/default/transcript", limit=500))["items"]
        assert [turn["messages"][0]["text"] for turn in items] == [
            "My word is w1.", "Bye.", "My word is w2.", "Bye.", "My word is w3.", "Bye."
        ]  # fmt: skip
        assert len((await alone.serving.parts.stores.journal.read(ALEX)).refs) == 3


@pytest.mark.parametrize("kind", ["chatgpt", "claude"])
async def test_chats_without_ids_that_begin_alike_are_all_kept(
    serve: Serve, tmp_path: Path, kind: Kind
) -> None:
    words = ("My cat is Mimi.", "My boat is Orca.")
    chats = [without_ids(kind, "Hi.", "Hello.", said, "I see.") for said in words]
    async with serve() as alone:
        for new in (True, False):
            done = await bring(alone, kind, written(tmp_path, chats))
            assert (done.turns > 0) == new
            items = (await alone.get("/memory/alex/default/transcript", limit=500))["items"]
            said = [turn["messages"][0]["text"] for turn in items]
            assert {*words} <= {*said} and len(said) == len({*said})


async def test_facts_brought_in_leave_what_waits_for_extraction(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve(extract_turns=50) as alone:
        await alone.say("I live in Bergen.")
        await bring(alone, "facts", written(tmp_path, [{"memory": "Plays the oboe"}]))
        assert any("Bergen" in text for text in (await kept(alone))[2])


async def test_two_files_of_facts_that_are_brought_in_at_once_are_both_kept(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve(extract_turns=50) as alone:
        facts = [[f"Owns the {each} {number}" for number in range(60)] for each in ("boat", "car")]
        files = []
        for number, texts in enumerate(facts):
            folder = tmp_path / str(number)
            folder.mkdir()
            every = [{"memory": text} for text in [*texts, "Lives in Oslo"]]
            files.append(written(folder, every))
        await asyncio.gather(*(bring(alone, "facts", file) for file in files))
        all_of_both = sorted([*facts[0], *facts[1], "Lives in Oslo"])
        said, _, stated = await kept(alone)
        assert said == stated == all_of_both


THINGS = ["guitar", "kayak", "telescope", "camera", "violin", "kiln", "lathe", "piano", "tent"]
PLACES = ["Bergen", "Lisbon", "Porto", "Kyoto", "Oslo", "Dublin", "Turin", "Lyon", "Ghent"]
PEOPLE = ["Carla", "Noor", "Tomas", "Ines", "Ravi", "Mei", "Olga", "Pavel", "Lena", "Hugo"]
SAID = (
    "I bought a {thing} in {place} for {number} euros.",
    "My friend {person} moved to {place} and I helped with the {thing}.",
    "Could you explain how a {thing} is repaired?",
    "Please write a plan for the {thing} with {number} steps.",
    "I prefer {place} because of {person}.",
)
ANSWERED = (
    "A {thing} like that usually needs a look once a week, which takes {number} minutes.",
    "First measure it, then compare with what the maker of the {thing} says.",
    "In {place} there are several workshops that know this kind of {thing}.",
    "If {person} can help, the work is done in {number} hours rather than in two days.",
)


def long_history(messages: int) -> Iterator[dict[str, Any]]:
    """Chats of four to 120 messages, 480 characters each on average."""
    chance, left, at = random.Random(7), messages, 1_650_000_000.0
    while left:
        size = min(left, 2 * chance.randint(2, 60))
        left, at = left - size, at + chance.randint(3_000, 90_000)
        nodes = {}
        for number in range(size):
            forms, most = (ANSWERED, 14) if number % 2 else (SAID, 5)
            text = " ".join(
                chance.choice(forms).format(
                    thing=chance.choice(THINGS), place=chance.choice(PLACES),
                    person=chance.choice(PEOPLE), number=chance.randint(2, 900),
                )
                for _ in range(chance.randint(1, most))
            )  # fmt: skip
            parent = str(number - 1) if number else None
            role = "assistant" if number % 2 else "user"
            nodes[str(number)] = node(str(number), parent, role, text, at + 30 * number)
        yield {"conversation_id": f"c{left}", "mapping": nodes}


@pytest.mark.deep
@pytest.mark.timeout(7200)
async def test_the_turns_after_a_long_import_are_about_as_fast_as_any(
    serve: Serve, tmp_path: Path
) -> None:
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps(list(long_history(MESSAGES))), "utf-8")
    async with serve() as alone:
        wall, cpu = time.perf_counter(), time.process_time()
        done = await bring(alone, "chatgpt", file)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert done.turns == MESSAGES // 2
        view = await alone.serving.parts.stores.journal.read(ALEX)
        assert not view.turns and view.cursor == view.seq, "nothing is left to fold or extract"
    async with serve() as alone:
        await alone.say("Hello there, how are you?", user="blake", thread="warm")
        spent: dict[str, list[float]] = {"alex": [], "casey": []}
        for number, user in enumerate(["alex", "casey"] * 3):
            begun = time.perf_counter()
            (report,) = await alone.say(
                f"Where did I buy the kiln {number}?", user=user, thread=user
            )
            spent[user].append(time.perf_counter() - begun)
            assert report.error is None and not report.folded
    shown = {user: " ".join(f"{1000 * each:.0f}" for each in spent[user]) for user in spent}
    print(f"{MESSAGES} messages, {done.facts} facts: {wall:.0f} s, {cpu:.0f} s of CPU")
    print(f"turns after it: {shown['alex']} ms; of somebody new: {shown['casey']} ms")
    assert min(spent["alex"]) < 10 * min(spent["casey"]), shown


async def test_a_chat_brought_in_for_two_is_each_ones_own(serve: Serve, tmp_path: Path) -> None:
    owners = [ALEX, Owner("alex", "Mira"), Owner("bob")]
    file = written(tmp_path, [exported("x", "abcdefgh", "abxy")])
    async with serve(fold_turns=3) as alone:
        parts = alone.serving.parts
        journal = parts.stores.journal
        for owner in owners:
            await bring_in(parts, owner, read_file("chatgpt", file, NOW), lambda done: None)
        for owner in owners:
            threads = (await journal.read(owner)).refs
            assert [await journal.thread_owner(thread) for thread in threads] == [owner] * 2
        before = await kept(alone)
        await forget(parts.stores, "bob")
        assert await kept(alone) == before
        for thread in (await journal.read(ALEX)).refs:
            await alone.say("And what then?", thread=thread)
            assert (await journal.thread_owner(thread)) == ALEX


async def test_a_chat_brought_in_by_an_earlier_version_goes_on_in_its_thread(
    serve: Serve, tmp_path: Path
) -> None:
    def read(*branches: str) -> Imported:
        return read_file("chatgpt", written(tmp_path, [exported("x", *branches)]), NOW)

    (chat,) = read("abcd").chats
    old, bob = digest(chat.id), Owner("bob")
    async with serve() as alone:
        parts, journal = alone.serving.parts, alone.serving.parts.stores.journal
        ((_, path),) = threads_of(ALEX, chat)
        turns = [turn.model_copy(update={"thread": old}) for turn in path]
        await journal.note_thread(ALEX, None, old)
        await journal.add_turns(ALEX, None, turns, old, turns[-1].id)
        for owner, new in ((ALEX, 1), (bob, 3)):
            done = await bring_in(parts, owner, read("abcdef"), lambda done: None)
            assert done.turns == new
            (thread,) = (await journal.read(owner)).refs
            assert (thread == old) is (owner == ALEX)
            assert await journal.thread_owner(thread) == owner


def by_place(imported: Imported) -> Imported:
    """What an earlier version read of a file of messages."""
    chats = []
    for chat in imported.chats:
        messages = {
            str(place): replace(message, id=str(place), parent=str(place - 1) if place else None)
            for place, message in enumerate(chat.messages.values())
        }
        chats.append(replace(chat, messages=messages, by_place=False))
    return Imported(chats=chats)


async def test_messages_that_an_earlier_version_brought_in_are_known_and_what_is_new_is_added(
    serve: Serve, tmp_path: Path
) -> None:
    def read(*texts: str) -> Imported:
        said = [{"role": role, "content": t} for t in texts for role in ("user", "assistant")]
        return read_file("messages", written(tmp_path, said), NOW)

    first = ("Hello", "I am pregnant.", "I keep bees.")
    async with serve(fold_turns=3) as alone:
        parts = alone.serving.parts

        async def new(imported: Imported) -> int:
            return (await bring_in(parts, ALEX, imported, lambda done: None)).turns

        assert await new(by_place(read(*first))) == 3
        assert await new(by_place(read("Hello", "I sail boats.", "I paint.", "I ski."))) == 1
        await alone.say("Please forget that I am pregnant.")
        before = await kept(alone)
        assert await new(read(*first)) == 0 and await kept(alone) == before
        for added in (1, 0):  # What follows what was passed over is known.
            assert await new(read("Hello", "I sail boats.", "I paint.", "I ski.")) == 2 * added
            assert await new(read(*first, "I sing.")) == added
        said = (await kept(alone))[0]
        for text in ("I keep bees.", "I sail boats.", "I paint.", "I ski.", "I sing."):
            assert text in said
        (report,) = await alone.say("Am I pregnant?", thread="another")
        assert "you are pregnant" not in report.reply.lower()
