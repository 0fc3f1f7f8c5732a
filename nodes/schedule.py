"""What is to be done after a reply: decided from the journal as the turn left it."""

from datetime import datetime

from domain.folding import FoldRule, Window, extraction_due, live_journal, window_due
from domain.journal import JournalView
from domain.turns import refs_seen
from nodes.state import Due, Parts
from settings import Tier

NOTHING_DUE = Due(fold=None, extract=False)


def due(parts: Parts, tier: Tier, view: JournalView, thread: str, head: str | None) -> Due:
    """Return what a run on `thread` that ended at `head` should fold and extract now."""
    settings, tokens = parts.settings, parts.models.tokens
    rule = FoldRule(
        tokens=int(tier.context_budget * settings.fold_at),
        turns=settings.fold_turns,
        idle=settings.fold_idle,
    )
    now = parts.now()
    window = window_due(
        view,
        live_journal(view, refs_seen(view.refs, thread, head)),
        thread=thread,
        head=head,
        tokens=lambda turn: sum(tokens.text(said.text) + 3 for said in turn.messages),
        rule=rule,
        now=now,
    )
    if window is None and _left_behind(view, now):
        window = Window(thread=thread, turns=())  # Whoever comes finishes a claimed window.
    extract = tier.remembers and extraction_due(view, settings.extract_turns)
    return Due(fold=window, extract=extract)


def _left_behind(view: JournalView, now: datetime) -> bool:
    return view.claim is not None and view.claim.until <= now
