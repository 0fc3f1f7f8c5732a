"""Two processes that are killed again and again keep every promise to the owners they share."""

import json
import multiprocessing
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chromadb
import pytest
from redis import Redis

from stores.maintenance.erase import finish_resets
from tests.support.kept import kept_of
from tests.support.killed_worker import OWNERS, live, settings_of
from tests.support.models.scripted import marks, open_script
from tests.support.stores.raw_stores import chroma_values, marks_in, redis_values

SECONDS = 180.0
LIFE = (0.5, 8.0)
"""Seconds after which a process that has begun is killed, at least and at most."""


PRELOADED = [
    "pytest", "tests.support.killed_worker", "stores.redis.checkpoints", "stores.redis.journal",
    "stores.redis.summary_cache", "stores.chroma.store",
]  # fmt: skip
"""What each life of a process would have to import, imported once."""


@dataclass
class Event:
    """One operation as its process wrote it down."""

    mark: str
    op: str
    owner: str
    thread: str
    process: int
    begun: float
    ended: float | None = None
    """None where the process was killed meanwhile."""
    killed: float = 0.0
    """When nothing of it can have been under way any more."""
    shown: list[str] | None = None
    refused: str | None = None

    @property
    def done(self) -> bool:
        """Whether it succeeded, and its process knew."""
        return self.ended is not None and self.refused is None


@dataclass
class Told:
    """All that the processes wrote down."""

    events: dict[str, Event] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def of(self, *ops: str) -> Iterator[Event]:
        return (event for event in self.events.values() if event.op in ops)


def read(log: Path, kills: list[tuple[int, float]]) -> Told:
    """Read what was written down; `kills` are the processes with the times of their deaths."""
    told = Told()
    for line in log.read_text().splitlines():
        at = json.loads(line)
        if "begun" in at:
            event = Event(at["begun"], at["op"], at["owner"], at["thread"], at["process"], at["at"])
            deaths = (when for process, when in kills if process == event.process)
            event.killed = min(when for when in deaths if when > event.begun)
            told.events[event.mark] = event
            continue
        event = told.events[at["ended"]]
        event.ended = event.killed = at["at"]
        event.shown, event.refused = at.get("shown"), at.get("refused")
        if "broken" in at:
            told.broken.append(at["broken"])
    return told


def run(data_dir: Path, backend: dict[str, Any], log: Path) -> list[tuple[int, float]]:
    """Let two processes work, and kill them again and again; return when each was killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    chance, until = random.Random(1), time.monotonic() + SECONDS
    lives, kills = [0, 0], list[tuple[int, float]]()
    running: dict[int, tuple[Any, Any, list[float]]] = {}
    while time.monotonic() < until or running:
        for number in (0, 1):
            if number not in running and time.monotonic() < until:
                ready = context.Event()
                args = (data_dir / str(number), backend, log, number, lives[number], ready)
                lives[number] += 1
                process = context.Process(target=live, args=args)
                process.start()
                running[number] = process, ready, []
        for number, (process, ready, death) in list(running.items()):
            if ready.is_set() and not death:
                death.append(time.monotonic() + chance.uniform(*LIFE))
            if time.monotonic() > min([*death, until]) or not process.is_alive():
                process.kill()
                process.join()
                kills.append((number, time.monotonic()))
                del running[number]
        time.sleep(0.02)
    return kills


def forgotten_by(event: Event, told: Told) -> bool:
    """Return whether a reset that came after an operation must have forgotten what it said."""
    resets = (r for r in told.of("reset") if r.owner == event.owner and r.done)
    return any(event.killed < reset.begun for reset in resets)


def untouched(event: Event, told: Told) -> bool:
    """Return whether no reset can have forgotten what an operation said."""
    resets = (r for r in told.of("reset") if r.owner == event.owner)
    return all(reset.killed < event.begun for reset in resets)


def whose(key: bytes) -> str | None:
    """Return the letter of the owner that a key of Redis belongs to."""
    for letter, owner in OWNERS.items():
        if owner.key.encode() in key or f"checkpoint-rows:{{{letter}-".encode() in key:
            return letter
    return None


def strangers(backend: dict[str, Any]) -> list[str]:
    """Return the marks that stand in keys and rows of another owner."""
    wrong: list[str] = []
    with Redis.from_url(backend["redis_url"]) as redis:
        for key in redis.scan_iter():
            letter = whose(key)
            if letter and redis.type(key) == b"hash":
                values = (part for pair in redis.hgetall(key).items() for part in pair)
                wrong += [mark for mark in marks_in(values) if mark[-1] != letter]
    host, _, port = backend["chroma_url"].removeprefix("http://").partition(":")
    for collection in chromadb.HttpClient(host, int(port)).list_collections():
        for row in collection.get(include=["metadatas"])["metadatas"] or []:
            for letter, owner in OWNERS.items():
                if owner.user_key in str(row.get("namespace")):
                    wrong += [mark for mark in marks(str(row)) if mark[-1] != letter]
    return wrong


@pytest.mark.deep
@pytest.mark.timeout(900)
async def test_two_processes_that_are_killed_keep_every_promise(
    tmp_path: Path, redis_url: str, chroma_url: str
) -> None:
    backend = {"redis_url": redis_url, "chroma_url": chroma_url}
    log = tmp_path / "log"
    kills = run(tmp_path, backend, log)
    told = read(log, kills)
    assert not told.broken, told.broken
    assert len(kills) > 5 and sum(event.done for event in told.of("say", "edit")) > 20
    assert all(any(event.done for event in told.of(op)) for op in ("copy", "delete", "fold"))

    # What a killed process was writing while its owner was reset goes with the next daily sweep.
    async with open_script(settings_of(tmp_path / "sweep", backend)) as script:
        for owner in OWNERS.values():
            await finish_resets(script.parts.stores, owner)

    raw = marks_in(redis_values(redis_url)) | marks_in(chroma_values(chroma_url))
    said = [event for event in told.of("say", "edit") if event.shown is not None or not event.done]
    forgotten = {event.mark for event in said if forgotten_by(event, told)}
    assert forgotten
    assert forgotten & raw == set(), "read after a reset"
    assert strangers(backend) == [], "isolation"

    async with open_script(settings_of(tmp_path / "after", backend)) as script:
        for letter, owner in OWNERS.items():
            kept = await kept_of(script.parts, owner)
            kept.once()
            said_in = (one.text for turn in kept.turns.values() for one in turn.messages)
            there = {mark for text in said_in for mark in marks(text)}
            acknowledged = {
                event.mark
                for event in said
                if event.owner == letter and event.done and untouched(event, told)
            }
            assert acknowledged <= there, f"lost: {acknowledged - there}"
            assert {mark[-1] for mark in marks(kept.text)} <= {letter}

    for event in told.of("say", "edit"):
        shown = set(event.shown or ()) - {event.mark}
        assert {mark[-1] for mark in shown} <= {event.owner}, "shown to another"
        before = [told.events[mark].killed for mark in shown if mark in told.events]
        resets = (r for r in told.of("reset") if r.owner == event.owner and r.done)
        ended = [r.begun for r in resets if r.ended is not None and r.ended < event.begun]
        assert not before or not ended or min(before) > max(ended), "shown after a reset"
