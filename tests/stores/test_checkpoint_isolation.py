"""Promises that no thread id or namespace reaches into another's checkpoints."""

from pathlib import Path

import pytest

from tests.support.stores.checkpoint_backends import (
    BACKENDS,
    Open,
    Saver,
    fill,
    opener,
    put,
    thread,
    values,
)

ODD_IDS = (
    "alex@example.com",
    "Alex@example.com",
    "alex@example",
    "alex",
    "ALEX",
    "alex%40example.com",
    "../x",
    "用户",
    "x" * 500,
    "x" * 499,
    "👩‍👩‍👧" * 100,
    "{a}",
    "a",
    "a*",
    "a?",
    "[a]",
    "a|b",
    "a:b",
    "a:",
    ":a",
    "a-b",
    "a,b",
    "a b",
    " a",
    "a ",
    "a\\b",
    "a\x00b",
    "a\nb",
    "straße",
    "STRASSE",
    "é",
    "e\u0301",
    "__empty__",
    "00000000-0000-0000-0000-000000000000",
    "",
)


@pytest.fixture(params=BACKENDS)
def open_saver(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return what opens either checkpointer."""
    return opener(request, tmp_path)


async def everything(saver: Saver) -> dict[str, list[object]]:
    """Return what each thread holds, with its writes, as read thread by thread."""
    found: dict[str, list[object]] = {}
    async for one in saver.alist(None):
        found.setdefault(one.config["configurable"]["thread_id"], [])
    for name, held in found.items():
        async for one in saver.alist(thread(name)):
            assert one.config["configurable"]["thread_id"] == name
            held += [one.checkpoint["channel_values"]["value"], one.pending_writes]
        newest = await saver.aget_tuple(thread(name))
        assert newest is not None
        assert newest.checkpoint["channel_values"]["value"] == held[0]
    return found


async def test_odd_thread_ids_stay_apart(open_saver: Open) -> None:
    async with open_saver() as saver:
        for name in ODD_IDS:
            await fill(saver, name)
        whole = {name: [name, [("task", "said", name)]] for name in ODD_IDS}
        assert await everything(saver) == whole
        for name in ODD_IDS:
            await saver.adelete_thread(name)
            del whole[name]
            assert await everything(saver) == whole


async def test_a_copy_of_an_odd_thread_reaches_no_other(open_saver: Open) -> None:
    async with open_saver() as saver:
        for name in ODD_IDS:
            await fill(saver, name)
        for name in ODD_IDS:
            await saver.acopy_thread(name, f"copy of {name}")
        held = await everything(saver)
        for name in ODD_IDS:
            assert held[f"copy of {name}"] == [name, [("task", "said", name)]]
        assert len(held) == len({*ODD_IDS, *(f"copy of {name}" for name in ODD_IDS)})


@pytest.mark.parametrize("namespaces", [("Draft", "draft"), ("a:b", "a"), ("a|b", "a%7Cb")])
async def test_namespaces_stay_apart(open_saver: Open, namespaces: tuple[str, str]) -> None:
    async with open_saver() as saver:
        for name in ("", *namespaces):
            await put(saver, thread("t", name), name)
        for name in ("", *namespaces):
            assert await values(saver, thread("t", name)) == [name]
        assert len(await values(saver, {"configurable": {"thread_id": "t"}})) == 3
