"""What a user may ask of `mnemo chat`, and what `mnemo budget` says it cost."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from domain.owner import Owner
from service.cli.talk import Talk
from service.turn_report import report_of
from service.usage.admission import open_conversation
from service.usage.ledger import read_ledger
from tests.support.house import Open, is_reply
from tests.support.mnemo_runs import Mnemo, mnemo
from tests.support.servers.openai_server import OpenAIServer, Reply

__all__ = ["mnemo"]

pytestmark = pytest.mark.timeout(300)  # Many start the program several times.

TWO_A_MINUTE = {"MNEMO_PLUS__TURNS_PER_MINUTE": "2"}
SAID = ["I am allergic to peanuts", "My sister is called Anna", "My dog is called Rex", "Tea?"]
WHEN = re.compile(r": wait (\d\d? seconds|1 minute|2[34] hours.*)\.$")
TOO_MANY = "You sent 2 messages within a minute, which is all that is taken here: wait "


def messages(mnemo: Mnemo) -> list[str]:
    """Return the texts that a user's export holds as messages or as what is remembered of them."""
    done = mnemo.run("export")
    assert done.returncode == 0
    return [line for line in done.stdout.splitlines() if "allergic" in line or "called" in line]


def test_a_message_too_many_is_refused_in_one_sentence_and_the_program_goes_on(
    mnemo: Mnemo,
) -> None:
    turns = mnemo.chat(*SAID, env=TWO_A_MINUTE)
    assert [bool(turn["error"]) for turn in turns] == [False, False, True, True]
    for refused in turns[2:]:
        assert refused["error"].startswith(TOO_MANY) and WHEN.search(refused["error"])
        assert set(refused) == set(turns[0])
        assert refused["reply"] == "" and refused["budget"] is None and refused["recalled"] == []
    held = "\n".join(messages(mnemo))
    assert "Anna" in held and "Rex" not in held
    assert mnemo.json("budget") == turns[1]["budget"]


def test_a_pipe_gets_the_sentence_on_stderr_and_a_failure(mnemo: Mnemo) -> None:
    done = mnemo.run("chat", said="\n".join(SAID[:3]), env=TWO_A_MINUTE)
    assert done.returncode == 1
    assert done.stderr.startswith(TOO_MANY) and len(done.stderr.splitlines()) == 1


def test_a_terminal_shows_the_sentence_and_the_prompt_comes_back(mnemo: Mnemo) -> None:
    with mnemo.terminal("chat", env={"MNEMO_PLUS__TURNS_PER_MINUTE": "1"}) as screen:
        screen.type("I am allergic to peanuts")
        screen.type("My dog is called Rex")
        screen.wait_for("1 message within a minute")
        screen.type("/budget")
        screen.wait_for("prefix cached")
        assert screen.leave() == 0
    assert "Rex" not in "\n".join(messages(mnemo))


def test_each_tier_has_its_own_limit(mnemo: Mnemo) -> None:
    turns = mnemo.chat(*SAID, args=("--tier", "free"), env=TWO_A_MINUTE)
    assert [turn["error"] for turn in turns] == [None] * 4


@pytest.mark.deep
@pytest.mark.parametrize("remember", ["inline", "background"])
def test_a_day_is_used_up_by_what_the_turns_cost(mnemo: Mnemo, remember: str) -> None:
    env = {"MNEMO_PLUS__TOKENS_PER_DAY": "20", "MNEMO_REMEMBER": remember}
    first, second = mnemo.chat(*SAID[:2], env=env)
    assert first["error"] is None
    assert second["error"].startswith("Your 20 tokens of today are used up")
    assert WHEN.search(second["error"])


@pytest.mark.deep
def test_processes_count_together_in_redis(mnemo: Mnemo, redis_url: str) -> None:
    env = TWO_A_MINUTE | {"MNEMO_REDIS_URL": redis_url}
    one = mnemo.chat(SAID[0], env=env)
    other = mnemo.chat(*SAID[1:3], env=env)
    errors = [turn["error"] for turn in (*one, *other)]
    assert errors[:2] == [None, None] and errors[2].startswith(TOO_MANY)


@pytest.mark.deep
@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("graph.parts, service.usage.admission", "limits"),
        ("service.http.server_auth", "graph.parts"),  # A LangGraph server times it.
    ],
)
def test_what_only_others_need_is_not_imported(modules: str, heavy: str) -> None:
    loaded = f"import sys, {modules}; print({heavy!r} in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


# What it cost


def by_purpose(ledger: Any) -> dict[str, dict[str, Any]]:
    return {line["layer"]: line for line in ledger["lines"]}


@pytest.mark.deep
def test_the_ledger_holds_what_the_provider_counted_over_all_runs(
    mnemo: Mnemo, openai_server: OpenAIServer
) -> None:
    env = {
        "OPENAI_BASE_URL": f"{openai_server.url}/v1",
        "MNEMO_CHAT_MODEL": "test-model",
        "MNEMO_SEARCH_MEMORY": "false",
        "MNEMO_PRICES": json.dumps({"test-model": [1_000_000, 2_000_000]}),
    }
    openai_server.default = lambda body: Reply("one two three")
    for number in range(2):
        mnemo.chat(f"Let us speak of mark{number}", env=env)
    ledger = mnemo.json("budget", "--ledger", env=env)
    reply = by_purpose(ledger)["reply"]
    streamed = [body for body in openai_server.requests if is_reply(body)]
    read = sum(len(str(m["content"]).split()) for body in streamed for m in body["messages"])
    assert (reply["calls"], reply["tokens_in"], reply["tokens_out"]) == (2, read, 6)
    assert reply["model"] == "test-model" and reply["cost"] == read + 2 * 6
    shown = mnemo.run("budget", "--ledger", env=env).stdout
    assert "no price" not in shown and f"{ledger['cost']:,.4f}" in shown
    (line,) = [line for line in shown.splitlines() if " reply " in line]
    assert line.split()[2:5] == ["test-model", "2", f"{read:,}"]


@pytest.mark.deep
async def test_what_a_turn_does_after_its_reply_is_counted_too(open_house: Open) -> None:
    async with open_house(fold_turns=3, extract_turns=2) as house:
        parts, owner = house.parts, Owner("alex")
        async with open_conversation(parts) as conversation:
            for number in range(1, 5):
                talk = Talk(owner, "t")
                said = f"Let us speak of mark{number} now"
                report = await report_of(talk.turn(conversation, said))
                assert report.error is None
        spent = await read_ledger(parts.stores.journal, parts.settings, owner)
        assert {line.layer for line in spent.lines} >= {"reply", "summary", "facts"}
        assert sum(line.calls for line in spent.lines) == len(house.server.requests)


def test_the_budget_shows_prompt_and_ledger_to_people_and_each_alone_to_programs(
    mnemo: Mnemo,
) -> None:
    (turn,) = mnemo.chat(SAID[0])
    shown = mnemo.run("budget").stdout
    assert "prefix cached" in shown and "tokens out" in shown and "cost" not in shown
    assert mnemo.json("budget") == turn["budget"]
    ledger = mnemo.json("budget", "--ledger")
    assert set(ledger) == {"lines", "tokens_in", "tokens_out", "cost"}
    assert ledger["tokens_in"] >= by_purpose(ledger)["reply"]["tokens_in"] > 0
    assert "prefix cached" not in mnemo.run("budget", "--ledger").stdout


@pytest.mark.deep
def test_what_was_spent_stays_spent_over_a_reset_and_goes_with_the_user(mnemo: Mnemo) -> None:
    mnemo.chat(SAID[0])
    ledger = mnemo.json("budget", "--ledger")
    assert mnemo.run("reset", "--yes").returncode == 0
    assert mnemo.json("budget", "--ledger") == ledger
    assert mnemo.run("budget", "--json").returncode == 1
    assert "tokens out" in mnemo.run("budget").stdout
    assert mnemo.run("forget", "--yes").returncode == 0
    assert mnemo.json("budget", "--ledger")["lines"] == []
    done = mnemo.run("budget", "--ledger")
    assert done.returncode == 1 and "no turn to account for yet" in done.stderr


@pytest.mark.deep
def test_a_cost_too_small_to_show_is_not_shown_as_nothing(mnemo: Mnemo) -> None:
    mnemo.chat(SAID[0])
    model = mnemo.json("budget", "--ledger")["lines"][0]["model"]
    shown = mnemo.run("budget", env={"MNEMO_PRICES": json.dumps({model: [0.01, 0.01]})}).stdout
    assert "under 0.0001" in shown
