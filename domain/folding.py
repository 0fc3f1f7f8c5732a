"""What to fold, and when to extract: decided from one reading of the journal."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, takewhile

from domain.journal import JournalView
from domain.owner import digest
from domain.records import Turn
from domain.turns import chain, live, parents_of


@dataclass(frozen=True)
class FoldRule:
    """When a journal has outgrown its share."""

    tokens: int
    """Live journal tokens above which something is folded."""
    turns: int
    """Live journal turns from which on something is folded."""
    idle: timedelta
    """How long another thread must have been quiet to be folded whole."""


@dataclass(frozen=True)
class Window:
    """An unbroken run of turns to fold into one episode, oldest first."""

    thread: str
    turns: tuple[str, ...]


def episode_id(turns: Iterable[str]) -> str:
    """Return the id of the episode that these turns make: the same turns, the same id."""
    return digest("\n".join(turns))


def live_journal(view: JournalView, refs: Iterable[str]) -> list[Turn]:
    """Return the journal's live turns in order.

    Episodes do not matter here: a window begins where the journal begins, so no folded turn
    has its parent in the journal, and a ref reaches journal turns through journal turns alone.
    """
    reached = live(refs, parents_of(view.turns.values()))
    return sorted((view.turns[id] for id in reached), key=lambda turn: turn.seq)


def window_to_fold(
    view: JournalView,
    turns: Sequence[Turn],
    *,
    thread: str,
    head: str | None,
    tokens: Callable[[Turn], int],
    rule: FoldRule,
    now: datetime,
) -> Window | None:
    """Return the window that a run should fold now; None if nothing is due.

    `turns` are the live ones of the journal (`live_journal`), `head` is the last turn of the run.
    """
    if len(turns) < rule.turns and sum(map(tokens, turns)) <= rule.tokens:
        return None
    return _idle_thread(view, turns, thread, rule, now) or _older_part(turns, head, tokens, rule)


def next_window(view: JournalView, turns: Sequence[Turn]) -> Window | None:
    """Return the next window when a whole journal is emptied, oldest thread first."""
    return _window(view, turns, turns[0].thread) if turns else None


def _idle_thread(
    view: JournalView, turns: Sequence[Turn], thread: str, rule: FoldRule, now: datetime
) -> Window | None:
    newest = max(turns, key=lambda turn: turn.seq).id if turns else None
    for other in dict.fromkeys(turn.thread for turn in turns):
        last = max(turn.at for turn in turns if turn.thread == other)
        if other == thread or now - last < rule.idle:
            continue
        window = _window(view, [turn for turn in turns if turn.id != newest], other)
        if window is not None:
            return window
    return None


def _older_part(
    turns: Sequence[Turn], head: str | None, tokens: Callable[[Turn], int], rule: FoldRule
) -> Window | None:
    """Return the older part of the unbroken run of journal turns that ends at `head`.

    That is half of them, or more: what stays weighs half of what makes a journal fold, at most, so
    that long turns are folded several at a time too.
    """
    by_id = {turn.id: turn for turn in turns}
    run = [by_id[id] for id in chain(head, parents_of(turns))]
    newest = max((turn.seq for turn in turns), default=0)
    weights = accumulate(tokens(turn) for turn in reversed(run))
    stay = sum(weight <= rule.tokens // 2 for weight in weights)
    older = run[: max(1, len(run) // 2, len(run) - stay)]
    older = [turn for turn in older if turn.seq != newest]
    # A copied thread's run may begin with turns of the thread it was copied from.
    first = list(takewhile(lambda turn: turn.thread == older[0].thread, older))
    return Window(first[0].thread, tuple(turn.id for turn in first)) if first else None


def _window(view: JournalView, turns: Sequence[Turn], thread: str) -> Window | None:
    """Return the oldest unbroken run of a thread's turns that begins where the journal does."""
    run: list[Turn] = []
    for turn in turns:
        follows = turn.parent == run[-1].id if run else turn.parent not in view.turns
        if turn.thread == thread and follows:
            run.append(turn)
    return Window(thread, tuple(turn.id for turn in run)) if run else None


def dead_turns(view: JournalView, reached: Container[str]) -> list[str]:
    """Return the journal's turns that no ref reaches, save those of a claimed window."""
    claimed = view.claim.turns if view.claim else ()
    return [id for id in view.turns if id not in reached and id not in claimed]


def should_extract(view: JournalView, every: int) -> bool:
    """Return whether enough turns were said since facts were last extracted."""
    return view.seq - view.cursor >= every


def to_extract(turns: Mapping[str, Turn], cursor: int) -> list[Turn]:
    """Return the turns beyond the cursor, in order, live or not."""
    return sorted((t for t in turns.values() if t.seq > cursor), key=lambda turn: turn.seq)
