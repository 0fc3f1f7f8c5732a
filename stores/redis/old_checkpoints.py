"""The rows of checkpoints as versions before this one wrote them, to be brought over when used.

They were a hash a checkpoint, a hash for its pending writes, and a sorted set that named them all.
A run that an older version began can no longer be rolled back afterwards: its name is not kept.
"""

from collections.abc import Sequence
from typing import cast

from redis.asyncio import Redis

from stores.checkpoint_pruning import Saved
from stores.redis.checkpoint_layout import (
    Fields,
    checkpoint_field,
    newest_field,
    place_prefix,
    plain,
    safe,
)
from stores.redis.key_kinds import without_strange

_SETS = "mnemo:checkpoints:"
_KEYS = {"checkpoint": "mnemo:checkpoint:", "writes": "mnemo:writes:"}


def old_key(thread_id: str) -> str:
    """Return the key of the sorted set that named all of a thread."""
    return f"{_SETS}{{{safe(thread_id)}}}"


OLD_KEYS = f"{_SETS}*"
"""What matches the keys of all such sets."""


def old_thread(key: str) -> str:
    """Return the thread that such a set belongs to."""
    return plain(key.removeprefix(_SETS)[1:-1])


async def old_rows(client: Redis, thread_id: str) -> tuple[Fields, list[str]]:
    """Return the rows of a thread as fields of today, and the keys that held them.

    Raises:
        redis.exceptions.RedisError: If Redis does not answer.
    """
    fields: Fields = {}
    keys = [old_key(thread_id)]
    newest: dict[str, str] = {}
    async with client.pipeline(transaction=False) as pipe:
        pipe.zrange(old_key(thread_id), 0, -1)
        members: Sequence[bytes] = (await without_strange(pipe))[0] or ()
    for member in map(bytes.decode, members):
        kind, namespace, id, *rest = member.split(":")
        key = f"{_KEYS[kind]}{{{safe(thread_id)}}}:{namespace}:{id}"
        keys.append(key)
        row = cast("dict[bytes, bytes]", await client.hgetall(key))
        saved = Saved(plain(namespace), plain(id))
        if kind == "writes":
            prefix = place_prefix("writes", saved.namespace, saved.id)
            for name, value in row.items():
                position, task_id = name.decode().split(" ", 1)
                fields[f"{prefix}{position}:{safe(task_id)}"] = value
        elif row:
            parent, source, step = map(plain, rest)
            saved = Saved(saved.namespace, saved.id, parent, source, int(step))
            head = [row[b"kind"], row[b"metadata_kind"], str(len(row[b"metadata"])).encode(), b""]
            value = b"\0".join(head) + row[b"metadata"] + row[b"body"]
            fields[checkpoint_field(saved, "")] = value
            newest[saved.namespace] = max(newest.get(saved.namespace, ""), id)
    return fields | {newest_field(ns): id.encode() for ns, id in newest.items()}, keys
