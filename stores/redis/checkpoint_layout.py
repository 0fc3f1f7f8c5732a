"""How a thread's checkpoints lie in Redis: one hash a thread, and what its fields hold.

All of a thread lies under one key, so it is kept, expires or is evicted whole. Another key names
what a run wrote, in whatever thread. Nothing here talks to Redis.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    writes_sort_key,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from stores.checkpoint_pruning import UNREADABLE, Saved, at_checkpoint, checked

ROWS = "mnemo:checkpoint-rows:"
"""What the keys of the threads' hashes begin with."""
DELETED = "mnemo:checkpoint-deleted:"
RUNS = "mnemo:checkpoint-run:"
OWNER = "owner"
"""The field that names the owner of the last run that began on the thread."""

Fields = dict[str, bytes]
"""Fields of a hash, to be written."""


class Names(NamedTuple):
    """What the names of a thread's fields say, by field."""

    checkpoints: dict[str, Saved]
    writes: dict[str, Saved]
    """Pending writes; only where their checkpoint stands is known."""


def safe(text: str) -> str:
    """Percent-encode, so that no id, separator or wildcard reaches into another name."""
    return quote(text, safe="", errors="surrogatepass")


def plain(text: str) -> str:
    """Return what was percent-encoded."""
    return unquote(text, errors="surrogatepass")


def rows_key(thread_id: str) -> str:
    """Return the key of the hash that holds all of a thread."""
    return f"{ROWS}{{{safe(thread_id)}}}"


def thread_of(key: str) -> str:
    """Return the thread that a hash belongs to."""
    return plain(key.removeprefix(ROWS)[1:-1])


def deleted_key(thread_id: str) -> str:
    """Return the key that names the last deletion of a thread."""
    return f"{DELETED}{{{safe(thread_id)}}}"


def run_key(run_id: str) -> str:
    """Return the key of the set that names what a run wrote."""
    return f"{RUNS}{hashlib.sha256(run_id.encode(errors='surrogatepass')).hexdigest()}"


def run_member(thread_id: str, saved: Saved) -> str:
    """Return how a run's set names a checkpoint."""
    return ":".join(map(safe, (thread_id, saved.namespace, saved.id)))


def run_places(members: Iterable[bytes]) -> dict[str, set[tuple[str, str]]]:
    """Return the namespaces and ids that a run's set names, by thread."""
    places: dict[str, set[tuple[str, str]]] = {}
    for member in members:
        thread_id, namespace, id = map(plain, member.decode().split(":"))
        places.setdefault(thread_id, set()).add((namespace, id))
    return places


def place_prefix(kind: str, namespace: str, id: str) -> str:
    """Return what the fields of a checkpoint, or of its writes, begin with."""
    return f"{kind}:{safe(namespace)}:{safe(id)}:"


def newest_field(namespace: str) -> str:
    """Return the field that names the newest checkpoint of a namespace."""
    return f"newest:{safe(namespace)}"


def checkpoint_field(saved: Saved, run_id: str) -> str:
    """Return the field of a checkpoint; its name says what pruning needs to know."""
    rest = ":".join(map(safe, (saved.parent, saved.source, str(saved.step), run_id)))
    return f"{place_prefix('checkpoint', saved.namespace, saved.id)}{rest}"


def run_of(field: str) -> str:
    """Return the run that wrote a checkpoint; empty where none is known."""
    return plain(field.rsplit(":", 1)[1])


def names_of(fields: Iterable[bytes]) -> Names:
    """Return what the names of fields say."""
    names = Names({}, {})
    for kind, field, saved in map(_named, fields):
        if kind == "checkpoint":
            names.checkpoints[field] = saved
        elif kind == "writes":
            names.writes[field] = saved
    return names


@lru_cache(maxsize=8192)  # Each call of a turn sees the names of a thread again, some 120 of them.
def _named(name: bytes) -> tuple[str, str, Saved]:
    """Return the kind of a field, its name, and what that says."""
    field = name.decode(errors="replace")
    kind, *parts = field.split(":")
    try:
        if kind == "checkpoint":
            namespace, id, parent, source, step, _ = map(plain, parts)
            return kind, field, Saved(namespace, id, parent, source, int(step))
        if kind == "writes":
            return kind, field, Saved(plain(parts[0]), plain(parts[1]))
    except (ValueError, IndexError):
        pass  # Another program wrote it.
    return "", field, Saved("", "")


def fields_of(names: Names, gone: Iterable[Saved], oldest: str = "") -> list[str]:
    """Return the fields of `gone`, and of writes before `oldest` that have no checkpoint."""
    going = {(saved.namespace, saved.id) for saved in gone}
    standing = {(saved.namespace, saved.id) for saved in names.checkpoints.values()}
    return [
        field
        for field, saved in (names.checkpoints | names.writes).items()
        if (place := (saved.namespace, saved.id)) in going
        or (saved.id < oldest and place not in standing)
    ]


def checkpoint_value(
    serde: SerializerProtocol, checkpoint: Checkpoint, metadata: CheckpointMetadata
) -> bytes:
    """Return what the field of a checkpoint holds."""
    kind, body = serde.dumps_typed(checkpoint)
    metadata_kind, metadata_body = serde.dumps_typed(metadata)
    head = f"{kind}\0{metadata_kind}\0{len(metadata_body)}\0"
    return head.encode() + metadata_body + body


def _parts(value: bytes) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    """Return kind and body of a checkpoint, and of its metadata."""
    kind, metadata_kind, length, rest = value.split(b"\0", 3)
    size = int(length)
    return (kind.decode(), rest[size:]), (metadata_kind.decode(), rest[:size])


def writes_fields(
    serde: SerializerProtocol,
    saved: Saved,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
) -> Fields:
    """Return the fields of what a task wrote beside a checkpoint."""
    fields: Fields = {}
    prefix = place_prefix("writes", saved.namespace, saved.id)
    for position, (channel, value) in enumerate(writes):
        kind, body = serde.dumps_typed(value)
        head = [task_path.encode(), channel.encode(), kind.encode()]
        field = f"{prefix}{WRITES_IDX_MAP.get(channel, position)}:{safe(task_id)}"
        fields[field] = b"\0".join([*head, body])
    return fields


def loaded(
    serde: SerializerProtocol, thread_id: str, field: str, value: bytes, writes: Mapping[str, bytes]
) -> CheckpointTuple:
    """Return the checkpoint that a field and those of its writes describe.

    Raises:
        UNREADABLE: Any of these, where another program wrote over it.
    """
    pending = []
    for name, packed in writes.items():
        position, task_id = name.split(":")[3:]
        path, channel, kind, body = packed.split(b"\0", 3)
        order = writes_sort_key(path.decode(), plain(task_id), int(position))
        value_written = serde.loads_typed((kind.decode(), body))
        pending.append((order, (plain(task_id), channel.decode(), value_written)))
    saved = names_of([field.encode()]).checkpoints[field]
    checkpoint, metadata = _parts(value)
    return checked(
        CheckpointTuple(
            at_checkpoint(thread_id, saved.namespace, saved.id),
            serde.loads_typed(checkpoint),
            serde.loads_typed(metadata),
            at_checkpoint(thread_id, saved.namespace, saved.parent) if saved.parent else None,
            [write for _, write in sorted(pending, key=lambda ordered: ordered[0])],
        )
    )


def readdressed(serde: SerializerProtocol, value: bytes, thread_id: str) -> bytes:
    """Return a checkpoint for another thread, which metadata that name their thread name."""
    try:
        (kind, body), stored = _parts(value)
        metadata = serde.loads_typed(stored)
        if "thread_id" not in metadata:
            return value
    except UNREADABLE:
        return value
    metadata_kind, metadata_body = serde.dumps_typed(metadata | {"thread_id": thread_id})
    head = f"{kind}\0{metadata_kind}\0{len(metadata_body)}\0"
    return head.encode() + metadata_body + body
