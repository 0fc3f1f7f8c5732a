"""A process that talks for long holds no more than early on, and a turn does no more."""

import asyncio
import cProfile
import gc
import os
import pstats
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.journal import JournalView, ThreadNote
from domain.owner import Owner
from evals.speed.made_up import texts
from evals.speed.product import Product, open_product
from service.ops.allocator import keep_little
from stores.journal.records import Changes

CYCLE = 12
"""Turns within which a conversation is folded once and its facts are drawn three times."""


def memory() -> int:
    """Return the bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def files() -> int:
    """Return how many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def sqlite_size(folder: Path) -> int:
    """Return the bytes of the journal and the checkpoints."""
    return sum(path.stat().st_size for path in folder.glob("*.sqlite*"))


@pytest.fixture
def counted() -> Iterator[cProfile.Profile]:
    """Count the calls of functions, which depend on no other program as seconds do."""
    profile = cProfile.Profile()
    yield profile
    profile.disable()


async def calls_a_turn(product: Product, said: list[str], profile: cProfile.Profile) -> float:
    profile.clear()
    profile.enable()
    for text in said:
        await product.turn("alex", text)
        await product.rest()
    profile.disable()
    return float(pstats.Stats(profile).total_calls / len(said))  # type: ignore[attr-defined]


@pytest.mark.deep
@pytest.mark.parametrize("others", [0, 5_000])
async def test_a_late_turn_does_about_as_much_as_an_early_one(
    tmp_path: Path, counted: cProfile.Profile, others: int
) -> None:
    """The first turns are fewer than what is shown; from then on work must not grow."""
    said = texts(100 + 12 * CYCLE)

    def with_others(view: JournalView) -> Changes:
        return Changes(threads={f"other {n}": ThreadNote(ref=f"turn {n}") for n in range(others)})

    async with open_product(
        data_dir=tmp_path, embeddings="wordllama", remember="background"
    ) as product:
        await product.turn("alex", "Hello")
        await product.parts.stores.journal.change(Owner("alex"), None, with_others)
        for text in said[:100]:
            await product.turn("alex", text)
            await product.rest()
        early = await calls_a_turn(product, said[100 : 100 + 2 * CYCLE], counted)
        prompts = [len(prompt) for prompt in product.model.prompts]
        for text in said[100 + 2 * CYCLE : -2 * CYCLE]:
            await product.turn("alex", text)
            await product.rest()
        late = await calls_a_turn(product, said[-2 * CYCLE :], counted)
        print(others, early, late)
        assert late <= 1.15 * early
        assert max(map(len, product.model.prompts[-50:])) <= 1.1 * max(prompts[-50:])


@pytest.mark.deep
@pytest.mark.timeout(7200)
async def test_a_process_that_talks_for_long_grows_no_more(tmp_path: Path) -> None:
    """What is in use after the first half stays about that; with SOAK set, of 5,000 turns.

    Nobody says what another has said, as in life: what is kept of texts shows.
    """
    turns, threads = (5_000, 50) if os.environ.get("SOAK") else (960, 16)
    said = texts(turns // threads)
    held: list[tuple[int, int, int, int]] = []
    keep_little()  # as `mnemo serve` does
    async with open_product(
        data_dir=tmp_path, embeddings="wordllama", remember="background"
    ) as product:
        for number, text in enumerate(said):
            await asyncio.gather(
                *(
                    product.turn(f"user {n}", f"{text} For {n}.", f"thread {n}")
                    for n in range(threads)
                )
            )
            await product.rest()
            product.model.prompts.clear()
            if number >= len(said) // 2:
                gc.collect()
                held.append((memory(), files(), len(asyncio.all_tasks()), sqlite_size(tmp_path)))
                print((number + 1) * threads, "turns:", *held[-1], flush=True)
    first, last = held[0], held[-1]
    assert last[0] <= 1.15 * first[0]
    assert last[1] <= first[1] + 4 and last[2] <= first[2] + 1
    assert last[3] <= 1.15 * first[3]
