"""A conversation in a process of its own whose files may not grow for a while. No test itself.

Run as `python -m tests.support.stores.full_disk DIR`: prints a JSON object with its turns' reports,
in the end what the thread holds, and what SQLite's checkpointer said when only it had no room.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from domain.owner import Owner
from graph.parts import open_parts
from service.cli.talk import Talk
from service.turn_report import report_of
from service.usage.admission import open_conversation
from settings import Settings
from stores.errors import StoreUnavailable
from stores.sqlite.checkpoints import SqliteCheckpoints
from tests.support.stores.checkpoint_backends import put, thread, values

LONG = "and so on " * 300


@contextmanager
def no_room(largest: int = 4096) -> Iterator[None]:
    """Let no file of this process grow past `largest` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def converse(folder: Path) -> dict[str, Any]:
    """Say something before, while, and after there is no room."""
    settings = Settings(_env_file=None, data_dir=folder / "data")
    said: dict[str, Any] = {}
    async with open_parts(settings) as parts, open_conversation(parts) as conversation:
        talk = Talk(Owner("alex"), "t")

        async def say(name: str, message: str) -> None:
            said[name] = (await report_of(talk.turn(conversation, message))).model_dump()

        await say("before", "I am allergic to peanuts")
        with no_room():
            await say("full", "My sister is called Anna")
            await say("still full", "My sister is called Anna")
        await say("after", "My sister is called Anna")
        await say("asked", "What am I allergic to?")
        found = await parts.stores.checkpointer.aget_tuple(thread("t"))
        messages = found.checkpoint["channel_values"]["messages"] if found else []
        said["thread"] = [m.text for m in messages if m.type == "human"]
    return said


async def check_point(folder: Path) -> dict[str, Any]:
    """Store checkpoints before, while, and after there is no room."""
    async with SqliteCheckpoints.open(folder / "alone.sqlite") as saver:
        first = await put(saver, thread("t"), "before")
        refused = []
        with no_room():
            for call in (
                put(saver, first, LONG),
                saver.aput_writes(first, [("said", "short"), ("said", LONG)], "task"),
                saver.acopy_thread("t", "u"),
                saver.adelete_thread("t"),
            ):
                try:
                    await call
                except StoreUnavailable as error:
                    refused.append(str(error))
            read = await values(saver, thread("t"))
        await put(saver, first, "after")
        found = await saver.aget_tuple(first)
        return {
            "refused": refused,
            "read": read,
            "held": await values(saver, None),
            "writes": list(found.pending_writes or ()) if found else None,
        }


async def main(folder: Path) -> None:
    """Do both and print what came of it."""
    print(json.dumps({**await converse(folder), "alone": await check_point(folder)}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
