"""What is folded, and what is live: decisions over any tree of turns."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.folding import (
    FoldRule,
    dead_turns,
    episode_id,
    live_journal,
    next_window,
    window_to_fold,
)
from domain.journal import JournalView
from domain.records import Said, Turn
from domain.turns import chain, live, parents_of, refs_seen, unbroken

NOW = datetime(2026, 5, 8, 12, tzinfo=UTC)
RULE = FoldRule(tokens=10_000, turns=6, idle=timedelta(minutes=30))


def turn(id: str, parent: str | None, thread: str, seq: int, at: datetime = NOW) -> Turn:
    said = Said(id=f"m{id}", role="user", text=id, at=at)
    return Turn(id=id, parent=parent, thread=thread, seq=seq, at=at, messages=(said,))


@st.composite
def journals(draw: st.DrawFn) -> JournalView:
    """A journal grown by turns, edits, forks and folds, as threads make them."""
    turns: dict[str, Turn] = {}
    refs: dict[str, str] = {}
    folded: set[str] = set()
    for seq in range(1, draw(st.integers(2, 25))):
        thread = draw(st.sampled_from(["a", "b", "c"]))
        head = refs.get(thread)
        parent = draw(st.sampled_from([head, head, head, *turns, None]))
        age = timedelta(minutes=draw(st.integers(0, 120)))
        turns[str(seq)] = turn(str(seq), parent, thread, seq, NOW - age)
        refs[thread] = str(seq)
    view = JournalView(refs=refs, turns=turns, seq=len(turns))
    for _ in range(draw(st.integers(0, 3))):
        held = {id: t for id, t in turns.items() if id not in folded}
        view = JournalView(refs=refs, turns=held, seq=len(turns))
        window = next_window(view, live_journal(view, refs.values()))
        folded |= set(window.turns if window else ())
    held = {id: t for id, t in turns.items() if id not in folded}
    return JournalView(refs=refs, turns=held, seq=len(turns))


@given(journals(), st.sampled_from(["a", "b", "c"]), st.booleans())
def test_a_window_is_an_unbroken_live_run_without_the_newest_turn(
    view: JournalView, thread: str, everything: bool
) -> None:
    turns = live_journal(view, view.refs.values())
    head = view.refs.get(thread)
    window = (
        next_window(view, turns)
        if everything
        else window_to_fold(
            view, turns, thread=thread, head=head, tokens=lambda _: 1, rule=RULE, now=NOW
        )
    )
    if window is None:
        return
    held = [view.turns[id] for id in window.turns]
    assert held and unbroken(held)
    assert {t.id for t in held} <= {t.id for t in turns}
    assert {t.thread for t in held} == {window.thread}
    assert held[0].parent not in view.turns, "it begins where the journal begins"
    if not everything:
        assert max(t.seq for t in turns) not in [t.seq for t in held]


@given(journals())
def test_a_whole_journal_can_always_be_emptied(view: JournalView) -> None:
    for _ in range(len(view.turns) + 1):
        turns = live_journal(view, view.refs.values())
        window = next_window(view, turns)
        if window is None:
            break
        left = {id: t for id, t in view.turns.items() if id not in window.turns}
        view = JournalView(refs=view.refs, turns=left, seq=view.seq)
    assert live_journal(view, view.refs.values()) == []


@given(journals())
def test_a_turn_is_live_or_dead_and_never_both(view: JournalView) -> None:
    reached = live(view.refs.values(), parents_of(view.turns.values()))
    assert set(dead_turns(view, reached)) == set(view.turns) - reached
    for ref in view.refs.values():
        assert set(chain(ref, parents_of(view.turns.values()))) <= reached | {ref}


def test_below_both_thresholds_nothing_is_folded() -> None:
    turns = {str(i): turn(str(i), str(i - 1) if i > 1 else None, "t", i) for i in range(1, 6)}
    view = JournalView(refs={"t": "5"}, turns=turns, seq=5)
    found = window_to_fold(
        view,
        live_journal(view, ["5"]),
        thread="t",
        head="5",
        tokens=lambda _: 1,
        rule=RULE,
        now=NOW,
    )
    assert found is None


def test_the_older_half_of_this_thread_is_folded_while_others_are_busy() -> None:
    turns = {str(i): turn(str(i), str(i - 1) if i > 1 else None, "t", i) for i in range(1, 9)}
    view = JournalView(refs={"t": "8"}, turns=turns, seq=8)
    window = window_to_fold(
        view,
        live_journal(view, ["8"]),
        thread="t",
        head="8",
        tokens=lambda _: 1,
        rule=RULE,
        now=NOW,
    )
    assert window is not None and window.turns == ("1", "2", "3", "4")


def test_a_thread_left_alone_is_folded_whole() -> None:
    old = NOW - timedelta(hours=1)
    turns = {str(i): turn(str(i), str(i - 1) if i > 1 else None, "old", i, old) for i in (1, 2, 3)}
    turns |= {str(i): turn(str(i), str(i - 1) if i > 4 else None, "t", i) for i in (4, 5, 6)}
    view = JournalView(refs={"old": "3", "t": "6"}, turns=turns, seq=6)
    window = window_to_fold(
        view,
        live_journal(view, ["3", "6"]),
        thread="t",
        head="6",
        tokens=lambda _: 1,
        rule=RULE,
        now=NOW,
    )
    assert window is not None and window.turns == ("1", "2", "3")


def folds(turns: list[Turn], rule: FoldRule = RULE) -> list[tuple[str, int]]:
    """Fold a journal for the thread of its last turn; return each window's thread and size."""
    view = JournalView(
        refs={turn.thread: turn.id for turn in turns},
        turns={turn.id: turn for turn in turns},
        seq=len(turns),
    )
    thread, windows = turns[-1].thread, []
    while window := window_to_fold(
        view,
        live_journal(view, view.refs.values()),
        thread=thread,
        head=view.refs[thread],
        tokens=lambda _: 1,
        rule=rule,
        now=NOW,
    ):
        windows.append((window.thread, len(window.turns)))
        left = {id: t for id, t in view.turns.items() if id not in window.turns}
        view = JournalView(refs=view.refs, turns=left, seq=view.seq)
    return windows


def on_threads(*threads: str) -> list[Turn]:
    """Return turns, each on the thread of that name, after the one before it there."""
    last: dict[str, str] = {}
    turns = []
    for seq, thread in enumerate(threads, 1):
        turns.append(turn(str(seq), last.get(thread), thread, seq))
        last[thread] = str(seq)
    return turns


def test_the_longest_of_several_threads_is_folded_not_the_one_spoken_on_last() -> None:
    rule = FoldRule(tokens=10_000, turns=12, idle=timedelta(minutes=30))
    assert folds(on_threads(*"a" * 11, *"b" * 2), rule) == [("a", 5)]


def test_threads_spoken_on_in_turn_are_folded_several_turns_at_a_time() -> None:
    rule = FoldRule(tokens=10_000, turns=12, idle=timedelta(minutes=30))
    sizes = [size for _, size in folds(on_threads(*"abcdef" * 8), rule)]
    assert len(sizes) == 6 and min(sizes) >= 3


def test_a_journal_of_very_many_threads_is_folded_though_each_is_short() -> None:
    rule = FoldRule(tokens=10_000, turns=12, idle=timedelta(minutes=30))
    assert len(folds(on_threads(*map(str, range(60))), rule)) == 13


def test_a_run_from_an_older_checkpoint_does_not_see_the_branch_it_leaves() -> None:
    parents = {"1": None, "2": "1", "3": "2", "4": "2"}
    assert live(refs_seen({"t": "3"}, "t", "2"), parents) == {"1", "2"}
    assert live(refs_seen({"t": "3", "copy": "3"}, "t", "2"), parents) == {"1", "2", "3"}


@given(st.lists(st.text(alphabet="0123456789abcdef", min_size=4), min_size=1, unique=True))
def test_the_same_turns_make_the_same_episode_and_others_another(turns: list[str]) -> None:
    assert episode_id(turns) == episode_id(list(turns))
    assert episode_id(turns) != episode_id([*turns, "more"])


def test_long_replies_are_folded_several_turns_at_a_time() -> None:
    """What stays weighs half of what makes a journal fold, however few turns that are."""
    turns = {str(n): turn(str(n), str(n - 1) if n > 1 else None, "a", n) for n in range(1, 5)}
    view = JournalView(refs={"a": "4"}, turns=turns, seq=4)
    rule = FoldRule(tokens=2_400, turns=12, idle=timedelta(minutes=30))

    def folded(weight: int) -> tuple[str, ...]:
        live = live_journal(view, ["4"])
        window = window_to_fold(
            view, live, thread="a", head="4", tokens=lambda _: weight, rule=rule, now=NOW
        )
        return window.turns if window else ()

    assert folded(725) == ("1", "2", "3")
    assert folded(601) == ("1", "2", "3")
    assert folded(600) == ()
