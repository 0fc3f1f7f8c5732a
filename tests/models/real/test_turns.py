"""With a real language model every turn ends in a stored reply or in one sentence that says why.

On its own chat template and on those of stricter models, with a large and a small context.
"""

import re
from pathlib import Path

import pytest

from domain.owner import Owner
from graph.parts import open_parts
from service.conversation import Conversation
from service.turn_report import TokenEvent, TurnDone, TurnReport
from settings import Settings
from tests.support.models.real_model import MODEL, serve

pytestmark = [pytest.mark.model, pytest.mark.timeout(1800)]

ALEX = Owner("alex")
TURNS = 20
REPLY_TOKENS = 50
"""The model writes some 29 tokens a second."""
FAILED = 2
"""Turns that may end in a sentence: a model of 135M now and then says nothing."""
MORE = {8192: "", 2048: "And so on. " * 10}
"""What is said with each message: a small context has to run full."""
OURS = re.compile(r"</?memory\b|search_memory|tool_call|</?data-[0-9a-f]{8}", re.IGNORECASE)
SAID = (
    "My name is Alex and I live in Bergen with my sister Ida.",
    "I am not allergic to nuts, but Ida is.",
    "We have two cats, Miso and Tofu.",
    "What is a good name for a third one?",
    "I start a new job at the harbour on 3 March, and I am a little nervous because I have "
    "never worked on ships before and everybody there has known each other for years.",
)


def settings_for(endpoint: str, data_dir: Path) -> Settings:
    """Return settings for that model: replies are short, and facts are drawn once."""
    return Settings(
        _env_file=None,
        openai_base_url=endpoint,
        chat_model=MODEL,
        data_dir=data_dir,
        reply_reserve=REPLY_TOKENS,
        summary_tokens=60,
        fold_turns=16,
        fold_attempts=1,
        extract_turns=TURNS - FAILED,
        quality_threshold=0,
        model_timeout=300,
    )


async def talk(settings: Settings, more: str) -> list[TurnReport]:
    """Hold a conversation and return its reports; check that replies are streamed as kept."""
    reports = []
    async with open_parts(settings) as parts:
        conversation = Conversation(parts)
        for number in range(TURNS):
            streamed = ""
            message = f"{SAID[number % len(SAID)]} This is message {number}. {more}"
            async for event in conversation.turn(ALEX, "t", message):
                if isinstance(event, TokenEvent):
                    streamed += event.text
                if isinstance(event, TurnDone):
                    reports.append(event.report)
            assert reports[-1].error or streamed.strip() == reports[-1].reply
        view = await parts.stores.journal.read(ALEX)
        episodes = await parts.stores.memories.episodes(ALEX, view.generation)
        stored = [*view.turns.values(), *(turn for e in episodes for turn in e.turns)]
        texts = [said.text for turn in stored for said in turn.messages]
        texts += [episode.summary for episode in episodes]
        assert not any(OURS.search(text) for text in texts)
        assert len({turn.id for turn in stored}) == sum(not report.error for report in reports)
        said_why = any("extract_facts: " in note for report in reports for note in report.degraded)
        assert view.cursor or said_why, "facts were drawn"
        assert parts.models.chat.learned.takes("schema"), "forms are filled in by schema"
    return reports


@pytest.mark.parametrize("context", [8192, 2048])
@pytest.mark.parametrize("template", ["own", "strict", "no-system"])
async def test_every_turn_ends_in_a_reply_or_in_one_sentence(
    template: str, context: int, tmp_path: Path
) -> None:
    with serve(template, context) as endpoint:
        reports = await talk(settings_for(endpoint, tmp_path / "data"), MORE[context])
    failed = [report.error for report in reports if report.error]
    assert all(error.endswith(".") and "\n" not in error for error in failed), failed
    assert not any("longer than" in error or "at once" in error for error in failed), failed
    assert len(failed) <= FAILED, failed
    limits = [note for report in reports for note in report.degraded if "CONTEXT_WINDOW" in note]
    assert len(limits) == (context == 2048), "what it reads is learned once, and said once"
    assert any(report.folded for report in reports), "what grew too long was folded"
