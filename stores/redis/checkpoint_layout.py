"""How a thread's checkpoints lie in Redis: the names of its keys, and what they hold.

A hash a checkpoint, a hash for its pending writes, and a sorted set that names all that the
thread holds. Nothing here talks to Redis.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, unquote

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    writes_sort_key,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from redis.typing import EncodableT, FieldT

from stores.checkpoint_pruning import Saved, at_checkpoint

CHECKPOINT_KEYS = "mnemo:checkpoint:"
"""What the keys of checkpoints begin with, as the search index is told."""
THREAD_KEYS = "mnemo:checkpoints:"
"""What the keys of the threads' sorted sets begin with."""
PREFIXES = {"checkpoint": CHECKPOINT_KEYS, "writes": "mnemo:writes:"}

Kind = Literal["checkpoint", "writes"]
Fields = dict[FieldT, EncodableT]
"""The fields of a hash, to be written."""


class Place(NamedTuple):
    """Where one checkpoint stands."""

    thread_id: str
    namespace: str
    id: str


class Held(NamedTuple):
    """What a thread's sorted set names, by member."""

    checkpoints: dict[str, Saved]
    writes: dict[str, Saved]
    """Pending writes; only where their checkpoint stands is known."""


def _safe(text: str) -> str:
    """Percent-encode, so that no id, separator or wildcard reaches into another name."""
    return quote(text, safe="", errors="surrogatepass")


def _plain(text: str) -> str:
    return unquote(text, errors="surrogatepass")


def _tag(thread_id: str) -> str:
    """Return the thread as a hash tag: in a cluster its keys lie together."""
    return f"{{{_safe(thread_id)}}}"


def thread_key(thread_id: str) -> str:
    """Return the key of the sorted set that names all a thread holds."""
    return f"{THREAD_KEYS}{_tag(thread_id)}"


def thread_of(key: str) -> str:
    """Return the thread that a sorted set belongs to."""
    return _plain(key.removeprefix(THREAD_KEYS)[1:-1])


def prefix(kind: Kind, thread_id: str) -> str:
    """Return what all keys of one kind begin with in a thread."""
    return f"{PREFIXES[kind]}{_tag(thread_id)}:"


def key(kind: Kind, place: Place) -> str:
    """Return the key of a checkpoint, or of its writes."""
    return f"{prefix(kind, place.thread_id)}{_safe(place.namespace)}:{_safe(place.id)}"


def place_of(checkpoint_key: str) -> Place:
    """Return where a checkpoint stands from its key."""
    tag, namespace, id = checkpoint_key.removeprefix(CHECKPOINT_KEYS).split(":")
    return Place(_plain(tag[1:-1]), _plain(namespace), _plain(id))


def checkpoint_member(saved: Saved) -> str:
    """Return how the sorted set names a checkpoint."""
    parts = (saved.namespace, saved.id, saved.parent, saved.source, str(saved.step))
    return ":".join(("checkpoint", *map(_safe, parts)))


def checkpoint_range(namespace: str, id: str) -> tuple[str, str]:
    """Return the lexical bounds of all members that name one checkpoint."""
    start = f"checkpoint:{_safe(namespace)}:{_safe(id)}"
    return f"[{start}:", f"({start};"


def namespace_range(namespace: str) -> tuple[str, str]:
    """Return the lexical bounds of all members that name a checkpoint of a namespace."""
    start = f"checkpoint:{_safe(namespace)}"
    return f"[{start}:", f"({start};"


def writes_member(namespace: str, id: str) -> str:
    """Return how the sorted set names the pending writes of a checkpoint."""
    return f"writes:{_safe(namespace)}:{_safe(id)}"


def named_key(thread_id: str, member: str) -> str:
    """Return the key that a member names."""
    kind, namespace, id = member.split(":")[:3]
    return f"{PREFIXES[kind]}{_tag(thread_id)}:{namespace}:{id}"


def held(members: Iterable[bytes]) -> Held:
    """Return what the members of a sorted set name."""
    found = Held({}, {})
    for member in members:
        kind, *parts = member.decode().split(":")
        namespace, id, *rest = map(_plain, parts)
        if kind == "writes":
            found.writes[member.decode()] = Saved(namespace, id)
        else:
            parent, source, step = rest
            found.checkpoints[member.decode()] = Saved(namespace, id, parent, source, int(step))
    return found


def members_to_drop(found: Held, gone: Iterable[Saved], oldest: str = "") -> list[str]:
    """Return the members of `gone`, and of writes before `oldest` that have no checkpoint."""
    places = {(saved.namespace, saved.id) for saved in gone}
    known = {(saved.namespace, saved.id) for saved in found.checkpoints.values()}
    orphans = {
        (saved.namespace, saved.id) for saved in found.writes.values() if saved.id < oldest
    } - known
    return [
        member
        for member, saved in (found.checkpoints | found.writes).items()
        if (saved.namespace, saved.id) in places | orphans
    ]


def run_tag(run_id: str) -> str:
    """Return a run's id as the search index holds it: one word of letters and digits."""
    return hashlib.sha256(run_id.encode(errors="surrogatepass")).hexdigest()


def checkpoint_fields(
    serde: SerializerProtocol, checkpoint: Checkpoint, metadata: CheckpointMetadata, parent: str
) -> Fields:
    """Return the fields of a checkpoint's hash; `run` is what the search index looks at."""
    kind, body = serde.dumps_typed(checkpoint)
    metadata_kind, metadata_body = serde.dumps_typed(metadata)
    run_id = metadata.get("run_id")
    return {
        "kind": kind,
        "body": body,
        "metadata_kind": metadata_kind,
        "metadata": metadata_body,
        "parent": parent,
        "run": run_tag(str(run_id)) if run_id else "",
    }


def writes_fields(
    serde: SerializerProtocol, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
) -> Fields:
    """Return the fields that a task's writes add to the hash of a checkpoint's writes."""
    fields: Fields = {}
    for position, (channel, value) in enumerate(writes):
        kind, body = serde.dumps_typed(value)
        head = [task_path.encode(), channel.encode(), kind.encode()]
        fields[f"{WRITES_IDX_MAP.get(channel, position)} {task_id}"] = b"\0".join([*head, body])
    return fields


def loaded(
    serde: SerializerProtocol,
    place: Place,
    fields: Mapping[bytes, bytes],
    writes: Mapping[bytes, bytes],
) -> CheckpointTuple:
    """Return the checkpoint that the fields of its hash and of its writes' describe."""
    pending = []
    for field, value in writes.items():
        position, task_id = field.decode().split(" ", 1)
        path, channel, kind, body = value.split(b"\0", 3)
        order = writes_sort_key(path.decode(), task_id, int(position))
        pending.append(
            (order, (task_id, channel.decode(), serde.loads_typed((kind.decode(), body))))
        )
    parent = fields[b"parent"].decode()
    return CheckpointTuple(
        at_checkpoint(*place),
        serde.loads_typed((fields[b"kind"].decode(), fields[b"body"])),
        _metadata(serde, fields),
        at_checkpoint(place.thread_id, place.namespace, parent) if parent else None,
        [write for _, write in sorted(pending, key=lambda ordered: ordered[0])],
    )


def _metadata(serde: SerializerProtocol, fields: Mapping[bytes, bytes]) -> Any:
    return serde.loads_typed((fields[b"metadata_kind"].decode(), fields[b"metadata"]))


def readdressed(serde: SerializerProtocol, fields: Mapping[bytes, bytes], thread_id: str) -> Fields:
    """Return a hash's fields for another thread, which metadata that name their thread name."""
    copied: Fields = dict(fields.items())
    metadata = _metadata(serde, fields) if b"metadata" in fields else {}
    if "thread_id" in metadata:
        kind, body = serde.dumps_typed(metadata | {"thread_id": thread_id})
        copied |= {b"metadata_kind": kind, b"metadata": body}
    return copied
