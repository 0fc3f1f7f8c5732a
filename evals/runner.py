"""Runs a benchmark: stores each conversation, puts each question to recall and to the baselines."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from typing import TextIO, TypedDict, Unpack

from domain.recall.packing import render
from domain.recall.passages import LONG
from domain.records import Recalled
from evals.baselines import BASELINES, items_of, lines_of
from evals.conversations import Bench, Dialogue, Fed, Mode, Probe, feed, open_bench
from evals.folding import feed_by_turns
from evals.measures import Outcome, result
from evals.report import Report
from models.embeddings.open import MULTILINGUAL, open_embeddings
from models.memory.protocol import MemoryModel
from models.offline.memory import OfflineMemory
from models.tokens import open_counter
from settings import Settings
from stores.long_term import backend_of

Progress = Callable[[str, int, int], None]
"""Called with what is under way, the steps done and the steps in all."""

PRODUCT = "recall"


class Options(TypedDict, total=False):
    """How any benchmark is run."""

    budget: int
    """Tokens of recalled text at most; 1,000 unless given."""
    embeddings: str
    """The embedding model, as the settings name it; the default one unless given."""
    where: str | None
    """Where memories are kept; None: where the settings keep them."""
    dump: Path | None
    """Writes one JSON line a question there."""
    progress: Progress | None
    baselines: bool
    """Measure them too, unless False."""


async def run(
    title: str,
    conversations: Sequence[Dialogue],
    *,
    mode: Mode,
    names: Mapping[str, str] | None = None,
    model: MemoryModel | None = None,
    category: str = "category",
    **options: Unpack[Options],
) -> Report:
    """Return how the product, and the baselines, recall what the conversations ask for.

    Args:
        title: What the report is called.
        conversations: What is stored and asked.
        mode: Whose summaries and facts.
        names: How the report calls the categories.
        model: Makes summaries and facts; None: the one without a language model.
        category: How dumped lines call the kind of a question.
        options: How any benchmark is run.
    """
    budget, embeddings = options.get("budget", 1000), options.get("embeddings", MULTILINGUAL)
    where = options.get("where") or backend_of(Settings()).name
    dump, report = options.get("dump"), options.get("progress") or (lambda doing, done, steps: None)
    embedding = await open_embeddings(Settings(embeddings=embeddings))
    tokens = await asyncio.to_thread(open_counter, "")
    model = model or OfflineMemory(tokens)
    outcomes: dict[str, list[Outcome]] = {PRODUCT: []}
    asked = outcomes[PRODUCT]
    steps = sum(len(conversation.probes) for conversation in conversations)
    async with AsyncExitStack() as stack:
        lines = stack.enter_context(dump.open("w", encoding="utf-8")) if dump else None
        opening = open_bench(embedding, tokens, where=where, wishes=mode == "folded")
        bench = await stack.enter_async_context(opening)
        for conversation in conversations:
            report(f"storing {conversation.name}", len(asked), steps)
            fed = await _stored(bench, conversation, mode, model)
            for probe in conversation.probes:
                asked.append(await _recalled(bench, fed, conversation, probe, budget))
                _dump(lines, asked[-1], category)
                report(f"asking {conversation.name}", len(asked), steps)
            if options.get("baselines", True):
                await _compare(bench, fed, conversation, budget, outcomes)
    return Report(
        title=title,
        budget=budget,
        embeddings=embeddings,
        store=where,
        conversations=len(conversations),
        results=tuple(result(method, each) for method, each in outcomes.items()),
        names=names or {},
        wishes=bench.settings.wish_tokens,
    )


async def _stored(bench: Bench, conversation: Dialogue, mode: Mode, model: MemoryModel) -> Fed:
    """Store a conversation: session by session, or turn by turn as it would have been folded."""
    if mode == "folded":
        return await feed_by_turns(bench, conversation, model)
    return await feed(bench, conversation, mode, model)


async def _recalled(
    bench: Bench, fed: Fed, conversation: Dialogue, probe: Probe, budget: int
) -> Outcome:
    start = perf_counter()
    recollection = await bench.recall.recall(
        fed.owner, fed.view, probe.question, budget=budget, now=probe.asked
    )
    ms = (perf_counter() - start) * 1000
    wishes = "".join(f"{wish.text}\n" for wish in recollection.wishes)
    return _outcome(bench, conversation, fed, probe, recollection.items, ms, wishes)


async def _compare(
    bench: Bench, fed: Fed, conversation: Dialogue, budget: int, outcomes: dict[str, list[Outcome]]
) -> None:
    lines = await lines_of(bench, fed)
    for method, baseline in BASELINES.items():
        for probe in conversation.probes:
            start = perf_counter()
            items = items_of(*baseline(bench, lines, probe), budget, bench)
            ms = (perf_counter() - start) * 1000
            outcome = _outcome(bench, conversation, fed, probe, items, ms)
            outcomes.setdefault(method, []).append(outcome)


def _outcome(
    bench: Bench,
    conversation: Dialogue,
    fed: Fed,
    probe: Probe,
    items: Sequence[Recalled],
    ms: float,
    wishes: str = "",
) -> Outcome:
    published = {said.id: said.text for s in conversation.sessions for said in s.utterances}
    recalled, ids = render(items), {item.id for item in items}
    context = wishes + recalled
    return Outcome(
        conversation=conversation.name,
        question=probe.question,
        category=probe.category,
        answer=probe.answer,
        evidence=probe.evidence,
        shown=sum(
            published[id] in context or (len(published[id]) > LONG and fed.refs[id] in ids)
            for id in probe.evidence
        ),
        context=context,
        tokens=bench.tokens.text(context),
        ms=ms,
        nuggets=probe.nuggets,
    )


def _dump(lines: TextIO | None, outcome: Outcome, category: str) -> None:
    if lines is None:
        return
    row = {
        "conversation": outcome.conversation,
        "question": outcome.question,
        category: outcome.category,
        "answer": outcome.answer,
        "evidence": list(outcome.evidence),
        "context": outcome.context,
        "tokens": outcome.tokens,
        "ms": round(outcome.ms, 2),
    }
    lines.write(json.dumps(row, ensure_ascii=False) + "\n")
