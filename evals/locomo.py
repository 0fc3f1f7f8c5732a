"""LoCoMo (Maharana et al., 2024): very long conversations of two people, recalled by the product.

Reads a folder of its files in place, one conversation each, or the one file of all ten.
`python -m evals.locomo DIR`.
"""

import json
import re
from datetime import UTC, datetime, timedelta
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
from evals.report import Report
from evals.runner import Options, run

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
"""The answerable ones; category 5 asks for what was never said."""

_DATE = re.compile(r"(\d{1,2}):(\d\d) (am|pm) on (\d{1,2}) (\w+),? (\d{4})", re.IGNORECASE)
_IDS = re.compile(r"[;,\s]+")


class NotLocomo(ValueError):
    """A file or folder does not hold what was expected."""


async def run_locomo(
    folder: Path,
    *,
    mode: Mode = "recorded",
    **options: Unpack[Options],
) -> Report:
    """Measure the product's recall on LoCoMo, beside baselines.

    Args:
        folder: A folder of LoCoMo's conversations, or one file.
        mode: Whose summaries and facts: the published ones, or the offline model's.
        options: As for any benchmark.

    Raises:
        NotLocomo: If the folder holds no conversation, in one sentence.
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
        NotLocomo: If there is none, or a file is not one.
    """
    if not folder.exists():
        raise NotLocomo(f"{folder} does not exist: give the folder of LoCoMo's JSON files.")
    files = sorted(folder.glob("*.json")) if folder.is_dir() else [folder]
    dialogues: list[Dialogue] = []
    for file in files:
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            parts = data if isinstance(data, list) else [data]
            for number, part in enumerate(parts):
                name = str(part.get("sample_id") or (file.stem if len(parts) == 1 else number))
                # As first published, the conversation lies beside its questions.
                dialogues.append(_conversation(name, {**part, **part.get("conversation", {})}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotLocomo(f"{file} is not a conversation of LoCoMo: {error!r}.") from error
    if not dialogues:
        raise NotLocomo(f"{folder} holds no JSON file: give the folder of LoCoMo's JSON files.")
    return dialogues


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
                    question=each["question"],
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
            id=said["dia_id"],
            role="user" if said["speaker"] == user else "assistant",
            name=said["speaker"],
            text=said["text"],
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
        Statement(text, speaker, tuple(_ids(sources)))
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


if __name__ == "__main__":
    from evals.runner import main

    main(run_locomo, "Measure recall on LoCoMo.", offline=True)
