"""Promises about which checkpoints a thread keeps: as decided, and as real graphs leave them."""

from pathlib import Path
from typing import Literal, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from stores.checkpoint_pruning import (
    KEEP_TURNS,
    Saved,
    oldest_kept,
    stale,
    superseded,
)
from stores.sqlite.checkpoints import SqliteCheckpoints
from tests.support.stores.checkpoint_backends import (
    BACKENDS,
    Open,
    Refs,
    chat,
    opener,
    put,
    say,
    texts,
    thread,
)

Durability = Literal["sync", "async", "exit"]
Run = tuple[Literal["saves as it goes", "saves at its end", "regenerates", "is an update"], int]

RUNS = st.lists(
    st.tuples(
        st.sampled_from(["saves as it goes", "saves at its end", "regenerates", "is an update"]),
        st.integers(1, 5),
    ),
    max_size=30,
)


@pytest.fixture(params=BACKENDS)
def open_saver(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return what opens either checkpointer."""
    return opener(request, tmp_path)


def left_by(history: list[Run]) -> tuple[list[Saved], list[list[Saved]]]:
    """Return all checkpoints that runs leave, as LangGraph does, and those of each turn.

    A fork or an update stands before the turn that goes on from it, and is not a turn.
    """
    everything: list[Saved] = []
    turns: list[list[Saved]] = []

    def add(source: str, steps: int) -> Saved:
        last = everything[-1] if everything else Saved("", "", step=-2)
        everything.append(Saved("", f"{len(everything):04}", last.id, source, last.step + steps))
        return everything[-1]

    for kind, steps in history:
        if kind == "is an update":
            add("update", 1)
        elif kind == "saves at its end":
            turns.append([add("loop", steps + 1)])
        else:
            first = add("input" if kind == "saves as it goes" else "fork", 1)
            loops = [add("loop", 1) for _ in range(steps)]
            turns.append([first, *loops] if first.source == "input" else loops)
    return everything, turns


@given(RUNS, st.integers(2, 12))
def test_the_last_turns_are_kept_whole_and_older_ones_go(
    history: list[Run], keep_turns: int
) -> None:
    everything, turns = left_by(history)
    gone = stale(everything, oldest_kept(everything, keep_turns))
    kept = [turn for turn in turns if not set(turn) & set(gone)]
    assert kept == turns[-keep_turns:]
    assert all(set(turn) <= set(gone) for turn in turns[:-keep_turns])


@given(RUNS, st.integers(2, 12))
def test_pruning_again_removes_nothing_more_and_never_the_newest(
    history: list[Run], keep_turns: int
) -> None:
    everything, _ = left_by(history)
    gone = stale(everything, oldest_kept(everything, keep_turns))
    rest = [saved for saved in everything if saved not in gone]
    assert rest[-1:] == everything[-1:]
    assert stale(rest, oldest_kept(rest, keep_turns)) == []


@given(RUNS, st.integers(2, 12), st.data())
def test_pruning_a_copy_with_subgraphs_keeps_what_its_turns_need(
    history: list[Run], keep_turns: int, data: st.DataObject
) -> None:
    own, _ = left_by(history)
    namespaces = st.sampled_from(["draft:task", "memory", "memory|deep"])
    inner = [
        Saved(data.draw(namespaces), f"{saved.id}x", saved.id)
        for saved in own
        if data.draw(st.booleans())
    ]
    oldest = oldest_kept([*own, *inner], keep_turns)
    gone = stale([*own, *inner], oldest)
    assert [saved for saved in gone if saved.id >= oldest] == []
    for saved in inner:
        later = [one for one in inner if one.namespace == saved.namespace and one.id > saved.id]
        needed = ":" not in saved.namespace and not any(one.id < oldest for one in later)
        assert (saved in gone) == (saved.id < oldest and not needed)


@given(st.lists(st.builds(Saved, st.sampled_from("ab"), st.text("0123", max_size=3)), unique=True))
def test_one_checkpoint_a_namespace_is_not_superseded(everything: list[Saved]) -> None:
    rest = set(everything) - set(superseded(everything))
    assert sorted(saved.namespace for saved in rest) == sorted(
        {one.namespace for one in everything}
    )
    assert all(
        saved.id == max(one.id for one in everything if one.namespace == saved.namespace)
        for saved in rest
    )


async def test_fewer_than_two_turns_or_an_unknown_strategy_are_refused_in_one_sentence(
    tmp_path: Path,
) -> None:
    with pytest.raises(ValueError, match="keep_turns is 1: keep the checkpoints of at least 2"):
        async with SqliteCheckpoints.open(tmp_path / "threads.sqlite", keep_turns=1):
            pass
    async with SqliteCheckpoints.open(tmp_path / "threads.sqlite") as saver:
        with pytest.raises(ValueError, match="No pruning strategy 'newest': use 'keep_latest'"):
            await saver.aprune(["thread"], strategy="newest")


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_ten_turns_stay_however_the_graph_saves(
    open_saver: Open, durability: Durability
) -> None:
    refs = Refs()
    async with open_saver(refs=refs) as saver:
        graph = chat().compile(checkpointer=saver)
        for number in range(KEEP_TURNS + 4):
            await graph.ainvoke(say(f"turn {number}"), thread("t"), durability=durability)
        history = [found async for found in saver.alist(thread("t"))]
        begins = [one for one in history if one.metadata["source"] == "input"]
        assert len(history if durability == "exit" else begins) == KEEP_TURNS
        said = await texts(graph.aget_state_history(thread("t")))
        assert said[0] == "You said turn 13"
        assert not {"turn 2", "You said turn 2"} & set(said)
    assert refs.calls == []


async def test_regenerating_one_reply_for_ever_does_not_grow_the_thread(open_saver: Open) -> None:
    async with open_saver(keep_turns=3) as saver:
        graph = chat().compile(checkpointer=saver)
        await graph.ainvoke(say("hello"), thread("t"))
        sizes = []
        for _ in range(8):
            history = [state async for state in graph.aget_state_history(thread("t"))]
            before = next(state for state in history if state.next == ("reply",))
            answer = await graph.ainvoke(None, before.config)
            assert [message.text for message in answer["messages"]] == ["hello", "You said hello"]
            sizes.append(len(history))
        assert max(sizes[3:]) == max(sizes[6:])


async def test_the_last_message_can_be_edited_with_the_fewest_turns_kept(open_saver: Open) -> None:
    async with open_saver(keep_turns=2) as saver:
        graph = chat().compile(checkpointer=saver)
        for number in range(6):
            await graph.ainvoke(say(f"turn {number}"), thread("t"))
        history = [state async for state in graph.aget_state_history(thread("t"))]
        before = next(state for state in history if len(state.values["messages"]) == 10)
        answer = await graph.ainvoke(say("another"), before.config)
        assert [message.text for message in answer["messages"][-3:]] == [
            "You said turn 4",
            "another",
            "You said another",
        ]


async def test_writes_whose_checkpoint_never_came_go_with_their_time(open_saver: Open) -> None:
    lost, recent = (f"{time}-0000-6000-8000-000000000000" for time in ("1f000000", "ff000000"))
    async with open_saver(keep_turns=2) as saver:
        for id in (lost, recent):
            await saver.aput_writes(thread("t", checkpoint_id=id), [("said", 1)], "task")
        graph = chat().compile(checkpointer=saver)
        for number in range(4):
            await graph.ainvoke(say(str(number)), thread("t"))
        for id, pending in ((lost, []), (recent, [("task", "said", 1)])):
            found = await saver.aget_tuple(await put(saver, thread("t"), "late", id=id))
            assert found is not None
            assert found.pending_writes == pending


class Asked(TypedDict, total=False):
    """What the questioning graph holds."""

    text: str
    answers: list[str]


async def test_an_interrupted_turn_goes_on_after_pruning(open_saver: Open) -> None:
    async def ask(state: Asked) -> Asked:
        return {"answers": [*state.get("answers", []), interrupt(state["text"])]}

    builder = StateGraph(Asked).add_node(ask).add_edge(START, "ask")
    async with open_saver(keep_turns=2) as saver:
        graph = builder.compile(checkpointer=saver)
        for number in range(5):
            await graph.ainvoke({"text": f"question {number}"}, thread("t"))
            await graph.ainvoke(Command(resume=f"answer {number}"), thread("t"))
        state = await graph.aget_state(thread("t"))
    assert state.values["answers"] == [f"answer {number}" for number in range(5)]


class Counted(TypedDict, total=False):
    """What a graph with a memory of its own holds."""

    use: bool
    count: int


async def test_a_subgraph_that_remembers_is_not_pruned_while_it_rests(open_saver: Open) -> None:
    async def count(state: Counted) -> Counted:
        return {"count": state.get("count", 0) + 1}

    memory = StateGraph(Counted).add_node(count).add_edge(START, "count").compile(checkpointer=True)

    async def turn(state: Counted, config: RunnableConfig) -> Counted:
        if not state["use"]:
            return {"count": 0}
        return {"count": (await memory.ainvoke({"use": True}, config))["count"]}

    builder = StateGraph(Counted).add_node(turn).add_edge(START, "turn")
    async with open_saver(keep_turns=2) as saver:
        graph = builder.compile(checkpointer=saver)
        counts = []
        for use in (True, True, *[False] * 6, True):
            counts.append((await graph.ainvoke({"use": use}, thread("t")))["count"])
        assert counts == [1, 2, *[0] * 6, 3]
