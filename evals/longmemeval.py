"""LongMemEval (Wu et al., 2024): questions over many chats with an assistant.

Reads one of its files in place (`longmemeval_s.json`, `_m`, `_oracle`): a list of questions, each
with a history of its own. `mnemo eval longmemeval FILE`.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

from evals.conversations import Dialogue, Mode, Probe, Session, Utterance
from evals.data_files import read_file
from evals.report import Report
from evals.runner import Options, run

_DATE = re.compile(r"(\d{4})/(\d\d)/(\d\d).*?(\d\d):(\d\d)")


async def run_longmemeval(
    file: Path,
    *,
    mode: Mode = "recorded",
    **options: Unpack[Options],
) -> Report:
    """Measure the product's recall on LongMemEval, beside baselines.

    It publishes neither summaries nor facts: `recorded` measures the verbatim turns alone.

    Raises:
        NotBenchmark: If the file is not one of them, in one sentence.
    """
    return await run(f"LongMemEval ({mode})", load(file), mode=mode, **options)


def load(file: Path) -> list[Dialogue]:
    """Return the questions of a file, each with its history; those without evidence left out.

    Raises:
        NotBenchmark: If it is not a file of LongMemEval.
    """
    dialogues = read_file(file, "a file of LongMemEval", lambda data: [*map(_conversation, data)])
    return [conversation for conversation in dialogues if conversation.probes]


def _conversation(data: dict[str, Any]) -> Dialogue:
    """Return one question with its history; abstention questions have no evidence."""
    dated = sorted(
        zip(data["haystack_dates"], data["haystack_session_ids"], data["haystack_sessions"],
            strict=True),
        key=lambda each: _moment(each[0]),
    )  # fmt: skip
    sessions: list[Session] = []
    evidence: list[str] = []
    for number, (date, _, turns) in enumerate(dated):
        said = [
            Utterance(id=f"{number}:{at}", role=each["role"], name=None, text=each["content"])
            for at, each in enumerate(turns)
        ]
        evidence += [utterance.id for utterance, each in zip(said, turns, strict=True)
                     if each.get("has_answer")]  # fmt: skip
        sessions.append(Session(_moment(date), tuple(said)))
    asked = _moment(data["question_date"])
    abstains = str(data["question_id"]).endswith("_abs")
    probe = Probe(
        question=data["question"],
        answer=str(data["answer"]),
        category=data["question_type"],
        evidence=tuple(evidence),
        asked=asked,
    )
    probes = () if abstains or not evidence else (probe,)
    return Dialogue(str(data["question_id"]), tuple(sessions), probes)


def _moment(text: str) -> datetime:
    match = _DATE.search(text)
    if match is None:
        raise ValueError(f'"{text}" is no date such as "2023/05/30 (Tue) 23:40"')
    year, month, day, hour, minute = (int(part) for part in match.groups())
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
