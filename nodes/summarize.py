"""Folds a window of turns into an episode: claim, summarize, write, and only then remove.

Every step may be the last one before a crash: whoever comes next finishes the same window.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from domain.folding import Window, episode_id
from domain.journal import Claim, JournalView
from domain.owner import Owner
from domain.records import Episode, Turn
from domain.summary_check import check, said_in
from domain.tiers import Tier
from models.errors import BadReply, ModelError
from models.memory.protocol import MemoryModel
from nodes.remembering.feedback import send_quality
from nodes.remembering.lease import extending
from nodes.remembering.redacted import redacted
from nodes.state import ChatContext, ChatState, Origin, Parts
from stores.errors import GenerationMoved, StoreUnavailable

SUMMARIES = 2
"""Summaries that a model writes of one window at most."""
NOTHING_TOLD = "What was said here is forgotten."
"""The summary of an episode of which nothing may be told."""


async def summarize(
    parts: Parts, state: ChatState, runtime: Runtime[ChatContext]
) -> dict[str, Any]:
    """Return how many messages were folded; a failure is noted, and nothing is lost."""
    origin, work = state["origin"], state["schedule"]
    try:
        for id in work.renew:
            await renew_summary(parts, origin, state["head"], id)
        if work.fold is None:
            return {}
        episode = await fold_window(
            parts, origin.owner, origin.view.generation, work.fold, origin.tier
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
        turns = await redacted(parts, turns)
        try:
            extend = partial(journal.extend_claim, owner, generation, claim)
            async with extending(parts, extend):
                episode = await _episode(parts, owner, view, claim, turns, tier)
        except ModelError:
            await journal.extend_claim(owner, generation, claim, parts.now(), failed=True)
            raise
        await parts.stores.write(owner, generation, episode)
    below = await parts.stores.summaries.branch(owner, view, episode.turns[0].parent)
    async with parts.stores.cleared_if_reset(owner, generation):
        after, ours = await journal.folded(owner, generation, claim)
        if after.withheld != view.withheld:
            # Made of what was forgotten meanwhile, if only of the summary before it.
            await journal.withhold(owner, generation, [episode.id])
    if not ours:
        return None
    await parts.stores.summaries.folded(owner, generation, below, episode)
    return episode


async def renew_summary(parts: Parts, origin: Origin, head: str | None, id: str) -> None:
    """Summarize an episode anew, without the turns that say something forgotten.

    Raises:
        ModelError: If no summary could be had; the next run tries again.
        StoreUnavailable: If a store does not answer.
        GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
    """
    owner, stores = origin.owner, parts.stores
    view = await stores.journal.read(owner)
    generation = origin.view.generation
    episode = await stores.memories.episode(owner, generation, id)
    if episode is None or view.generation != generation:
        return
    allowed, without = _allowed(episode.turns, view)
    if episode.tells(view.withheld):
        model: MemoryModel = parts.models.memory
        if not origin.tier.calls_memory_model or not allowed:
            model = parts.models.extractive
        before = await _before(parts, owner, view, episode.turns)
        episode = await _best(parts, model, episode, allowed, before)
        episode = episode.model_copy(update={"without": (*without, id)})
        await stores.write_and_tell(owner, generation, episode)
    await stores.summaries.renewed(owner, view, head, episode)


def _allowed(turns: Sequence[Turn], view: JournalView) -> tuple[list[Turn], tuple[str, ...]]:
    """Return the turns that a summary may speak of, and the ids of the others."""
    allowed = [turn for turn in turns if turn.id not in view.withheld]
    return allowed, tuple(turn.id for turn in turns if turn.id in view.withheld)


async def _before(
    parts: Parts, owner: Owner, view: JournalView, turns: Sequence[Turn]
) -> str | None:
    """Return the summary of what came just before, for context; none that may not be told."""
    below = await parts.stores.summaries.branch(owner, view, turns[0].parent)
    if below is None or not below.notes or below.notes[-1].tells(view.withheld):
        return None
    return below.notes[-1].summary


async def _episode(
    parts: Parts,
    owner: Owner,
    view: JournalView,
    claim: Claim,
    turns: Sequence[Turn],
    tier: Tier,
) -> Episode:
    """Summarize the turns."""
    model: MemoryModel = parts.models.memory
    if not tier.calls_memory_model or claim.attempts >= parts.settings.fold_attempts:
        model = parts.models.extractive
    allowed, without = _allowed(turns, view)
    if not allowed:
        model = parts.models.extractive
    whole = Episode(
        id=episode_id(claim.turns),
        thread=claim.thread,
        summary="",
        turns=tuple(turns),
        without=without,
    )
    before = await _before(parts, owner, view, turns)
    return await _best(parts, model, whole, allowed, before)


async def _best(
    parts: Parts,
    model: MemoryModel,
    episode: Episode,
    allowed: Sequence[Turn],
    before: str | None,
) -> Episode:
    """Return the episode with the best summary that can be had.

    A model writes a second one where the check finds too much missing in its first. A summary of
    what the user said word for word stands in where that is better, or where the model answers
    with nothing to use: asked again, it would say the same.

    Raises:
        ModelError: If the model failed at once.
    """
    tried: list[Episode] = []
    try:
        while len(tried) < SUMMARIES:
            missing = tried[-1].missing if tried else ()
            tried.append(await _attempt(parts, model, episode, allowed, before, missing))
            if model.extractive or _worth(tried[-1]) >= parts.settings.quality_threshold:
                return tried[-1]
    except ModelError as error:
        if not tried and not isinstance(error, BadReply):
            raise
    plain = await _attempt(parts, parts.models.extractive, episode, allowed, before, ())
    return max([*tried, plain], key=_worth)


async def _attempt(
    parts: Parts,
    model: MemoryModel,
    episode: Episode,
    allowed: Sequence[Turn],
    before: str | None,
    missing: Sequence[str],
) -> Episode:
    """Return the episode with a summary of the turns that may be told, judged."""
    if not allowed:
        return episode.model_copy(update={"summary": NOTHING_TOLD, "extractive": True})
    summary = await model.summarize(
        allowed, before=before, max_tokens=parts.settings.summary_tokens, missing=missing
    )
    # In threads: long messages take a while.
    quality = await asyncio.to_thread(check, allowed, summary)
    # Where the check fails, no score mends it: none is asked for.
    passes = quality.coverage >= parts.settings.quality_threshold
    score = await model.score(allowed, summary) if passes else None
    named = await asyncio.to_thread(said_in, allowed, score.missing) if score else ()
    judged = {
        "summary": summary,
        "extractive": model.extractive,
        "coverage": quality.coverage,
        "score": score.value if score else None,
        "missing": (*quality.missing, *named),
    }
    return episode.model_copy(update=judged)


def _worth(episode: Episode) -> float:
    """Return the lower of check and score: a summary is as good as what it leaves out."""
    coverage = 1.0 if episode.coverage is None else episode.coverage
    return coverage if episode.score is None else min(coverage, episode.score)
