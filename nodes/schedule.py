"""What is to be done after a reply: decided from the journal as the turn left it."""

from datetime import datetime
from typing import Any

from langgraph.runtime import Runtime

from domain.facts.lasting_wishes import lasting_wishes
from domain.folding import FoldRule, Window, live_journal, should_extract, window_to_fold
from domain.journal import JournalView
from domain.owner import Owner
from domain.text.wishes import may_want_forgotten
from domain.turns import refs_seen
from nodes.state import ChatContext, ChatState, Parts, Schedule
from settings import Tier

NOTHING = Schedule(fold=None, extract=False)


class Reschedule:
    """Decides it again for a run that goes on after its reply."""

    def __init__(self, parts: Parts) -> None:
        """Build with the parts of a running graph."""
        self._parts = parts

    async def __call__(self, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
        """Return what is to be done now."""
        origin = state["origin"]
        work = schedule(
            self._parts, origin.owner, origin.tier, origin.view, origin.thread, origin.head
        )
        return {"schedule": work}


def schedule(
    parts: Parts, owner: Owner, tier: Tier, view: JournalView, thread: str, head: str | None
) -> Schedule:
    """Return what a run on `thread` that ended at `head` should fold and extract now."""
    settings, learned = parts.settings, parts.models.of(owner.character_id).learned
    rule = FoldRule(
        tokens=int(learned.limit(tier.context_budget) * settings.fold_at),
        turns=settings.fold_turns,
        idle=settings.fold_idle,
    )
    now = parts.now()
    window = window_to_fold(
        view,
        live_journal(view, refs_seen(view.refs, thread, head)),
        thread=thread,
        head=head,
        tokens=parts.models.tokens.weight,
        rule=rule,
        now=now,
    )
    if window is None and _left_behind(view, now):
        window = Window(thread=thread, turns=())  # Whoever comes finishes a claimed window.
    extract = should_extract(view, settings.extract_turns) or _at_once(view, head)
    extract = tier.remembers and extract
    return Schedule(fold=window, extract=extract)


def _at_once(view: JournalView, head: str | None) -> bool:
    """Return whether the last turn asks for what holds at once: to forget, or an instruction."""
    turn = view.turns.get(head or "")
    said = [message.text for message in turn.messages if message.role == "user"] if turn else []
    if turn is None or turn.seq <= view.cursor:
        return False
    return any(may_want_forgotten(text) or _instructs(text) for text in said)


def _instructs(text: str) -> bool:
    return any(wish.kind == "instruction" for wish in lasting_wishes(text))


def _left_behind(view: JournalView, now: datetime) -> bool:
    return view.claim is not None and view.claim.until <= now
