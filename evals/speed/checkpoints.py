"""Our rows of thread checkpoints in Redis beside those of `langgraph-checkpoint-redis`.

`python -m evals.speed.checkpoints --redis redis://127.0.0.1:6379/15`, which needs the
package and a Redis with Search and JSON, and empties that database. Both savers run the same whole
turns with the offline model, one repetition of each in turn, so that a busy machine slows both.
"""

import argparse
import asyncio
import json
import re
import statistics
import tempfile
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any, Literal, NamedTuple, cast, get_args

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple, get_checkpoint_id
from langgraph.checkpoint.redis.aio import AsyncRedisSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from redis.asyncio import Redis
from redis.commands.search.query import Query

from evals.speed.made_up import texts
from evals.speed.table import print_rows
from evals.speed.turns import timed_turn
from graph.chat import build
from graph.parts import open_parts
from settings import Settings
from stores.checkpoint_pruning import KEEP_TURNS
from stores.redis.checkpoints import RedisCheckpoints

Durability = Literal["exit", "async"]
_A_TURN: dict[Durability, int] = {"exit": 1, "async": 8}
"""Checkpoints that a turn of the chat graph writes."""


class LibrarySaver(AsyncRedisSaver):
    """The library's own rows, with what its saver gets wrong put right.

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

    def _whole(self, row: CheckpointTuple) -> CheckpointTuple:
        packed = cast(dict[str, Any], row.metadata)["packed"]
        return row._replace(metadata=self._unpacked(packed))

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
        return self._whole(row) if row else None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, newest first; the library's own conditions are not those asked."""
        namespace = config["configurable"].get("checkpoint_ns") if config else None
        last = get_checkpoint_id(before) if before else None
        left = limit
        async for packed in super().alist(config):
            row = self._whole(packed)
            at = row.config["configurable"]
            metadata = cast(dict[str, Any], row.metadata)
            if namespace not in (None, at["checkpoint_ns"]):
                continue
            if last and at["checkpoint_id"] >= last:
                continue
            if any(metadata.get(key) != value for key, value in (filter or {}).items()):
                continue
            if left == 0:
                return
            left = None if left is None else left - 1
            yield row

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that some runs wrote."""
        for run_id in run_ids:
            tag = re.sub(r"(\W)", r"\\\1", str(run_id))
            query = Query(f"@run_id:{{{tag}}}").no_content().paging(0, 10_000)
            rows = (await self._redis.ft(self.checkpoints_index.name).search(query)).docs
            if rows:
                await self._redis.delete(*(row.id for row in rows))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints of a thread to another."""
        source: RunnableConfig = {"configurable": {"thread_id": source_thread_id}}
        rows = [row async for row in self.alist(source)]
        for row in reversed(rows):
            at = row.config["configurable"] | {"thread_id": target_thread_id}
            above = row.parent_config["configurable"] if row.parent_config else {}
            metadata = dict(row.metadata)
            if "thread_id" in metadata:
                metadata["thread_id"] = target_thread_id
            there = {"configurable": at | {"checkpoint_id": above.get("checkpoint_id")}}
            await super().aput(cast(Any, there), row.checkpoint, cast(Any, metadata), {})
            for task_id, channel, value in row.pending_writes or ():
                await super().aput_writes({"configurable": at}, [(channel, value)], task_id)

    async def aprune(self, thread_ids: Sequence[str], **how: Any) -> None:
        """Delete checkpoints of some threads, also of none."""
        if thread_ids:
            await super().aprune(thread_ids, **how)


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


async def _repetition(name: str, url: str, durability: Durability, turns: int) -> _Run:
    """Talk on one thread."""
    times: list[float] = []
    # The first turns load models, and no thread is full yet.
    early, busy = turns // 4, 0.0
    async with Redis.from_url(url) as client:
        await client.flushdb()
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(_env_file=None, data_dir=Path(folder), chat_model="offline")
            async with _open(name, url, durability) as saver, open_parts(settings) as parts:
                graph = build(parts).compile(checkpointer=saver)
                for number, text in enumerate(texts(turns)):
                    if number == early:
                        busy = await _busy(client)
                    took, _ = await timed_turn(graph, text, durability)
                    times.append(took)
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
