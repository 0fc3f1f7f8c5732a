"""What to fold, and when to extract: decided from one reading of the journal."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, takewhile

from domain.journal import JournalView
from domain.owner import digest
from domain.records import Turn
from domain.turns import chain, live, parents_of

_SEVERAL = 4
"""Threads that one owner may talk on at once: a journal may grow so many times before turns are
folded that few others follow, and so small a part of what makes it fold is worth an episode."""


@dataclass(frozen=True)
class FoldRule:
    """When a journal has outgrown its share."""

    tokens: int
    """Live journal tokens above which something is folded."""
    turns: int
    """Live journal turns from which on something is folded."""
    idle: timedelta
    """How long another thread must have been quiet to be folded whole."""

    def outgrown(
        self, turns: Sequence[Turn], tokens: Callable[[Turn], int], times: float = 1
    ) -> bool:
        """Return whether turns are as many as make a journal fold, or so many `times` as many."""
        return len(turns) >= times * self.turns or sum(map(tokens, turns)) > times * self.tokens


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
    if not rule.outgrown(turns, tokens):
        return None
    idle = _idle_thread(view, turns, thread, rule, now)
    return idle or _older_part(turns, [head, *view.refs.values()], tokens, rule)


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
    turns: Sequence[Turn],
    heads: Iterable[str | None],
    tokens: Callable[[Turn], int],
    rule: FoldRule,
) -> Window | None:
    """Return the older part of one of the unbroken runs of journal turns that end at `heads`.

    Of those that are worth an episode the heaviest: whoever talks on several threads at once would
    else have many of a turn each, and one thread that is never folded. While the journal is several
    times what it should be, each is worth one.
    """
    by_id, parents = {turn.id: turn for turn in turns}, parents_of(turns)
    newest = max((turn.seq for turn in turns), default=0)
    crowded = rule.outgrown(turns, tokens, _SEVERAL)
    worth: list[list[Turn]] = []
    for head in dict.fromkeys(heads):
        run = [by_id[id] for id in chain(head, parents)]
        older = _older(run, newest, tokens, rule)
        enough = crowded or rule.outgrown(run, tokens)
        if older and (enough or rule.outgrown(older, tokens, 1 / _SEVERAL)):
            worth.append(older)
    heaviest = max(worth, key=lambda older: sum(map(tokens, older)), default=[])
    return _as_window(heaviest) if heaviest else None


def _older(
    run: Sequence[Turn], newest: int, tokens: Callable[[Turn], int], rule: FoldRule
) -> list[Turn]:
    """Return the older half of a run, or more: what stays weighs half of what folds, at most.

    So long turns are folded several at a time too. The turn with the number `newest` stays.
    """
    weights = accumulate(tokens(turn) for turn in reversed(run))
    stay = sum(weight <= rule.tokens // 2 for weight in weights)
    older = run[: max(1, len(run) // 2, len(run) - stay)]
    older = [turn for turn in older if turn.seq != newest]
    # A copied thread's run may begin with turns of the thread it was copied from.
    return list(takewhile(lambda turn: turn.thread == older[0].thread, older))


def _window(view: JournalView, turns: Sequence[Turn], thread: str) -> Window | None:
    """Return the oldest unbroken run of a thread's turns that begins where the journal does."""
    run: list[Turn] = []
    for turn in turns:
        follows = turn.parent == run[-1].id if run else turn.parent not in view.turns
        if turn.thread == thread and follows:
            run.append(turn)
    return _as_window(run) if run else None


def _as_window(turns: Sequence[Turn]) -> Window:
    return Window(turns[0].thread, tuple(turn.id for turn in turns))


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
