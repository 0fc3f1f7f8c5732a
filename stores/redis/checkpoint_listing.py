"""Many checkpoints of Redis at once: where they lie, and what can be read of them."""

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, get_checkpoint_id
from langgraph.checkpoint.serde.base import SerializerProtocol

from stores.checkpoint_pruning import UNREADABLE
from stores.redis.checkpoint_layout import loaded, place_prefix
from stores.redis.checkpoint_rows import CheckpointRows

_log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a checkpoint lies."""

    id: str
    thread_id: str
    field: str
    writes: list[str]
    """Fields of its pending writes."""


async def places_of(
    rows: CheckpointRows,
    config: RunnableConfig | None = None,
    before: RunnableConfig | None = None,
) -> list[Place]:
    """Return where checkpoints lie, newest first.

    Args:
        rows: All checkpoints.
        config: The thread; a namespace and an id narrow it. None: every thread.
        before: A config whose checkpoint, and all after it, is left out.
    """
    wanted = config["configurable"] if config else {}
    last = get_checkpoint_id(before) if before else None
    if "thread_id" in wanted:
        threads = [str(wanted["thread_id"])]
    else:
        threads = [thread_id async for thread_id in rows.threads()]
    places = []
    for thread_id in threads:
        names = await rows.names(thread_id)
        for field, saved in names.checkpoints.items():
            if (
                wanted.get("checkpoint_ns") in (None, saved.namespace)
                and wanted.get("checkpoint_id") in (None, "", saved.id)
                and (not last or saved.id < last)
            ):
                start = place_prefix("writes", saved.namespace, saved.id)
                writes = [name for name in names.writes if name.startswith(start)]
                places.append(Place(saved.id, thread_id, field, writes))
    return sorted(places, key=lambda place: place.id, reverse=True)


async def checkpoints_at(
    rows: CheckpointRows, serde: SerializerProtocol, places: Sequence[Place]
) -> list[CheckpointTuple | None]:
    """Return the checkpoints at some places, None for one that cannot be read.

    One that is there no more is left out.
    """
    checkpoints = []
    fields = [(place.thread_id, [place.field, *place.writes]) for place in places]
    for place, stored in zip(places, await rows.some(fields), strict=True):
        if value := stored.pop(place.field, None):
            checkpoints.append(readable(serde, place.thread_id, place.field, value, stored))
    return checkpoints


def readable(
    serde: SerializerProtocol, thread_id: str, field: str, value: bytes, writes: Mapping[str, bytes]
) -> CheckpointTuple | None:
    """Return the checkpoint that a field describes; None, with a warning, where it cannot be."""
    try:
        return loaded(serde, thread_id, field, value, writes)
    except UNREADABLE as error:
        _log.warning("A checkpoint cannot be read and is passed over: %s", type(error))
        return None
