import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.console import Console

from domain.records import Role
from evals import memory_cost
from evals.beam import load as load_beam
from evals.beam import run_beam
from evals.conversations import Session, Utterance, turns_of
from evals.data_files import NotBenchmark
from evals.langsmith_recall import experiment
from evals.locomo import load, run_locomo
from evals.longmemeval import load as load_longmemeval
from evals.longmemeval import run_longmemeval
from evals.measures import Outcome, measure
from evals.report import print_report
from models.tokens import open_counter

KEYS = {"conversation", "question", "category", "answer", "evidence", "context", "tokens", "ms"}

SAID = (
    ("Ann", "I adopted a greyhound called Biscuit from the shelter.", None),
    ("Ben", "Lovely! I went sailing off Lisbon with my sister.", "a photo of a white boat"),
    ("Ann", "I have never been to Portugal.", None),
    ("Ben", "You must go. I start the cello on Monday.", None),
)


def session(number: int) -> dict[str, Any]:
    """Return one session in the format of LoCoMo."""
    said = [
        {"speaker": who, "dia_id": f"D{number}:{n}", "text": text}
        | ({"blip_caption": caption} if caption else {})
        for n, (who, text, caption) in enumerate(SAID)
    ]
    if number > 1:
        said = [{**each, "text": f"So, day {number} of this. {number * 37}"} for each in said]
    return {
        f"session_{number}": said,
        f"session_{number}_date_time": f"1:56 pm on {number} May, 2023",
        f"session_{number}_summary": "Ann has a dog. Ben sails and will play the cello.",
        f"session_{number}_observation": {
            "Ann": [["Ann adopted a greyhound.", f"D{number}:0"]],
            "Ben": [["Ben went sailing.", [f"D{number}:1", f"D{number}:3"]]],
        },
    }


def locomo() -> dict[str, Any]:
    """Return a small conversation in the format of LoCoMo."""
    questions = [
        {"question": "What is Ann's greyhound called?", "answer": "Biscuit",
         "evidence": ["D1:0"], "category": 4},
        {"question": "Where did Ben sail, and what will he play?", "answer": "Lisbon, the cello",
         "evidence": ["D1:1; D1:3"], "category": 1},
        {"question": "What is Ann's cat called?", "evidence": ["D1:0"], "category": 5},
        {"question": "Nobody knows?", "answer": "?", "evidence": [], "category": 3},
        {"question": "Lost?", "answer": "?", "evidence": ["D"], "category": 4},
    ]  # fmt: skip
    sessions: dict[str, Any] = {}
    for number in (1, 2, 10):
        sessions |= session(number)
    return {"speaker_a": "Ann", "speaker_b": "Ben", "qa": questions, **sessions}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "7.json").write_text(json.dumps(locomo()))
    return tmp_path


def test_a_conversation_is_read_as_published(folder: Path) -> None:
    (conversation,) = load(folder)
    assert [s.begun.day for s in conversation.sessions] == [1, 2, 10]
    assert [p.evidence for p in conversation.probes] == [("D1:0",), ("D1:1", "D1:3")]
    first = conversation.sessions[0]
    assert first.utterances[1].message.endswith("with my sister. [a photo of a white boat]")
    assert first.statements[1].sources == ("D1:1", "D1:3")


def test_the_file_of_all_conversations_is_read_too(tmp_path: Path) -> None:
    part = locomo()
    sample = {"sample_id": "conv-1", "qa": part.pop("qa"), "conversation": part}
    file = tmp_path / "locomo10.json"
    file.write_text(json.dumps([sample, {**sample, "sample_id": "conv-2"}]))
    assert [(c.name, len(c.probes)) for c in load(file)] == [("conv-1", 2), ("conv-2", 2)]


@pytest.mark.parametrize("content", [None, "[]", "{}", "not json", '{"session_1": [{}]}'])
def test_what_is_no_locomo_is_refused_in_one_sentence(tmp_path: Path, content: str | None) -> None:
    folder = tmp_path / "data"
    if content is not None:
        folder.mkdir()
        (folder / "1.json").write_text(content)
    with pytest.raises(NotBenchmark, match=r"data"):
        load(folder)


@pytest.mark.parametrize(
    ("of", "lacks"),
    [
        ((), "speaker_a"),
        (("session_1", 0), "dia_id"),
        (("session_1", 1), "text"),
        (("qa", 0), "question"),
    ],
)
def test_what_a_file_of_locomo_lacks_is_named(
    tmp_path: Path, of: tuple[Any, ...], lacks: str
) -> None:
    data: Any = locomo()
    part = data
    for step in of:
        part = part[step]
    del part[lacks]
    (tmp_path / "7.json").write_text(json.dumps(data))
    with pytest.raises(NotBenchmark, match=f'7.json is not .*: it has no "{lacks}"'):
        load(tmp_path)


def test_utterances_become_turns_of_a_message_and_its_reply() -> None:
    roles: list[Role] = ["assistant", "user", "user", "assistant", "user"]
    said = tuple(
        Utterance(id=str(n), role=role, name=None, text=f"text {n}") for n, role in enumerate(roles)
    )
    turns = turns_of(Session(datetime(2023, 5, 8, tzinfo=UTC), said), "t")
    assert [[m.id for m in turn.messages] for turn in turns] == [["0"], ["1", "2", "3"], ["4"]]
    assert [turn.parent for turn in turns] == [None, turns[0].id, turns[1].id]


async def test_memories_in_postgres_are_recalled_as_from_chroma_and_leave_nothing_there(
    folder: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMO_POSTGRES_URL", postgres_url)
    dumps = {}
    for store in ("chroma", None):  # unless told otherwise, where the settings keep memories
        dump = folder / f"{store}.jsonl"
        report = await run_locomo(folder, budget=60, dump=dump, where=store, baselines=False)
        dumps[report.store] = [
            json.loads(line)["context"] for line in dump.read_text().splitlines()
        ]
    assert dumps["chroma"] == dumps["postgres"] and all(dumps["chroma"])
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'mnemo%'"
        ).fetchone()
    assert found == (0,)


@pytest.mark.parametrize("mode", ["recorded", "offline"])
async def test_recall_is_measured_beside_its_baselines(folder: Path, mode: Any) -> None:
    dump = folder / "dump.jsonl"
    steps: list[tuple[int, int]] = []
    report = await run_locomo(
        folder,
        budget=120,
        mode=mode,
        dump=dump,
        progress=lambda doing, done, of: steps.append((done, of)),
    )
    assert report.product.overall.evidence_recall == 1.0
    assert report.product.overall.answer_support == 1.0
    assert len(report.results) == 5
    assert all(result.overall.most_tokens <= 120 for result in report.results)
    assert steps[-1] == (2, 2)
    rows = [json.loads(line) for line in dump.read_text().splitlines()]
    assert all(set(row) == KEYS for row in rows)
    assert rows[0]["category"] == 4 and rows[1]["evidence"] == ["D1:1", "D1:3"]
    count = open_counter("").text
    assert all(count(row["context"]) == row["tokens"] <= 120 for row in rows)
    assert all(SAID[0][1] in row["context"] for row in rows[:1])
    json.dumps(report.as_json())


async def test_an_experiment_scores_here_and_sends_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as langsmith:
        langsmith.setblocking(False)
        monkeypatch.setenv("LANGSMITH_ENDPOINT", f"http://127.0.0.1:{langsmith.getsockname()[1]}")
        scores = await experiment(folder, budget=300, embeddings="wordllama")
        with pytest.raises(BlockingIOError):  # nobody has called
            langsmith.accept()
    assert scores == {"evidence_recall": 1.0, "answer_support": 1.0}


async def test_two_runs_recall_the_same(folder: Path) -> None:
    contexts = []
    for run in ("a", "b"):
        dump = folder / f"{run}.jsonl"
        await run_locomo(folder, budget=150, dump=dump, baselines=False)
        contexts.append([json.loads(line)["context"] for line in dump.read_text().splitlines()])
    assert contexts[0] == contexts[1]


def long_mem_eval() -> list[dict[str, Any]]:
    """Return two questions in the format of LongMemEval, one of them without an answer."""
    asked = {
        "question_id": "q1",
        "question_type": "single-session-user",
        "question": "Which instrument did I start to learn?",
        "answer": "the cello",
        "question_date": "2023/06/01 (Thu) 10:00",
        "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/10 (Wed) 02:21"],
        "haystack_session_ids": ["s2", "s1"],
        "haystack_sessions": [
            [
                {"role": "user", "content": "I start to learn an instrument, the cello.",
                 "has_answer": True},
                {"role": "assistant", "content": "Have fun! " * 80},
            ],
            [{"role": "user", "content": "Give me a recipe for satay."}],
        ],
        "answer_session_ids": ["s2"],
    }  # fmt: skip
    return [asked, {**asked, "question_id": "q2_abs"}]


async def test_long_mem_eval_is_measured_by_its_marked_turns(tmp_path: Path) -> None:
    file = tmp_path / "longmemeval_s.json"
    file.write_text(json.dumps(long_mem_eval()))
    (conversation,) = load_longmemeval(file)
    assert [s.begun.day for s in conversation.sessions] == [10, 20]
    report = await run_longmemeval(file, budget=200)
    assert report.product.overall.evidence_recall == 1.0
    assert set(report.product.by_category) == {"single-session-user"}
    console = Console(record=True, width=200)
    print_report(report, console)
    assert "single-session-user (1)" in console.export_text()


def test_what_is_no_long_mem_eval_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotBenchmark, match=r"none.json is not a file of LongMemEval: No such file"):
        load_longmemeval(tmp_path / "none.json")
    (tmp_path / "x.json").write_text('[{"question": 1}]')
    with pytest.raises(NotBenchmark, match=r"x\.json is not"):
        load_longmemeval(tmp_path / "x.json")


def test_evidence_is_counted_over_all_questions_and_support_by_question() -> None:
    def outcome(texts: tuple[str, ...], answer: str, ms: float) -> Outcome:
        context = "8 May 2023:\n- Ann: I like tea."
        found = sum(text in context for text in texts)
        return Outcome("c", "?", 4, answer, texts, found, context, 10, ms)

    measured = measure(
        [
            outcome(("I like tea.", "gone", "lost"), "tea", 1),
            outcome(("I like tea.",), "coffee, 8 May", 3),
        ]
    )
    assert measured.evidence_recall == pytest.approx(2 / 4)
    assert measured.answer_support == pytest.approx((1 + 2 / 3) / 2)
    assert measured.p95_ms == 3


DENSE = "It is dense. " * 60
CHAT = {
    "name": "chat",
    "batches": [
        {
            "date": "2024-03-15",
            "messages": [
                {"id": 0, "role": "user", "text": "My budget for the garden is 900 euros."},
                {"id": 1, "role": "assistant", "text": "Plan it well. " * 80},
                {"id": 2, "role": "user", "text": "Which hedge grows fast?"},
                {"id": 3, "role": "assistant", "text": f"I recommend hornbeam. {DENSE}"},
                {"id": 4, "role": "user", "text": "Always name prices in francs."},
                {"id": 5, "role": "assistant", "text": "I will."},
            ],
        }
    ],
    "probes": [
        {
            "ability": "information_extraction",
            "question": "What is my budget for the garden?",
            "answer": "900 euros",
            "nuggets": ["The budget is 900 euros"],
            "sources": [0],
        },
        {
            "ability": "multi_session_reasoning",
            "question": "What hedge did you recommend?",
            "answer": "hornbeam",
            "nuggets": ["hornbeam"],
            "sources": [3],
        },
        {
            "ability": "instruction_following",
            "question": "Hello again",
            "answer": "Always name prices in francs.",
            "nuggets": ["uses another currency"],
            "sources": [4],
        },
    ],
}


async def test_long_talks_are_measured_by_ability_through_the_product_s_own_folding(
    tmp_path: Path,
) -> None:
    (tmp_path / "chat.json").write_text(json.dumps(CHAT), encoding="utf-8")
    dump = tmp_path / "dump.jsonl"
    report = await run_beam(tmp_path, budget=200, dump=dump, baselines=False)
    abilities = {"information_extraction", "instruction_following", "multi_session_reasoning"}
    assert set(report.product.by_category) == abilities
    assert report.product.overall.evidence_recall == 1.0
    assert report.product.overall.answer_support == 1.0
    rows = [json.loads(line) for line in dump.read_text().splitlines()]
    assert set(rows[0]) == KEYS - {"category"} | {"ability"}
    assert all("Always name prices in francs." in row["context"] for row in rows)


@pytest.mark.parametrize("content", ["[]", "{", '{"batches": []}'])
def test_what_is_no_beam_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    with pytest.raises(NotBenchmark, match="is not a chat of BEAM"):
        load_beam(tmp_path)


@pytest.mark.deep
async def test_memory_work_takes_no_more_tokens_than_ever() -> None:
    assert 300 < await memory_cost.measure() <= 456
