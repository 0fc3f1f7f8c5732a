"""A thread's checkpoints in Redis, read and written as rows. Decides nothing, parses nothing else.

Reading a thread's newest checkpoint with its writes is one round trip, and so is writing one and
deleting those that it makes needless.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from cachetools import LRUCache
from langgraph.checkpoint.serde.base import SerializerProtocol
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from stores.checkpoint_pruning import Saved
from stores.redis.begun_runs import begun_key, list_in, owner_in
from stores.redis.checkpoint_layout import (
    OWNER,
    ROWS,
    Fields,
    Names,
    deleted_key,
    fields_of,
    names_of,
    newest_field,
    place_prefix,
    readdressed,
    rows_key,
    run_key,
    run_member,
    run_of,
    run_places,
    safe,
    thread_of,
)
from stores.redis.checkpoint_scripts import DELETE, DROP, EVER, PUT, PUT_WRITES, READ
from stores.redis.connection import answered
from stores.redis.key_kinds import over_strange, without_strange
from stores.redis.old_checkpoints import OLD_KEYS, old_key, old_rows, old_thread
from stores.self_pruning import RUNS_UNDER_WAY, RunOn

PAGE = 16
"""How many checkpoints one round trip reads or copies."""
MANY = 1000
"""How many fields one round trip deletes, and keys one scan looks at."""
RUN_SECONDS = 30 * 24 * 3600
"""How long a run can be rolled back where checkpoints live for ever."""
NO_ID = "-"
"""The id of no checkpoint: a reading of it brings the names alone."""
DELETED_SECONDS = 3600
"""How long a thread's deletion is remembered: longer than any run goes on."""


_SCRIPTS = (READ, PUT, PUT_WRITES, DELETE)


class Reading(NamedTuple):
    """One checkpoint of a thread with its writes, and the names of all the thread holds."""

    names: Names
    field: str | None
    """None where the checkpoint is not there."""
    value: bytes
    writes: dict[str, bytes]
    lost: bool
    """True where the namespace's newest checkpoint should be there and is not."""
    deleted: str
    """Names the last deletion of the thread; empty where that is long ago."""


class CheckpointRows:
    """The rows of all threads. Failures raise `StoreUnavailable`."""

    def __init__(self, client: Redis, seconds: int) -> None:
        """Use a connected client; rows live `seconds` after their thread's last use, 0 for ever."""
        self._client = client
        self._seconds = seconds
        self._scripts = {script: client.register_script(script) for script in _SCRIPTS}
        self._began: LRUCache[RunOn, str] = LRUCache(RUNS_UNDER_WAY)

    async def read(self, thread_id: str, namespace: str, id: str = "") -> Reading:
        """Return a checkpoint, by default the newest; the thread lives as long again as if new."""
        answer = await self._on(thread_id, READ, self._seconds, safe(namespace), safe(id))
        _, names, flat, newest, deleted = answer
        fields = dict(zip(map(bytes.decode, flat[::2]), flat[1::2], strict=True))
        field = next((name for name in fields if name.startswith("checkpoint:")), None)
        value = fields.pop(field) if field else b""
        marked = field is not None and field.split(":")[2] == newest.decode(errors="replace")
        lost = not id and bool(newest) and not marked
        return Reading(
            names_of(names), field, value, fields, lost, deleted.decode(errors="replace")
        )

    def begin(self, run: RunOn, reading: Reading) -> None:
        """Remember after which deletion of a thread a run began: it writes nothing after others."""
        self._began[run] = reading.deleted

    async def put(
        self,
        thread_id: str,
        saved: Saved,
        field: str,
        value: bytes,
        gone: Sequence[str],
        *,
        of_run: RunOn | None = None,
        by: str | None = None,
    ) -> Names | None:
        """Write a checkpoint and delete the fields `gone`; return what the thread holds then.

        What a run writes (`of_run`) to a thread that was deleted meanwhile is dropped: None. `by`
        is the key of the owner who begins a run with it.
        """
        args = (
            self._seconds,
            self._since(of_run),
            place_prefix("checkpoint", saved.namespace, saved.id),
            field,
            value,
            newest_field(saved.namespace),
            safe(saved.id),
            by or "",
            *gone,
        )
        run = run_of(field), run_member(thread_id, saved)
        _, *names = await self._on(thread_id, PUT, *args, run=run, by=by)
        return names_of(names[0]) if names else None

    async def put_writes(
        self,
        thread_id: str,
        fields: Fields,
        *,
        replace: bool,
        of_run: RunOn | None = None,
        by: str | None = None,
    ) -> None:
        """Write what a task wrote; without `replace`, fields that are there stay.

        `of_run` and `by` are those of `put`.
        """
        values = [part for field in fields.items() for part in field]
        args = self._seconds, self._since(of_run), by or "", int(replace), *values
        await self._on(thread_id, PUT_WRITES, *args, by=by)

    def _since(self, run: RunOn | None) -> str:
        return self._began.get(run, EVER) if run else EVER

    async def _on(
        self,
        thread_id: str,
        script: str,
        *args: Any,
        run: tuple[str, str] = ("", ""),
        by: str | None = None,
    ) -> list[Any]:
        """Run a script on a thread, which moves over from an older version's rows before."""
        keys = (rows_key(thread_id), old_key(thread_id), deleted_key(thread_id))
        run_id, member = run

        async def call() -> list[Any]:
            if not run_id and not by:
                return list(await answered(self._scripts[script](keys=keys, args=args)))
            async with self._client.pipeline(transaction=False) as pipe:
                if run_id:
                    pipe.sadd(run_key(run_id), member)
                    pipe.expire(run_key(run_id), self._seconds or RUN_SECONDS)
                if by:
                    list_in(pipe, by, thread_id)
                pipe.eval(script, len(keys), *keys, *args)
                answers: list[list[Any]] = await answered(pipe.execute())
            return answers[-1]

        while True:
            all_keys = [*keys, run_key(run_id), begun_key(by or "")]
            answer = await over_strange(self._client, all_keys, call)
            if answer[0] != b"old":
                return answer
            await answered(self._move(thread_id))

    async def _move(self, thread_id: str) -> None:
        """Bring over what an older version wrote of a thread, at once."""
        fields, keys = await old_rows(self._client, thread_id)
        async with self._client.pipeline(transaction=True) as pipe:
            if fields:
                pipe.hset(rows_key(thread_id), mapping=dict(fields.items()))
            pipe.delete(*keys)  # `unlink` is not queued by a pipeline on a cluster.
            await pipe.execute()

    async def threads(self) -> AsyncIterator[str]:
        """Yield every thread that holds anything."""
        seen: set[str] = set()
        for match, name in ((f"{ROWS}*", thread_of), (OLD_KEYS, old_thread)):
            async for key in self._client.scan_iter(match=match, count=MANY):
                thread_id = name(key.decode(errors="replace"))
                if thread_id not in seen:
                    seen.add(thread_id)
                    yield thread_id

    async def names(self, thread_id: str) -> Names:
        """Return what a thread holds."""
        return (await self.read(thread_id, "", NO_ID)).names

    async def some(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[Fields]:
        """Return some fields of each thread; those that are there no more are left out."""
        async with self._client.pipeline(transaction=False) as pipe:
            for thread_id, fields in wanted:
                pipe.hmget(rows_key(thread_id), list(fields))
            rows = await answered(pipe.execute())
        return [
            {name: value for name, value in zip(fields, row, strict=True) if value}
            for (_, fields), row in zip(wanted, rows, strict=True)
        ]

    async def drop(self, thread_id: str, fields: Sequence[str]) -> None:
        """Delete fields of a thread; one that holds nothing then is gone."""
        for start in range(0, len(fields), MANY):
            some = fields[start : start + MANY]
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.eval(DROP, 1, rows_key(thread_id), *some)
                _drop_of_runs(pipe, thread_id, names_of(map(str.encode, some)).checkpoints)
                await answered(without_strange(pipe))

    async def drop_thread(self, thread_id: str) -> str:
        """Delete all a thread holds, and let no run that is under way on it write any more.

        Returns the owner of the last run that began on it; empty where none did.
        """
        _, fields, owner = await self._on(thread_id, DELETE, uuid4().hex, DELETED_SECONDS)
        async with self._client.pipeline(transaction=False) as pipe:
            _drop_of_runs(pipe, thread_id, names_of(fields).checkpoints)
            await answered(without_strange(pipe))
        return owner_in(owner)

    async def drop_run(self, run_id: str) -> None:
        """Delete what a run wrote, in whatever thread."""
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.smembers(run_key(run_id))
            members = (await answered(without_strange(pipe)))[0] or ()
        for thread_id, places in run_places(members).items():
            names = await self.names(thread_id)
            gone = [s for s in names.checkpoints.values() if (s.namespace, s.id) in places]
            await self.drop(thread_id, fields_of(names, gone))
        await answered(self._client.unlink(run_key(run_id)))

    async def copy(self, serde: SerializerProtocol, source: str, target: str) -> None:
        """Copy all that a thread holds to another, oldest first."""
        names = await self.names(source)
        # A reset finds the copy as well.
        (head,) = await self.some([(source, [OWNER])])
        by = owner_in(head.get(OWNER, b""))
        everything = names.checkpoints | names.writes
        fields = sorted(everything, key=lambda field: everything[field].id)
        for start in range(0, len(fields), PAGE):
            (rows,) = await self.some([(source, fields[start : start + PAGE])])
            for field, value in rows.items():
                if field in names.checkpoints:
                    saved = names.checkpoints[field]
                    value = readdressed(serde, value, target)
                    await self.put(target, saved, field, value, (), by=by)
                else:
                    await self.put_writes(target, {field: value}, replace=True)


def _drop_of_runs(pipe: Pipeline, thread_id: str, checkpoints: Mapping[str, Saved]) -> None:
    """Forget, of each run that wrote one of a thread's checkpoints, that it did."""
    for field, saved in checkpoints.items():
        if run_id := run_of(field):
            pipe.srem(run_key(run_id), run_member(thread_id, saved))
