"""BEAM ("Beyond a million tokens", ICLR 2026): what the product recalls of long talks.

Reads a folder of its chats in place, one file each. `mnemo eval beam DIR`.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Unpack

from evals.conversations import Dialogue, Probe, Session, Utterance
from evals.data_files import files_in, read_file
from evals.report import Report
from evals.runner import Options, run
from models.embeddings.open import MULTILINGUAL
from models.open import open_models
from settings import Settings

STARTS = timedelta(hours=10)
"""Sittings are published by their day; each is taken to begin at ten."""
_WISHES = ("instruction_following", "preference_following")
"""Abilities whose answer is what the user asked for, word for word: it must be shown."""
_ADDRESSED = re.compile(r"^LLM response should \w+: ")
"""How most nuggets begin; what follows is what an answer must say."""


async def run_beam(
    folder: Path,
    *,
    offline: bool = True,
    **options: Unpack[Options],
) -> Report:
    """Measure the product's recall on BEAM by ability, beside baselines.

    Turns are folded, and facts drawn, when a conversation would have done so.

    Raises:
        NotBenchmark: If the folder holds no chat, in one sentence.
    """
    dialogues = load(folder)
    embeddings = options.get("embeddings", MULTILINGUAL)
    models = None if offline else await open_models(Settings(embeddings=embeddings))
    try:
        return await run(
            f"BEAM ({'offline' if models is None else models.memory_name})",
            dialogues,
            mode="folded",
            model=models.memory if models else None,
            category="ability",
            **options,
        )
    finally:
        if models is not None:
            await models.aclose()


def load(folder: Path) -> list[Dialogue]:
    """Return the chats of a folder or file.

    Raises:
        NotBenchmark: If there is none, or a file is not one.
    """
    return [read_file(file, "a chat of BEAM", _dialogue) for file in files_in(folder, "BEAM")]


def _dialogue(data: dict[str, Any]) -> Dialogue:
    sessions = tuple(map(_session, data["batches"]))
    if not sessions:
        raise ValueError("it has no batches")
    ids = {said.id for session in sessions for said in session.utterances}
    asked = sessions[-1].begun + timedelta(days=1)
    probes = tuple(
        Probe(
            question=str(probe["question"]),
            answer=str(probe.get("answer") or ""),
            category=str(probe["ability"]),
            evidence=tuple(
                dict.fromkeys(str(id) for id in probe.get("sources") or () if str(id) in ids)
            ),
            asked=asked,
            nuggets=_nuggets(probe),
        )
        for probe in data["probes"]
    )
    return Dialogue(str(data["name"]), sessions, probes)


def _nuggets(probe: dict[str, Any]) -> tuple[str, ...]:
    if probe["ability"] in _WISHES:
        return ()
    return tuple(_ADDRESSED.sub("", str(nugget)) for nugget in probe.get("nuggets") or ())


def _session(batch: dict[str, Any]) -> Session:
    begun = datetime.fromisoformat(str(batch["date"])).replace(tzinfo=UTC) + STARTS
    utterances = tuple(
        Utterance(
            id=str(said["id"]),
            role="user" if said["role"] == "user" else "assistant",
            name=None,
            text=str(said["text"]),
        )
        for said in batch["messages"]
    )
    return Session(begun, utterances)
