"""Measuring ways of talking side by side: each turn of one is followed by the same of the next.

So a machine that others use slows all alike. What the model takes is next to nothing; all the
rest of a turn is the memory's.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean, median
from time import perf_counter, process_time
from typing import Any

from redis.asyncio import Redis

from domain.owner import Owner
from evals.measures import percentile
from evals.speed.made_up import texts
from evals.speed.peers import (
    Bare,
    Place,
    RollingSummary,
    Talker,
    VectorAMessage,
    WholeHistory,
    open_bare_graph,
    open_pattern,
)
from evals.speed.product import Product, open_product
from evals.speed.scripted_model import CLOCK, Clock
from models.tokens import TokenCounter

PATTERNS: dict[str, Callable[[Place], Any]] = {
    "(a) whole history": partial(open_pattern, kind=WholeHistory),
    "(b) rolling summary": partial(open_pattern, kind=RollingSummary),
    "(c) bare pattern": partial(open_pattern, kind=Bare),
    "(d) a vector a message": partial(open_pattern, kind=VectorAMessage),
    "(e) bare LangGraph graph": open_bare_graph,
}
WHOLE, BARE = "(a) whole history", "(c) bare pattern"
INLINE, BACKGROUND, EMBEDDED = "Mnemograph, inline", "Mnemograph", "Mnemograph, embedded"
WARM_UP = 5
"""First turns of a repetition that are not counted: connections open, weights are read."""
LONG_TALK = (3, 9)
"""Sentences of a message and of its reply: about 60 and 180 tokens. People's talks with assistants
have 70 and 215 on average (LMSYS-Chat-1M, arXiv 2309.11998, table 1)."""
AROUND = 40
"""Turns up to one of a long conversation whose figures stand for it: several folds."""

Figures = dict[str, Any]


@dataclass
class Turn:
    """What one turn took, in milliseconds."""

    overhead: float
    """All of it; the model takes next to nothing."""
    to_model: float
    cpu: float
    """Of this process, while the turn ran."""
    cpu_beside: float
    """Of this process, for memory work beside the conversation that followed it."""
    prompt: int
    """Tokens of what the chat model was sent for the reply."""
    tokens: int
    """Of everything that models were sent meanwhile."""


@dataclass
class Series:
    """The counted turns of one way of talking, a list for each repetition."""

    repetitions: list[list[Turn]] = field(default_factory=list)

    def against(self, other: "Series") -> Figures:
        """Return the medians over repetitions of what this takes, as multiples of another."""

        def ratio(name: str, share: float) -> float:
            pairs = zip(self.repetitions, other.repetitions, strict=True)
            return round(median(_at(name, a, share) / _at(name, b, share) for a, b in pairs), 2)

        return {
            "overhead_p50": ratio("overhead", 0.5),
            "to_model_p50": ratio("to_model", 0.5),
            "to_model_p95": ratio("to_model", 0.95),
            "cpu": ratio("cpu", 0.5),
        }

    def figures(self) -> Figures:
        """Return the median over repetitions of each figure."""

        def over(name: str, share: float) -> float:
            return median(_at(name, turns, share) for turns in self.repetitions)

        def average(name: str) -> float:
            return float(
                median(mean(getattr(t, name) for t in turns) for turns in self.repetitions)
            )

        return {
            "overhead": {f"p{p}": round(over("overhead", p / 100), 1) for p in (50, 95, 99)},
            "to_model": {f"p{p}": round(over("to_model", p / 100), 1) for p in (50, 95)},
            "cpu": round(average("cpu"), 1),
            "cpu_beside": round(average("cpu_beside"), 1),
            "tokens": round(average("tokens")),
        }


def _at(name: str, turns: Sequence[Turn], share: float) -> float:
    return percentile([getattr(turn, name) for turn in turns], share)


@asynccontextmanager
async def open_talkers(
    place: Place, folder: Path, names: Sequence[str]
) -> AsyncIterator[dict[str, Talker]]:
    """Open ways of talking by name, each with clients of its own."""
    servers = {"redis_url": place.redis_url, "chroma_url": place.chroma_url}
    ours: dict[str, dict[str, Any]] = {
        INLINE: servers | {"remember": "inline"},
        BACKGROUND: servers | {"remember": "background"},
        EMBEDDED: {"remember": "background"},
    }
    async with AsyncExitStack() as stack:
        talkers: dict[str, Talker] = {}
        for name in names:
            opened: Any = (
                open_product(**ours[name], data_dir=folder / name.replace(", ", "-"))
                if name in ours
                else PATTERNS[name](place)
            )
            talkers[name] = await stack.enter_async_context(opened)
        yield talkers


async def one_turn(
    talker: Talker, owner: str, text: str, tokens: TokenCounter, *, rest: bool = True
) -> Turn:
    """Run a turn and say what it took; with `rest` also what it left to be done beside it."""
    clock = Clock()
    CLOCK.set(clock)
    begun, busy = perf_counter(), process_time()
    await talker.turn(owner, text)
    ended, done = perf_counter(), process_time()
    if rest:
        await talker.rest()
    beside = process_time() - done
    prompt = sent = 0
    if rest:
        prompt = tokens.prompt(talker.model.prompts[0])  # The reply is asked for first.
        sent = sum(map(tokens.prompt, talker.model.prompts))
        talker.model.prompts.clear()
    return Turn(
        overhead=(ended - begun) * 1000,
        to_model=((clock.asked or ended) - begun) * 1000,
        cpu=(done - busy) * 1000,
        cpu_beside=beside * 1000,
        prompt=prompt,
        tokens=sent,
    )


async def side_by_side(
    talkers: Mapping[str, Talker], turns: int, repetitions: int, tokens: TokenCounter
) -> dict[str, Series]:
    """Talk with a new owner in each repetition."""
    series = {name: Series() for name in talkers}
    said = texts(turns + WARM_UP)
    for repetition in range(repetitions):
        for name in talkers:
            series[name].repetitions.append([])
        gc.collect()
        for number, text in enumerate(said):
            for name, talker in talkers.items():
                owner = f"{slug(name)}-side-{repetition}"
                turn = await one_turn(talker, owner, text, tokens)
                if number >= WARM_UP:
                    series[name].repetitions[-1].append(turn)
    return series


async def spent(
    talkers: Mapping[str, Talker], turns: int, tokens: TokenCounter, *, long: bool
) -> dict[str, Figures]:
    """Return the tokens that models are sent over so many turns: prompts, and all.

    `long` turns are as long as people talk with assistants, `LONG_TALK`, not a sentence each.
    """
    said, replied = LONG_TALK if long else (1, 0)
    sums: dict[str, Figures] = {}
    for name, talker in talkers.items():
        owner = f"{slug(name)}-spent-{said}"
        talker.model.replies = iter(texts(turns, replied) if replied else ())
        each = [await one_turn(talker, owner, text, tokens) for text in texts(turns, said)]
        sums[name] = {
            "prompts": sum(turn.prompt for turn in each),
            "all": sum(turn.tokens for turn in each),
        }
    return sums


async def in_depth(
    talkers: Mapping[str, Talker], marks: Sequence[int], redis_url: str, tokens: TokenCounter
) -> tuple[dict[str, dict[int, Figures]], dict[str, dict[int, Figures]]]:
    """Talk on one thread.

    Returns:
        The figures of the `AROUND` turns up to each of `marks`, and what Redis holds there.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in talkers}
    rows: dict[str, dict[int, Figures]] = {name: {} for name in talkers}
    for number, text in enumerate(texts(max(marks)), 1):
        for name, talker in talkers.items():
            turns[name].append(await one_turn(talker, _deep(name), text, tokens))
            if number in marks and name != EMBEDDED:
                key = Owner(_deep(name)).key
                rows[name][number] = await stored(redis_url, _deep(name), key)
    depth = {
        name: {mark: Series([all_of[max(0, mark - AROUND) : mark]]).figures() for mark in marks}
        for name, all_of in turns.items()
    }
    return depth, rows


async def at_once(
    talker: Talker, name: str, conversations: int, turns: int, tokens: TokenCounter
) -> Figures:
    """Let so many conversations run at once; memory work beside them counts in the whole."""
    said = texts(turns + 1)

    async def talk(owner: str, messages: Sequence[str]) -> list[float]:
        return [
            (await one_turn(talker, owner, text, tokens, rest=False)).overhead for text in messages
        ]

    owners = [f"{slug(name)}-{conversations}-{number}" for number in range(conversations)]
    await asyncio.gather(*(talk(owner, said[:1]) for owner in owners))
    await talker.rest()
    begun = perf_counter()
    took = await asyncio.gather(*(talk(owner, said[1:]) for owner in owners))
    await talker.rest()
    whole = perf_counter() - begun
    talker.model.prompts.clear()
    times = [time for times in took for time in times]
    return {
        "turns_a_second": round(len(times) / whole, 1),
        "p50": round(percentile(times, 0.5), 1),
        "p95": round(percentile(times, 0.95), 1),
    }


async def stored(url: str, *marks: str) -> Figures:
    """Return how many keys of Redis name one of `marks`, or hold one, and their bytes."""
    keys = size = 0
    async with Redis.from_url(url) as client:
        async for key in client.scan_iter(count=1000):
            if any(mark.encode() in key for mark in marks):
                keys += 1
                size += int(await client.memory_usage(key, samples=0) or 0)
    return {"keys": keys, "bytes": size}


async def first_again(folder: Path, place: Place, tokens: TokenCounter) -> float:
    """Return the milliseconds of the long conversation's next turn in a process new to it."""
    async with open_talkers(place, folder, [BACKGROUND]) as talkers:
        product = talkers[BACKGROUND]
        assert isinstance(product, Product)
        await product.turn("somebody-else", "Hello")
        return (
            await one_turn(product, _deep(BACKGROUND), "Where was the violin?", tokens)
        ).overhead


def _deep(name: str) -> str:
    return f"{slug(name)}-deep"


def slug(name: str) -> str:
    """Return a name of a way of talking as part of an owner's."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
