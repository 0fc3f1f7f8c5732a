"""A process that talks, edits, copies, deletes, folds and resets at random until it is killed.

It writes down what it is about to do, and what came of it. Nothing here is a test.
"""

import asyncio
import json
import os
import random
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from domain.owner import Owner
from graph import remember
from nodes.messages.refusal import TurnRefused
from stores.errors import CheckpointGone, GenerationMoved, StoreUnavailable
from stores.maintenance.erase import reset
from tests.support.house import Clock
from tests.support.kept import seen
from tests.support.models.scripted import Script, marks, on, open_script, scripted_settings

OWNERS = {"a": Owner("alex"), "b": Owner("eve")}
WEIGHTS = {"say": 12, "edit": 3, "copy": 1, "delete": 1, "fold": 3, "reset": 1}
THREADS = 3
"""How many threads of each owner a process begins with, its own: a thread has one run at a time."""
EXPECTED = (TurnRefused, GenerationMoved, CheckpointGone, StoreUnavailable)
"""What an operation may end with while others fold and reset."""
OF_A_PROCESS = 1_000_000
OF_A_LIFE = 10_000
"""How many marks a process has at most, and one life of it."""


class RealClock(Clock):
    """The time as it is: two processes wait for each other's leases."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


class Worker:
    """One life of a process."""

    def __init__(self, script: Script, log: int, process: int, life: int) -> None:
        """Write to the file descriptor `log`."""
        self.script, self._log, self._process = script, log, process
        self._numbers = count(OF_A_PROCESS * process + OF_A_LIFE * life)
        self._random = random.Random(f"{process}-{life}")
        self._copies = count()

    def _note(self, **event: Any) -> None:
        """Write a line at once: what is killed next must have said it."""
        line = {"process": self._process, "at": time.monotonic(), **event}
        os.write(self._log, json.dumps(line).encode() + b"\n")

    async def work(self) -> None:
        """Go on for ever."""
        while True:
            (op,) = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))
            letter, thread = self._random.choice("ab"), self._random.randrange(THREADS)
            name = f"{letter}-{self._process}-{thread}"
            mark = f"mark{next(self._numbers)}{letter}"
            self._note(begun=mark, op=op, owner=letter, thread=name)
            try:
                shown = await getattr(self, f"_{op}")(letter, name, mark)
                self._note(ended=mark, shown=shown)
            except EXPECTED as error:
                self._note(ended=mark, refused=type(error).__name__)
            except Exception as error:
                self._note(ended=mark, broken=repr(error))
                raise

    async def _say(self, letter: str, thread: str, mark: str, **more: Any) -> list[str]:
        await self.script.say(f"Let us speak of {mark} now", thread, OWNERS[letter], **more)
        prompts = (p for p in reversed(self.script.chat.prompts) if mark in marks(p[-1].text))
        return list(marks(seen(next(prompts)).text))

    async def _edit(self, letter: str, thread: str, mark: str) -> list[str] | None:
        limit = self._random.randint(1, 20)
        history = self.script.graph().aget_state_history(on(thread), limit=limit)
        states = [state async for state in history]
        return await self._say(letter, thread, mark, at=states[-1].config) if states else None

    async def _copy(self, letter: str, thread: str, mark: str) -> None:
        await self.script.parts.stores.checkpointer.acopy_thread(thread, f"{thread}+{mark}")

    async def _delete(self, letter: str, thread: str, mark: str) -> None:
        await self.script.parts.stores.checkpointer.adelete_thread(thread)

    async def _fold(self, letter: str, thread: str, mark: str) -> None:
        asked = remember.RememberInput(user_id=OWNERS[letter].user_id)
        await remember.build(self.script.parts).compile().ainvoke(asked)

    async def _reset(self, letter: str, thread: str, mark: str) -> None:
        await reset(self.script.parts.stores, OWNERS[letter])


def settings_of(data_dir: Path, backend: dict[str, Any]) -> Any:
    """Return the settings of both processes: small windows, and leases that soon run out."""
    spans = {"fold_lease": 3, "fold_idle": 3}
    rules = {"fold_turns": 6, "extract_turns": 4, **spans, **backend}
    return scripted_settings(data_dir, **rules)


def live(
    data_dir: Path, backend: dict[str, Any], log: Path, process: int, life: int, ready: Any
) -> None:
    """Be one life of a process; a process that is spawned begins here."""

    async def run() -> None:
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        async with open_script(settings_of(data_dir, backend), RealClock()) as script:
            ready.set()
            await Worker(script, file, process, life).work()

    asyncio.run(run())
