"""How a Chroma is divided: the record of it, and the names of the collections it names.

The record is the metadata of one small collection, so changing it is one atomic write.
"""

import re
from dataclasses import asdict, dataclass
from typing import NamedTuple

from stores.base_store.backend import Written
from stores.chroma.client import ChromaLink
from stores.errors import StoreUnavailable

RECORD = "mnemo-meta"
_PENDING = "next_"
_NAME = re.compile(r"mnemo-(\d+)-(\d+)-(\d+)")


@dataclass(frozen=True)
class Layout(Written):
    """What the stored data was written with, and which of its copies that is."""

    shards: int
    """Number of collections that users are spread over."""
    epoch: int = 1
    """Counts the reindexings; part of the collections' names."""


class Name(NamedTuple):
    """What a collection's name says."""

    epoch: int
    shard: int
    serial: int
    """Counts the rebuilds of the shard."""

    def __str__(self) -> str:
        """The collection's name."""
        return f"mnemo-{self.epoch}-{self.shard}-{self.serial}"


def name_of(collection: str) -> Name | None:
    """Read a collection's name; None for one that is no shard."""
    match = _NAME.fullmatch(collection)
    return Name(*map(int, match.groups())) if match else None


def parse(metadata: dict[str, object] | None, prefix: str = "") -> Layout | None:
    """The layout in the record's metadata, or the pending one under `next_`."""
    fields = metadata or {}
    if f"{prefix}epoch" not in fields:
        return None
    return Layout(
        shards=int(str(fields[f"{prefix}shards"])),
        embedding_name=str(fields[f"{prefix}embedding_name"]),
        dimensions=int(str(fields[f"{prefix}dimensions"])),
        epoch=int(str(fields[f"{prefix}epoch"])),
    )


def recorded(link: ChromaLink) -> tuple[Layout | None, Layout | None]:
    """The layout in force, and the one an unfinished reindexing is moving to."""
    record = link.find(RECORD)
    if record is None:
        return None, None
    metadata = dict(record.metadata or {})
    return parse(metadata), parse(metadata, _PENDING)


def record(link: ChromaLink, layout: Layout, pending: Layout | None = None) -> None:
    """Write both at once."""
    metadata: dict[str, object] = asdict(layout)
    if pending is not None:
        metadata |= {f"{_PENDING}{key}": value for key, value in asdict(pending).items()}
    existing = link.create(RECORD, metadata)
    if existing.metadata != metadata:
        with link.reach():
            existing.modify(metadata=metadata)


def agree(link: ChromaLink, wanted: Layout) -> Layout:
    """The layout in force, which must be the wanted one; recorded now where there is none.

    Raises:
        StoreMismatch: if the stored data was written with another.
        StoreUnavailable: if it is there without the database that says what it is.
    """
    current, _ = recorded(link)
    if current is None:
        if link.path is not None and any(part.is_dir() for part in link.path.iterdir()):
            raise StoreUnavailable(
                f"The database of the memories in {link.path} is empty or another one, beside "
                "vectors that were written with it: `mnemo doctor` says more; put the folder back "
                "from a backup, or move it away to begin anew."
            )
        # Two processes may both come here: what the first one wrote counts.
        current = parse(dict(link.create(RECORD, asdict(wanted)).metadata or {})) or wanted
    current.check(wanted)
    return current
