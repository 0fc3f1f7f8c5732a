"""The command line as a person or a program meets it: the real binary, embedded stores, offline."""

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from graph.parts import open_parts
from service.memory_changes import edit_fact
from settings import Settings
from tests.support.house import is_reply
from tests.support.mnemo_runs import PROMPT, Mnemo, mnemo
from tests.support.servers.openai_server import Fault, OpenAIServer, Reply

__all__ = ["mnemo"]

pytestmark = pytest.mark.timeout(300)  # Many start the program several times.

PEANUTS = "My name is Alex and I am allergic to peanuts"
TOPICS = [
    "I started painting the kitchen in a light green",
    "The train to work was late again this morning",
    "My neighbour has bought a very loud drum kit",
    "I am reading a novel about an island in the north",
    "We had rain the whole weekend",
    "The new office is on the fourth floor",
    "I tried a recipe for lentil soup and it was fine",
    "My bicycle needs a new chain",
    "I watched a film about deep sea divers",
    "The garden is full of snails this year",
    "I would like to learn to play the cello",
    "My cousin moved to Lisbon in March",
    "The coffee machine at work is broken",
    "I found an old photograph of my school class",
    "There is a street festival next Saturday",
    "I slept badly because of the heat",
    "My dentist has retired",
    "I planted tomatoes on the balcony",
    "The library was closed today",
    "I walked along the river for two hours",
    "My phone battery does not last a day any more",
    "I have to renew my passport before the summer",
    "The bakery around the corner has a new owner",
    "I lost an umbrella on the bus",
    "My sister Anna is training for a marathon",
    "I repaired the garden gate myself",
    "The choir rehearsal was moved to Thursday",
    "I want to visit the museum of clocks",
    "My landlord promised to mend the heating",
    "We played cards until midnight",
    "I bought a second-hand desk",
    "The fog was so thick that I could not see the bridge",
    "I am learning the names of the stars",
    "My colleague Ben has twins now",
    "I went swimming in the lake for the first time this year",
    "The cat from next door sleeps on our sofa",
    "I cleaned the windows before the visit",
    "My favourite radio show has ended",
    "I carved a spoon out of cherry wood",
    "The road to the village is closed",
]


@dataclass(frozen=True)
class Talked:
    """A conversation of 45 turns: 41, then a restart, then the last four."""

    folder: Path
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]

    @property
    def turns(self) -> list[dict[str, Any]]:
        """All reports in order."""
        return [*self.before, *self.after]


@pytest.fixture(scope="module")
def talked(tmp_path_factory: pytest.TempPathFactory) -> Talked:
    """Have the long conversation, once for all tests."""
    program = Mnemo(tmp_path_factory.mktemp("talked"))
    before = program.chat(PEANUTS, *TOPICS)
    after = program.chat(
        "What am I allergic to?",
        "The weather is nice today",
        "I will go to the market later",
        "The bread was very good",
    )
    return Talked(program.folder, before, after)


@pytest.fixture
def talker(talked: Talked, mnemo: Mnemo) -> Mnemo:
    """Return the program with a copy of that conversation's data."""
    shutil.copytree(talked.folder / "data", mnemo.data)
    return mnemo


@pytest.mark.deep
def test_what_was_said_once_is_known_after_forty_other_turns_and_a_restart(
    talked: Talked, talker: Mnemo
) -> None:
    assert len(talked.turns) == 45 and not any(turn["error"] for turn in talked.turns)
    asked = talked.after[0]
    assert "peanut" in asked["reply"].casefold()
    found = [item for item in asked["recalled"] if "peanut" in item["text"].casefold()]
    assert found and {item["kind"] for item in found} <= {"evidence", "episode", "fact"}
    oldest = talker.json("episodes")[0]
    assert PEANUTS in [said["text"] for turn in oldest["turns"] for said in turn["messages"]]
    assert any("peanut" in fact["text"] for fact in talker.json("facts"))
    assert any(turn["folded"] for turn in talked.turns)
    assert any(turn["facts_added"] for turn in talked.turns)


@pytest.mark.deep
@pytest.mark.parametrize("share", [[], ["reply_reserve"]], ids=["whole", "without the reply"])
def test_the_prompts_of_a_long_conversation_stay_as_small_as_those_of_a_short_one(
    talked: Talked, share: list[str]
) -> None:
    budgets = [turn["budget"] for turn in talked.turns]
    sizes = [budget["total"] - sum(budget[part] for part in share) for budget in budgets]
    assert max(sizes[30:]) <= 1.1 * max(sizes[:30])


def test_a_turn_is_one_json_object_with_exactly_the_promised_fields(
    talked: Talked, talker: Mnemo
) -> None:
    for turn in talked.turns:
        assert set(turn) == {
            "reply", "error", "recalled", "budget", "folded", "facts_added", "ms", "degraded",
        }  # fmt: skip
        assert turn["degraded"] == []
        assert set(turn["ms"]) == {"recall", "assemble", "generate", "remember"}
        assert all(value > 0 for value in turn["ms"].values())
        parts = ["persona", "summary", "buffer", "entities", "memories", "reply_reserve"]
        assert set(turn["budget"]) == {*parts, "total", "limit", "cached_prefix"}
        assert turn["budget"]["total"] == sum(turn["budget"][part] for part in parts)
        assert all(set(item) == {"id", "kind", "score", "text"} for item in turn["recalled"])
    assert talker.json("budget") == talked.turns[-1]["budget"]


def test_a_restart_goes_on_with_the_same_thread_and_new_begins_another(
    talked: Talked, talker: Mnemo
) -> None:
    assert talked.after[0]["budget"]["cached_prefix"] > 0, "it begins like the prompt before it"
    (new,) = talker.chat("Hello again", args=("--new",))
    assert new["budget"]["cached_prefix"] == 0 and new["budget"]["summary"] > 0


@pytest.mark.deep
def test_users_and_characters_never_meet(talker: Mnemo) -> None:
    for args in (("--user", "Local"), ("--character", "nurse")):
        (turn,) = talker.chat("What am I allergic to?", args=args)
        assert turn["recalled"] == [] and turn["budget"]["summary"] == 0
        assert "peanut" not in turn["reply"].casefold()


@pytest.mark.deep
def test_a_thread_of_another_user_is_refused_in_one_sentence(mnemo: Mnemo) -> None:
    mnemo.chat("I am allergic to peanuts", args=("--user", "alex", "--thread", "mine"))
    (turn,) = mnemo.chat("Tell me", args=("--user", "eve", "--thread", "mine"))
    assert turn["error"].startswith("This thread belongs to another conversation")
    assert turn["reply"] == "" and turn["recalled"] == []


def test_a_piped_chat_prints_the_replies_and_nothing_else(mnemo: Mnemo) -> None:
    done = mnemo.run("chat", said="I live in Ghent\r\n\n   \nWhere do I live?\n")
    assert done.returncode == 0 and done.stderr == ""
    assert len(done.stdout.splitlines()) == 2 and "Ghent" in done.stdout.splitlines()[-1]


def test_any_bytes_are_taken_and_stored_text_cannot_steer_the_terminal(mnemo: Mnemo) -> None:
    said = "Grüße aus Köln 🦦\n".encode()
    said += b"\xff\xfe broken and \x1b[2J\x1b]0;owned\x07 from K\xc3\xb6ln \xc2\x9b31m"
    done = mnemo.run("chat", "--json", said=said)
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(turns) == 2 and not any(turn["error"] for turn in turns)
    shown = mnemo.run("recall", "Was war in Köln?").stdout
    assert "Grüße aus Köln 🦦" in shown and "broken and" in shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


async def test_facts_show_what_was_superseded_and_until_when(mnemo: Mnemo) -> None:
    mnemo.chat("I live in Ghent", "The weather is fine", "I like tea", "It rains")
    (ghent,) = (fact for fact in mnemo.json("facts") if "Ghent" in fact["text"])
    kept = Settings(_env_file=None, data_dir=Path(mnemo.env["MNEMO_DATA_DIR"]))
    async with open_parts(kept) as parts:
        await edit_fact(parts, Owner("local"), ghent["id"], "I live in Oslo")
    facts = mnemo.json("facts")
    assert {fact["current"] for fact in facts if "Ghent" in fact["text"]} == {False}
    assert {fact["current"] for fact in facts if "Oslo" in fact["text"]} == {True}
    assert all(fact["until"] for fact in facts if not fact["current"])
    shown = mnemo.run("facts").stdout
    assert shown.index("Oslo") < shown.index("Ghent"), "those that hold come first"


def test_reset_asks_first_and_then_leaves_nothing(talker: Mnemo) -> None:
    for command in ("reset", "forget"):
        refused = talker.run(command, said="y\n")
        assert refused.returncode == 2 and "give --yes" in refused.stderr
    removed = talker.json("reset", "--yes")
    assert removed["threads"] == 1 and removed["turns"] > 0 and removed["memories"] > 0
    assert talker.json("facts") == []
    (turn,) = talker.chat("What am I allergic to?")
    assert turn["recalled"] == [] and turn["budget"]["summary"] == 0
    assert "peanut" not in turn["reply"].casefold()


@pytest.mark.deep
def test_what_was_exported_and_forgotten_can_be_brought_back(talker: Mnemo) -> None:
    talker.run("export", "alex.jsonl")
    before = talker.json("facts")
    assert talker.json("forget", "--yes")["memories"] > 0
    assert talker.json("facts") == []
    assert talker.json("import", "alex.jsonl")["facts"] == len(before)
    assert talker.json("facts") == before


@pytest.mark.parametrize(
    ("args", "env", "sentence"),
    [
        (["chat", "--user", ""], {}, "--user and --character must not be empty"),
        (["chat", "--thread", "a", "--new"], {}, "Give --thread or --new, not both"),
        (["chat", "--thread", " "], {}, "--thread must not be empty"),
        (["recall", "  "], {}, "The query is empty"),
        (["recall", "tea", "--as-of", "someday"], {}, "as_of is no date"),
        (["recall", "tea", "--timezone", "Mars"], {}, 'There is no time zone "Mars"'),
        (["chat", "--timezone", "Mars"], {}, 'There is no time zone "Mars"'),
        (["budget"], {}, "There is no prompt to report on yet"),
        (["facts"], {"MNEMO_FOLD_AT": "7"}, "MNEMO_FOLD_AT cannot be used: input should be less"),
        (["facts"], {"MNEMO_FREE": "{"}, "A setting cannot be read"),
        (["reset", "--yes"], {"MNEMO_DATA_DIR": "/proc/nowhere"}, "/proc/nowhere"),
        (["sweep"], {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "set MNEMO_CHAT_MODEL"),
        (["facts"], {"MNEMO_REDIS_URL": "redis://127.0.0.1:9"}, "No Redis answers at"),
    ],
)
def test_bad_input_gets_one_sentence(
    mnemo: Mnemo, args: list[str], env: dict[str, str], sentence: str
) -> None:
    done = mnemo.run(*args, env=env)
    assert done.returncode == 1
    assert sentence in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stdout == ""


def test_every_command_explains_itself_quickly(mnemo: Mnemo) -> None:
    top = mnemo.run("--help").stdout
    commands = re.findall(r"^  ([a-z]+)  ", top, re.MULTILINE)
    assert {"chat", "recall", "episodes", "facts", "entities", "budget", "export", "import",
            "forget", "reset", "reindex", "sweep", "recover", "doctor",
            "eval"} <= set(commands)  # fmt: skip
    assert "..." not in top.partition("Commands:")[2], "no explanation is cut off"
    for command in commands:
        done = mnemo.run(command, "--help")
        assert done.returncode == 0 and "Usage: mnemo" in done.stdout
        owned = ("chat", "recall", "episodes", "facts", "entities", "budget", "reset")
        assert ("--user" in done.stdout and "--character" in done.stdout) or command not in owned


def test_the_installed_program_starts_at_once_and_talks(mnemo: Mnemo) -> None:
    program = Path(sys.executable).with_name("mnemo")

    def run(*args: str, said: str = "") -> str:
        done = subprocess.run(
            [program, *args],
            input=said,
            cwd=mnemo.folder,
            env=mnemo.env,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0 and not done.stderr
        return done.stdout

    begun = time.perf_counter()
    assert "Usage: mnemo" in run("--help")
    assert time.perf_counter() - begun < 3.0  # 0.3 s on a machine with nothing else to do
    reply = run("chat", said=f"{PEANUTS}\n")
    assert reply.strip()


def _model(server: OpenAIServer) -> dict[str, str]:
    """Return the variables that make the program use a model of the test server."""
    return {
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "MNEMO_CHAT_MODEL": "test-model",
        "MNEMO_SEARCH_MEMORY": "false",
    }


# On a terminal


def test_a_new_user_finds_the_way_on_a_terminal(mnemo: Mnemo) -> None:
    with mnemo.terminal("chat") as screen:
        greeting = screen.wait_for("Ctrl-D leaves.")
        assert "offline" in greeting and "OPENAI_API_KEY" in greeting
        assert str(mnemo.data) in greeting.replace("\n", "") and "(new)" in greeting
        screen.type("/memory")
        screen.wait_for("say something first")
        screen.type("/budget")
        screen.wait_for("say something first")
        screen.type("I am allergic to peanuts")
        screen.type("/help")
        helped = screen.wait_for("/quit")
        assert all(name in helped for name in ("/memory", "/budget", "/reset", "/new"))
        screen.type("/new")
        screen.wait_for("A new conversation")
        screen.type("What am I allergic to?")
        screen.wait_for("peanuts")
        screen.type("/budget")
        assert "persona" in screen.wait_for("prefix cached")
        screen.type("/memory")
        screen.type("/what")
        screen.wait_for("There is no command /what")
        screen.wait_for(PROMPT)
        screen.press("C")
        screen.wait_for("Ctrl-D or /quit leaves")
        assert screen.leave() == 0
        assert "Traceback" not in screen.seen and "WARNING" not in screen.seen.upper()


def test_what_was_recalled_and_why_is_shown_on_a_terminal(talker: Mnemo) -> None:
    with talker.terminal("chat") as screen:
        assert "going on, last spoken on" in screen.wait_for("Ctrl-D leaves.")
        screen.type("What am I allergic to?")
        screen.type("/memory")
        screen.wait_for("peanuts")
        assert "evidence" in screen.wait_for("shares words with the message")
        assert screen.leave() == 0


def test_reset_on_a_terminal_asks_and_also_forgets_the_typed_lines(mnemo: Mnemo) -> None:
    with mnemo.terminal("chat") as screen:
        screen.wait_for("Ctrl-D leaves.")
        screen.type("I am allergic to peanuts")
        screen.type("/reset")
        screen.wait_for("[y/N]")
        screen.answer("n")
        screen.wait_for("Nothing was forgotten")
        screen.type("/reset")
        screen.wait_for("[y/N]")
        screen.answer("y")
        screen.wait_for("Forgotten: 1 threads")
        screen.type("What am I allergic to?")
        assert "peanuts" not in screen.wait_for("do not remember anything")
        assert screen.leave() == 0
    typed = "".join(path.read_text() for path in (mnemo.data / "history").iterdir())
    assert "What am I" in typed and "peanuts" not in typed


@pytest.mark.deep
def test_folding_is_shown_while_it_happens(mnemo: Mnemo, openai_server: OpenAIServer) -> None:
    openai_server.default = lambda body: (
        Reply("Yes.") if is_reply(body) else Reply("They spoke of tea.", delay=0.2)
    )
    env = {**_model(openai_server), "MNEMO_FOLD_TURNS": "3", "MNEMO_EXTRACT_TURNS": "100"}
    with mnemo.terminal("chat", env=env) as screen:
        assert "test-model" in screen.wait_for("Ctrl-D leaves.")
        for number in range(3):
            screen.type(f"I drank {number} cups of tea")
            screen.wait_for("Yes.")
        screen.wait_for("folding 2 messages into memory...")
        assert screen.leave() == 0


def test_ctrl_c_stops_a_reply_and_the_conversation_goes_on(
    mnemo: Mnemo, openai_server: OpenAIServer
) -> None:
    openai_server.answers(Reply("one two three four five " * 40, delay=0.1))
    with mnemo.terminal("chat", env=_model(openai_server)) as screen:
        screen.wait_for("Ctrl-D leaves.")
        screen.type("Count for me")
        screen.wait_for("three")
        screen.press("C")
        screen.wait_for("Stopped.")
        openai_server.answers(Reply("Here I am again."))
        screen.type("Are you there?")
        screen.wait_for("Here I am again.")
        assert screen.leave() == 0
        assert "Traceback" not in screen.seen
    sent = "\n".join(message["content"] for message in openai_server.requests[-1]["messages"])
    assert "Count for me" in sent and "Are you there?" in sent


def test_a_model_that_fails_is_one_sentence_and_the_message_is_kept(
    mnemo: Mnemo, openai_server: OpenAIServer
) -> None:
    env = {**_model(openai_server), "MNEMO_MODEL_RETRIES": "0"}
    openai_server.answers(Fault(500), Reply("Now I can."))
    failed, answered = mnemo.chat("I like tea", "Well?", env=env)
    assert failed["error"] and failed["reply"] == "" and answered["reply"] == "Now I can."
    sent = "\n".join(message["content"] for message in openai_server.requests[-1]["messages"])
    assert "I like tea" in sent and "Well?" in sent


# Settings


def test_every_setting_is_explained_in_the_example_file_and_none_besides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = Path(__file__).parents[3].joinpath(".env.example").read_text()
    lines = re.findall(r"^# ([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE)
    named = {name.partition("__")[0] for name, _ in lines}
    prefix = Settings.model_config.get("env_prefix", "")
    expected = {
        (name if name.startswith("openai_") else prefix + name).upper()
        for name in Settings.model_fields
    }
    assert named == expected and len(lines) == len({name for name, _ in lines})

    for name in expected:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    plain = Settings()
    with_default = {name for name in Settings.model_fields if getattr(plain, name) is not None}
    variables = {(prefix + name).upper() for name in with_default}
    taken = [line for line in lines if line[0].partition("__")[0] in variables]
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in taken))
    assert Settings() == plain
