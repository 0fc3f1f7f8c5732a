"""LoCoMo (Maharana et al., 2024): very long conversations of two people, recalled by the product.

Reads a folder of its files in place, one conversation each, or the one file of all ten.
`mnemo eval locomo DIR`.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from evals.conversations import (
    Dialogue,
    Mode,
    Probe,
    Session,
    Statement,
    Utterance,
)
from evals.data_files import files_in, read_file
from evals.report import Report
from evals.runner import Options, run

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
"""The answerable ones; category 5 asks for what was never said."""

_DATE = re.compile(r"(\d{1,2}):(\d\d) (am|pm) on (\d{1,2}) (\w+),? (\d{4})", re.IGNORECASE)
_IDS = re.compile(r"[;,\s]+")


async def run_locomo(
    folder: Path,
    *,
    mode: Mode = "recorded",
    **options: Unpack[Options],
) -> Report:
    """Measure the product's recall on LoCoMo, beside baselines.

    Raises:
        NotBenchmark: If the folder holds no conversation, in one sentence.
    """
    conversations = load(folder)
    return await run(
        f"LoCoMo ({mode})",
        conversations,
        mode=mode,
        names={str(number): name for number, name in CATEGORIES.items()},
        **options,
    )


def load(folder: Path) -> list[Dialogue]:
    """Return the conversations of a folder or file.

    Raises:
        NotBenchmark: If there is none, or a file is not one.
    """
    dialogues: list[Dialogue] = []
    for file in files_in(folder, "LoCoMo"):
        of = partial(_conversations, file.stem)
        dialogues += read_file(file, "a conversation of LoCoMo", of)
    return dialogues


def _conversations(stem: str, data: Any) -> list[Dialogue]:
    parts = data if isinstance(data, list) else [data]
    names = [
        part.get("sample_id") or (stem if len(parts) == 1 else i) for i, part in enumerate(parts)
    ]
    if not parts:
        raise ValueError("it holds none")
    # As first published, the conversation lies beside its questions.
    return [
        _conversation(str(name), {**part, **part.get("conversation", {})})
        for name, part in zip(names, parts, strict=True)
    ]


def _conversation(name: str, data: dict[str, Any]) -> Dialogue:
    numbers = sorted(
        int(match[1]) for key in data if (match := re.fullmatch(r"session_(\d+)", key))
    )
    sessions = tuple(_session(data, number) for number in numbers if data[f"session_{number}"])
    if not sessions:
        raise ValueError("it has no sessions")
    ids = {said.id for session in sessions for said in session.utterances}
    asked = sessions[-1].begun + timedelta(days=1)
    probes = []
    for each in data.get("qa", ()):
        evidence = [id for id in _ids(each.get("evidence", ())) if id in ids]
        if each.get("category") in CATEGORIES and evidence:
            probes.append(
                Probe(
                    question=str(each["question"]),
                    answer=str(each.get("answer", "")),
                    category=each["category"],
                    evidence=tuple(dict.fromkeys(evidence)),
                    asked=asked,
                )
            )
    return Dialogue(name, sessions, tuple(probes))


def _session(data: dict[str, Any], number: int) -> Session:
    user = data["speaker_a"]
    utterances = tuple(
        Utterance(
            id=str(said["dia_id"]),
            role="user" if said["speaker"] == user else "assistant",
            name=str(said["speaker"]),
            text=str(said["text"]),
            caption=said.get("blip_caption"),
        )
        for said in data[f"session_{number}"]
    )
    observed = data.get(f"session_{number}_observation") or data.get("observation", {}).get(
        f"session_{number}_observation", {}
    )
    summary = data.get(f"session_{number}_summary") or data.get("session_summary", {}).get(
        f"session_{number}_summary"
    )
    statements = tuple(
        Statement(str(text), speaker, tuple(_ids(sources)))
        for speaker, notes in observed.items()
        for text, sources in notes
    )
    return Session(_moment(data[f"session_{number}_date_time"]), utterances, summary, statements)


def _ids(written: Any) -> list[str]:
    """Return ids, of which one string may hold several."""
    parts = [written] if isinstance(written, str) else written
    return [id for part in parts for id in _IDS.split(part) if id]


def _moment(text: str) -> datetime:
    match = _DATE.search(text)
    if match is None:
        raise ValueError(f'"{text}" is no date such as "1:56 pm on 8 May, 2023"')
    return datetime.strptime(" ".join(match.groups()), "%I %M %p %d %B %Y").replace(tzinfo=UTC)
