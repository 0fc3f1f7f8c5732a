"""What is to be done after a reply: decided from the journal as the turn left it."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from langgraph.runtime import Runtime

from domain.facts.forgetting import NOTHING_WANTED, Wanted
from domain.facts.lasting_wishes import lasting_wishes
from domain.folding import FoldRule, Window, live_journal, should_extract, window_to_fold
from domain.journal import JournalView
from domain.owner import Owner
from domain.text.wishes import may_want_forgotten
from domain.tiers import Tier
from domain.turns import refs_seen
from nodes.state import ChatContext, ChatState, Origin, Parts, Schedule

NOTHING = Schedule(fold=None, extract=False)


class Remember(Protocol):
    """Folds and extracts as a run of its own."""

    async def __call__(
        self, parts: Parts, owner: Owner, *, served: bool, tier: str, thread: str
    ) -> None:
        """Do what a turn on a thread calls for; `served`: on the LangGraph server."""


def after_reply(
    parts: Parts,
    remember: Remember,
    state: ChatState,
    view: JournalView,
    head: str,
    asked: Wanted,
    runtime: Runtime[ChatContext],
) -> Schedule:
    """Return what this run does itself; in background mode a run of its own does the rest.

    What is to be forgotten waits for no other run. Where nothing is to be done, the search
    index takes in what was said: so the next message need not wait for that.
    """
    origin = state["origin"]
    work = schedule(parts, origin.owner, origin.tier, view, origin.thread, head)
    forgets = work.asks or asked != NOTHING_WANTED
    if asked != NOTHING_WANTED:
        work = replace(work, extract=origin.tier.remembers, asked=asked)
    shown = state["summaries"].notes[-parts.settings.summary_episodes :]
    renew = tuple(note.id for note in shown if note.tells(view.withheld))
    if work == NOTHING and origin.tier.remembers:
        load = partial(parts.stores.recall.load, origin.owner, view)
        parts.stores.background.start(origin.owner, load, "load")
    if parts.settings.remember == "inline" or forgets or work == NOTHING:
        return replace(work, renew=renew)
    _start(parts, remember, origin, runtime)
    return replace(NOTHING, renew=renew)


def _start(parts: Parts, remember: Remember, origin: Origin, runtime: Runtime[ChatContext]) -> None:
    """Fold and extract in the background, and load what that changed for the next turn."""
    owner, stores = origin.owner, parts.stores
    tier = parts.settings.tier_name(runtime.context.tier, owner.character_id)
    served = runtime.server_info is not None

    async def work() -> None:
        await remember(parts, owner, served=served, tier=tier, thread=origin.thread)
        if not served and origin.tier.remembers:
            await stores.recall.load(owner, await stores.journal.read(owner))

    stores.background.start(owner, work)


async def reschedule(
    parts: Parts, state: ChatState, runtime: Runtime[ChatContext]
) -> dict[str, Any]:
    """Return what is to be done now."""
    origin = state["origin"]
    work = schedule(parts, origin.owner, origin.tier, origin.view, origin.thread, origin.head)
    return {"schedule": work}


_LONGEST = 4_000
"""Letters of a message that is looked through for instructions while its user waits."""


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
    turn = view.turns.get(head or "")
    texts = [message.text for message in turn.messages if message.role == "user"] if turn else []
    new = texts if turn is not None and turn.seq > view.cursor else []
    asks = any(may_want_forgotten(text) for text in new)
    at_once = asks or any(_instructs(text) for text in new)  # what holds from the next reply on
    extract = should_extract(view, settings.extract_turns) or at_once
    return Schedule(fold=window, extract=tier.remembers and extract, asks=asks)


def _instructs(text: str) -> bool:
    """Return whether a message is an instruction; one that long is read with all others later."""
    return len(text) <= _LONGEST and any(
        wish.kind == "instruction" for wish in lasting_wishes(text)
    )


def _left_behind(view: JournalView, now: datetime) -> bool:
    return view.claim is not None and view.claim.until <= now
