"""Our rows of thread checkpoints in Redis beside those of `langgraph-checkpoint-redis`.

`python -m evals.speed.checkpoints --redis redis://127.0.0.1:6379/15`, which needs the
package and a Redis with Search and JSON, and empties that database. Both savers run the same whole
turns with the offline model, one repetition of each in turn, so that a busy machine slows both.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Literal, NamedTuple, cast, get_args

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.redis.aio import AsyncRedisSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from redis.asyncio import Redis

from evals.speed.made_up import texts
from evals.speed.table import print_rows
from graph.chat import build
from graph.parts import open_parts
from nodes.state import ChatContext
from settings import Settings
from stores.checkpoint_pruning import KEEP_TURNS
from stores.redis.checkpoints import RedisCheckpoints

Durability = Literal["exit", "async"]
_A_TURN: dict[Durability, int] = {"exit": 1, "async": 8}
"""Checkpoints that a turn of the chat graph writes."""


class LibrarySaver(AsyncRedisSaver):
    """The library's own rows, as far as a turn needs them.

    Values are its msgpack in base64, or dates and tuples would come back as something else.
    """

    def __init__(self, client: Redis, keep: int) -> None:
        """Use `client`; keep that many checkpoints of a thread."""
        super().__init__(redis_client=client)
        self.serde = JsonPlusSerializer()
        self._keep = keep

    def _packed(self, value: Any) -> str:
        return b64encode(self.serde.dumps_typed(value)[1]).decode()

    def _unpacked(self, text: str) -> Any:
        return self.serde.loads_typed(("msgpack", b64decode(text)))

    def _dump_checkpoint(self, checkpoint: Any) -> dict[str, Any]:
        return {"channel_values": {"packed": self._packed(checkpoint)}, "channel_versions": {}}

    def _load_checkpoint(self, checkpoint: Any, channel_values: Any, pending_sends: Any) -> Any:
        return self._unpacked(channel_values["packed"])

    def _dump_metadata(self, metadata: Any) -> str:
        return json.dumps({"packed": self._packed(metadata)})

    async def aput(
        self, config: Any, checkpoint: Any, metadata: Any, *more: Any, **also: Any
    ) -> Any:
        """Store a checkpoint, and drop the oldest where a turn begins."""
        config["configurable"].setdefault("checkpoint_ns", "")
        put = await super().aput(config, checkpoint, metadata, *more, **also)
        if metadata.get("source") == "input" or metadata.get("step", 0) % self._keep == 0:
            thread = config["configurable"]["thread_id"]
            await super().aprune([thread], keep_last=self._keep)
        return put

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, the newest unless one is named."""
        row = await super().aget_tuple(config)
        if row is None:
            return None
        packed = cast(dict[str, Any], row.metadata)["packed"]
        return row._replace(metadata=self._unpacked(packed))


@dataclass(frozen=True)
class Cost:
    """What one saver costs with one durability."""

    saver: str
    durability: Durability
    ms: float
    """Median of whole turns, in milliseconds."""
    repetitions: tuple[float, ...]
    """The median of each repetition."""
    cpu: float
    """Milliseconds a turn keeps a processor busy, here and in Redis: the median repetition."""
    keys: float
    """Keys of Redis a thread, once it is full."""
    kilobytes: float
    """What Redis says a thread's keys take."""


@asynccontextmanager
async def _open(
    name: str, url: str, durability: Durability
) -> AsyncIterator[BaseCheckpointSaver[str]]:
    if name == "ours":
        async with RedisCheckpoints.open(url) as ours:
            yield ours
        return
    async with Redis.from_url(url) as client:
        saver = LibrarySaver(client, KEEP_TURNS * _A_TURN[durability])
        await saver.asetup()
        yield saver


class _Run(NamedTuple):
    """What one repetition took."""

    times: list[float]
    """Of each turn, in milliseconds."""
    cpu: float
    """Milliseconds of a processor a turn, here and in Redis."""
    keys: int
    size: int
    """Bytes of those keys."""


async def _busy(client: Redis) -> float:
    """Return the seconds that this process and Redis have kept a processor busy."""
    info = await client.info("cpu")
    return process_time() + float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


async def _timed_turn(graph: Any, text: str, durability: Durability) -> float:
    """Say a text on the one thread; return the milliseconds."""
    said, on = {"messages": [HumanMessage(text)]}, {"configurable": {"thread_id": "bench"}}
    begun = perf_counter()
    await graph.ainvoke(said, on, context=ChatContext(), durability=durability)
    return (perf_counter() - begun) * 1000


async def _repetition(name: str, url: str, durability: Durability, turns: int) -> _Run:
    """Talk on one thread."""
    times: list[float] = []
    # The first turns load models, and no thread is full yet.
    early, busy = turns // 4, 0.0
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Redis.from_url(url))
        await client.flushdb()
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        settings = Settings(_env_file=None, data_dir=Path(folder), chat_model="offline")
        saver = await stack.enter_async_context(_open(name, url, durability))
        parts = await stack.enter_async_context(open_parts(settings))
        graph = build(parts).compile(checkpointer=saver)
        for number, text in enumerate(texts(turns)):
            if number == early:
                busy = await _busy(client)
            times.append(await _timed_turn(graph, text, durability))
        busy = (await _busy(client) - busy) * 1000 / (len(times) - early)
        keys = [key async for key in client.scan_iter(count=1000)]
        size = sum([int(await client.memory_usage(key, samples=0) or 0) for key in keys])
    return _Run(times[early:], busy, len(keys), size)


async def compare(url: str, turns: int, repetitions: int) -> list[Cost]:
    """Measure both savers with both durabilities."""
    costs = []
    for durability in get_args(Durability):
        runs: dict[str, list[_Run]] = {"ours": [], "library": []}
        for _ in range(repetitions):
            for name, mine in runs.items():
                mine.append(await _repetition(name, url, durability, turns))
        for name, mine in runs.items():
            medians = tuple(statistics.median(run.times) for run in mine)
            cpu = statistics.median(run.cpu for run in mine)
            last = mine[-1]
            ms = statistics.median(medians)
            costs.append(Cost(name, durability, ms, medians, cpu, last.keys, last.size / 1000))
    return costs


def main() -> None:
    """Run the comparison from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", required=True, help="URL of a database that may be emptied")
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--repetitions", type=int, default=5)
    asked = parser.parse_args()
    print_rows(asyncio.run(compare(asked.redis, asked.turns, asked.repetitions)))


if __name__ == "__main__":
    main()
