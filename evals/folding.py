"""Talks with an assistant stored turn by turn: folded, and facts drawn, when the product would.

What a benchmark publishes is read elsewhere; nothing here recalls or measures.
"""

from domain.folding import FoldRule, Window, live_journal, window_to_fold
from domain.owner import Owner
from domain.records import Turn
from evals.conversations import Bench, Dialogue, Fed, extracted, fold, note, turns_of
from models.memory.protocol import MemoryModel


async def feed_by_turns(bench: Bench, dialogue: Dialogue, model: MemoryModel) -> Fed:
    """Store a talk as conversations do, each session a thread of its own."""
    owner = Owner(f"eval-{dialogue.name}")
    fed = Fed(owner, await bench.journal.read(owner))
    for number, session in enumerate(dialogue.sessions):
        thread, fresh = f"{dialogue.name}-{number}", list[Turn]()
        turns = turns_of(session, thread)
        note(fed, turns)
        for turn in turns:
            fed.view = await bench.journal.add_turns(owner, None, [turn], thread, turn.id)
            fresh.append(fed.view.turns[turn.id])
            while (window := _window(bench, fed, thread, turn)) is not None:
                await _fold(bench, fed, window, model)
            if len(fresh) >= bench.settings.extract_turns:
                await _extract(bench, fed, fresh, model)
                fresh.clear()
        await _extract(bench, fed, fresh, model)
    fed.view = await bench.journal.rows_changed(owner, None)
    return fed


def _window(bench: Bench, fed: Fed, thread: str, last: Turn) -> Window | None:
    settings = bench.settings
    budget = settings.plus.context_budget
    return window_to_fold(
        fed.view,
        live_journal(fed.view, fed.view.refs.values()),
        thread=thread,
        head=last.id,
        tokens=bench.tokens.weight,
        rule=FoldRule(int(budget * settings.fold_at), settings.fold_turns, settings.fold_idle),
        now=last.at,
    )


async def _fold(bench: Bench, fed: Fed, window: Window, model: MemoryModel) -> None:
    turns = tuple(fed.view.turns[id] for id in window.turns)
    limit = bench.settings.summary_tokens
    summary = await model.summarize(turns, before=None, max_tokens=limit)
    await fold(bench, fed, turns, window.thread, summary, ())


async def _extract(bench: Bench, fed: Fed, turns: list[Turn], model: MemoryModel) -> None:
    fed.turns += turns
    if turns:
        facts = await extracted(bench, fed.owner, turns, model)
        await bench.memories.put(fed.owner, None, *facts)
