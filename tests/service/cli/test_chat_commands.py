"""Looking at memory from a chat and beside it, what leaving leaves, and what a newcomer sees."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from rich.color import Color

from domain.owner import Owner
from graph.parts import open_parts
from service.cli import colours
from service.cli.chat_screen import Screen
from service.cli.talk import Talk
from service.conversation import Conversation
from service.reasons import REASONS, reason_of
from settings import Settings
from tests.support.house import is_reply
from tests.support.mnemo_runs import PROMPT, Mnemo, mnemo
from tests.support.servers.openai_server import OpenAIServer, Reply, Structured

__all__ = ["mnemo"]

pytestmark = pytest.mark.timeout(300)  # Many start the program several times.

READABLE = 3.0
"""Contrast that accessible pages give large text and graphics at least (WCAG 2, 1.4.11)."""
WEIGHTS = Path(__file__).parents[3] / "domain" / "recall" / "ranking_weights.json"


def said_by_the_user(mnemo: Mnemo) -> list[str]:
    lines = [json.loads(line) for line in mnemo.run("export").stdout.splitlines()]
    turns = [one["record"]["messages"] for one in lines if one["type"] == "turn"]
    return [said["text"] for messages in turns for said in messages if said["role"] == "user"]


def test_commands_are_commands_in_a_pipe_too(mnemo: Mnemo) -> None:
    said = [
        "I live in Ghent", "//tmp is full", "/Recall Ghent", "/FACTS", "/budget", "/what",
        "/reset", "/quit now", "Exit", "I live in Bonn",
    ]  # fmt: skip
    done = mnemo.run("chat", said="\n".join(said))
    assert done.returncode == 0
    assert "why: " in done.stdout and "persona" in done.stdout
    refused = done.stderr.splitlines()
    assert len(refused) == 3 and refused[0].startswith("There is no command /what:")
    assert "say /reset yes" in refused[1] and "Write /quit alone to leave" in refused[2]
    assert said_by_the_user(mnemo) == ["I live in Ghent", "/tmp is full"]
    done = mnemo.run("chat", "--json", said="/reset yes\n/facts\n")
    assert done.stdout == "" and "Forgotten: 1 threads" in done.stderr
    assert said_by_the_user(mnemo) == []


def test_a_person_looks_at_memory_and_forgets_from_within_a_chat(mnemo: Mnemo) -> None:
    with mnemo.terminal("chat", env={"MNEMO_EXTRACT_TURNS": "1"}) as screen:
        assert "talking with default" in screen.wait_for("Ctrl-D leaves.")
        screen.type("I am allergic to peanuts")
        screen.wait_for("(kept: ")
        screen.wait_for("noted: I am allergic to peanuts")
        screen.type("I live in Ghent")
        screen.wait_for(PROMPT)
        screen.answer("/rec\tpeanuts")
        screen.wait_for("shares words with the message")
        screen.type("/forget peanuts")
        assert "- I am allergic to peanuts" in screen.wait_for("[y/N]")
        screen.answer("y")
        screen.wait_for("Forgotten: 1 fact and")
        screen.type("/facts")
        assert "peanuts" not in screen.wait_for("I live in Ghent")
        screen.type("What am I allergic to?")
        assert "peanuts" not in screen.wait_for("do not remember")
        screen.wait_for(PROMPT)
        screen.answer("/fac\t")
        screen.wait_for("I live in Ghent")
        assert screen.leave() == 0


@pytest.mark.deep
def test_memory_can_be_read_beside_a_chat_and_another_chat_gets_one_sentence(mnemo: Mnemo) -> None:
    with mnemo.terminal("chat", env={"MNEMO_EXTRACT_TURNS": "1"}) as first:
        first.wait_for("Ctrl-D leaves")
        for text in ("I am allergic to peanuts", "I live in Ghent"):
            first.type(text)
            first.wait_for("noted: ")
        for command in (["facts"], ["recall", "peanuts"], ["export"], ["budget"]):
            done = mnemo.run(*command)
            assert done.returncode == 0 and "Traceback" not in done.stderr
            assert "peanuts" in done.stdout or command == ["budget"]
        assert "another process" not in mnemo.run("doctor").stdout
        second = mnemo.run("chat", said="Hello\n")
        assert second.returncode == 1 and len(second.stderr.strip().splitlines()) == 1
        first.type("I like tea")
        first.wait_for("noted: I like tea")
        assert first.leave() == 0


@pytest.mark.deep
def test_reading_writes_nothing_to_the_data_dir(mnemo: Mnemo) -> None:
    for command in ("facts", "episodes", "entities", "export"):
        assert mnemo.run(command).returncode == 0
    assert not mnemo.data.exists()
    mnemo.chat("I live in Ghent")

    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in mnemo.data.rglob("*")}

    before = files()
    assert "Ghent" in mnemo.run("recall", "Ghent").stdout
    assert mnemo.run("facts").returncode == 0
    assert files() == before


@pytest.mark.parametrize("command", [["facts"], ["export"], ["recall", "Ghent"]])
def test_a_data_dir_that_is_a_file_is_not_read_as_an_empty_one(
    mnemo: Mnemo, command: list[str]
) -> None:
    mnemo.data.write_text("no folder")
    done = mnemo.run(*command)
    assert done.returncode == 1 and f"The data dir {mnemo.data} cannot be read" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="Rights are given up as Linux does.")
def test_a_data_dir_of_which_no_file_may_be_written_can_be_read(mnemo: Mnemo) -> None:
    mnemo.chat("I live in Ghent")
    for path in [mnemo.data, *mnemo.data.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    program = Path(sys.executable).with_name("mnemo")
    without = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*without, str(program), "facts"],
        env={**mnemo.env, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0 and "I live in Ghent" in done.stdout, done.stderr


@pytest.mark.deep
@pytest.mark.skipif(sys.platform != "linux", reason="A read-only mount is made as Linux does.")
@pytest.mark.parametrize("left", ["closed", "as a crash leaves it"])
def test_a_data_dir_on_a_read_only_disk_can_be_read(mnemo: Mnemo, left: str) -> None:
    mnemo.chat("I live in Ghent")
    if left != "closed":
        with mnemo.terminal("chat") as chat:
            chat.wait_for("Ctrl-D leaves")
            chat.type("I like tea")
            chat.wait_for("(kept")
            shutil.copytree(mnemo.data, mnemo.folder / "crashed")
        shutil.rmtree(mnemo.data)
        (mnemo.folder / "crashed").rename(mnemo.data)
        for path in mnemo.data.glob("*-shm"):
            path.unlink()
    program = Path(sys.executable).with_name("mnemo")
    lock = f"mount --bind {mnemo.data} {mnemo.data} && mount -o remount,bind,ro {mnemo.data}"
    script = f"{lock} && ! touch {mnemo.data}/x 2>/dev/null && {program} facts && {program} export"
    namespace = ["unshare", "--mount", "--map-root-user"]
    done = subprocess.run(
        [*namespace, "sh", "-c", script],
        env={**mnemo.env, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "I live in Ghent" in done.stdout
    assert left == "closed" or "I like tea" in done.stdout


@pytest.mark.deep
def test_who_leaves_early_leaves_the_facts_behind(mnemo: Mnemo) -> None:
    mnemo.chat("I live in Ghent")
    assert [fact["text"] for fact in mnemo.json("facts")] == ["I live in Ghent"]
    with mnemo.terminal("chat") as screen:
        screen.wait_for("Ctrl-D leaves.")
        screen.type("I am allergic to peanuts")
        screen.wait_for("find")
        screen.type("quit")
        assert "I am allergic to peanuts" in screen.wait_for("peanuts")
        assert screen.end() == 0
        assert "Noted before leaving:" in screen.seen
    assert len(mnemo.json("facts")) == 2


@pytest.mark.deep
def test_facts_that_could_not_be_noted_on_leaving_are_noted_at_the_next_start(
    mnemo: Mnemo, openai_server: OpenAIServer
) -> None:
    env = {
        "OPENAI_BASE_URL": f"{openai_server.url}/v1",
        "MNEMO_CHAT_MODEL": "test-model",
        "MNEMO_MODEL_RETRIES": "0",
    }
    fact = {"op": "add", "target": None, "text": "The user lives in Ghent.", "kind": "place",
            "subject": "user", "slot": "home", "source": "m1", "when": None}  # fmt: skip
    noted = Structured({"facts": [fact], "entities": []})
    openai_server.default = lambda body: Reply("Yes.") if is_reply(body) else Reply("no form")
    mnemo.chat("I live in Ghent", env=env)
    assert mnemo.json("facts") == []
    openai_server.default = lambda body: Reply("no form", delay=3)
    left = mnemo.run("chat", said="/help\n", env=env)  # While they are still being noted.
    assert left.returncode == 0, left.stderr
    openai_server.default = lambda body: Reply("Yes.") if is_reply(body) else noted
    mnemo.run("chat", said="/help\n", env=env)
    assert [fact["text"] for fact in mnemo.json("facts")] == ["The user lives in Ghent."]


@pytest.mark.deep
def test_what_is_recalled_is_shown_once_with_reasons_that_are_explained(mnemo: Mnemo) -> None:
    mnemo.chat("I like green tea", "Where is my cat?", "I like green tea", "It rained", "Hello")
    done = mnemo.run("recall", "Do I like green tea?", env={"COLUMNS": "60"})
    assert done.stdout.count("User: I like green tea") == 1 and "said 2 times" in done.stdout
    assert "weaker ones not shown" in done.stdout
    for reason in re.findall(r"why: ([a-z]+)", done.stdout):
        assert f"{reason}: {REASONS[reason]}" in done.stdout
    for command in (["recall", "tea"], ["facts"], ["budget"], ["doctor"]):
        shown = mnemo.run(*command, env={"COLUMNS": "60"}).stdout
        assert max(map(len, shown.splitlines())) <= 60, command


def test_a_terminal_that_can_do_little_is_as_wide_as_it_is(mnemo: Mnemo) -> None:
    mnemo.chat(
        "My aunt Wilhelmina restores antique grandfather clocks in Trondheim with a neighbour"
    )
    with mnemo.terminal("recall", "clocks", env={"TERM": "dumb", "COLUMNS": "50"}) as screen:
        shown = screen.wait_for("shares words with the message")
    assert "Wilhelmina" in shown and max(map(len, shown.splitlines())) <= 50


def test_every_signal_of_the_ranking_has_a_reason_in_words() -> None:
    signals = {
        name for part in ("full", "lexical") for name in json.loads(WEIGHTS.read_text())[part]
    }
    assert {reason_of(signal) for signal in signals} <= REASONS.keys()


@pytest.mark.parametrize("name", ["FAINT", "ACCENT", "GOOD", "WARNING", "BAD", *colours.LAYERS])
def test_colours_are_readable_on_black_and_on_white(name: str) -> None:
    chosen = colours.LAYERS.get(name) or getattr(colours, name)
    linear = [
        (part / 255 / 12.92 if part < 11 else ((part / 255 + 0.055) / 1.055) ** 2.4)
        for part in Color.parse(chosen).get_truecolor()
    ]
    light = sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert min((light + 0.05) / 0.05, 1.05 / (light + 0.05)) >= READABLE


async def test_the_memory_is_loaded_while_one_types_the_first_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index of a long memory takes a second: the first turn should not."""
    alex = Owner("alex")
    chosen = Settings(_env_file=None, data_dir=tmp_path, chat_model="offline")
    async with open_parts(chosen) as parts:
        conversation = Conversation(parts)
        said = conversation.turn(alex, "t", "My dog is called Biscuit.")
        assert [event async for event in said]
        parts.stores.recall.forget(alex)
        with create_pipe_input() as typed, create_app_session(input=typed):
            chat = asyncio.create_task(Screen(parts, conversation, Talk(alex, "t")).run())
            async with asyncio.timeout(60):
                while not parts.stores.recall.nbytes:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.01)
            typed.send_text("/quit\n")
            await chat
