"""Folds a window of turns into an episode: claim, summarize, write, and only then remove.

Every step may be the last one before a crash: whoever comes next finishes the same window.
"""

from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime

from domain.folding import Window, episode_id
from domain.journal import Claim, JournalView
from domain.owner import Owner
from domain.records import Episode, Turn
from domain.redaction import redact_turn
from domain.summary_check import check
from models.errors import ModelError
from models.memory.protocol import MemoryModel
from nodes.feedback import send_quality
from nodes.state import ChatContext, ChatState, Parts
from settings import Tier
from stores.errors import StoreUnavailable
from stores.journal import GenerationMoved


class Summarize:
    """Folds what is due after a reply."""

    def __init__(self, parts: Parts) -> None:
        """Build with the parts of a running graph."""
        self._parts = parts

    async def __call__(self, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
        """Return how many messages were folded; a failure is noted, and nothing is lost."""
        origin, window = state["origin"], state["schedule"].fold
        if window is None:
            return {}
        try:
            episode = await fold_window(
                self._parts, origin.owner, origin.view.generation, window, origin.tier
            )
        except GenerationMoved:
            return {}
        except (ModelError, StoreUnavailable) as error:
            return {"degraded": [f"summarize: {error}"]}
        if episode is None:
            return {}
        await send_quality(episode)
        return {"folded": sum(len(turn.messages) for turn in episode.turns)}


async def fold_window(
    parts: Parts, owner: Owner, generation: str | None, window: Window, tier: Tier
) -> Episode | None:
    """Fold `window`, or the one that an expired claim names; None if it cannot be taken.

    Raises:
        ModelError: If no summary could be had; the claim's lease is ended.
        StoreUnavailable: If a store does not answer; the claim runs out by itself.
        GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
    """
    journal, now = parts.stores.journal, parts.now()
    claim = await journal.claim(
        owner,
        generation,
        window.turns,
        window.thread,
        now=now,
        until=now + parts.settings.fold_lease,
    )
    if claim is None:
        return None
    view = await journal.read(owner)
    memories = parts.stores.memories
    episode = await memories.episode(owner, generation, episode_id(claim.turns))
    if episode is None:
        turns = [view.turns[id] for id in claim.turns if id in view.turns]
        if len(turns) < len(claim.turns):
            await journal.folded(owner, generation, claim)  # They expired: nothing to fold.
            return None
        if parts.settings.redact_secrets:
            turns = [redact_turn(turn) for turn in turns]
        try:
            episode = await _episode(parts, owner, view, claim, turns, tier)
        except ModelError:
            await journal.claim_failed(owner, generation, claim, parts.now())
            raise
        await parts.stores.write(owner, generation, episode)
    below = await parts.stores.summaries.branch(owner, view, episode.turns[0].parent)
    try:
        _, ours = await journal.folded(owner, generation, claim)
    except GenerationMoved:
        await memories.clear(owner, generation)
        raise
    if not ours:
        return None
    await parts.stores.summaries.folded(owner, generation, below, episode)
    return episode


async def _episode(
    parts: Parts,
    owner: Owner,
    view: JournalView,
    claim: Claim,
    turns: Sequence[Turn],
    tier: Tier,
) -> Episode:
    """Summarize the turns, once more where the check finds too much missing."""
    model: MemoryModel = parts.models.memory
    if not tier.remembers or claim.attempts >= parts.settings.fold_attempts:
        model = parts.models.extractive
    below = await parts.stores.summaries.branch(owner, view, turns[0].parent)
    before = below.notes[-1].summary if below and below.notes else None
    first = await _attempt(parts, model, claim, turns, before, ())
    if model.extractive or _worth(first) >= parts.settings.quality_threshold:
        return first
    second = await _attempt(parts, model, claim, turns, before, first.missing)
    return second if _worth(second) > _worth(first) else first


async def _attempt(
    parts: Parts,
    model: MemoryModel,
    claim: Claim,
    turns: Sequence[Turn],
    before: str | None,
    missing: Sequence[str],
) -> Episode:
    """Summarize the turns and judge the summary."""
    summary = await model.summarize(
        turns, before=before, max_tokens=parts.settings.summary_tokens, missing=missing
    )
    quality, score = check(turns, summary), await model.score(turns, summary)
    return Episode(
        id=episode_id(claim.turns),
        thread=claim.thread,
        summary=summary,
        turns=tuple(turns),
        extractive=model.extractive,
        coverage=quality.coverage,
        score=score.value if score else None,
        missing=(*quality.missing, *(score.missing if score else ())),
    )


def _worth(episode: Episode) -> float:
    """Return the lower of check and score: a summary is as good as what it leaves out."""
    coverage = 1.0 if episode.coverage is None else episode.coverage
    return coverage if episode.score is None else min(coverage, episode.score)
