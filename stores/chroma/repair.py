"""What is done to Chroma's own files: rebuilding a damaged shard, and wiping deleted text.

A process that dies while Chroma saves a vector index can leave the index torn; then Chroma
answers nothing of that collection, not even a `get`. Its rows are safe in its SQLite tables.
Every call here blocks and needs the store to itself.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from stores.base_store.batch import plan_of_items, vectors_of
from stores.base_store.items import times_of
from stores.chroma.client import ShardDamaged
from stores.chroma.index_files import blank_spare_room, remove_unused
from stores.chroma.layout import Name
from stores.chroma.rows import (
    Entry,
    Row,
    decode,
    is_item,
    portions,
)
from stores.chroma.shards import PAGE, Shards, shard_on
from stores.chroma.write import rows_of
from stores.errors import StoreUnavailable

if TYPE_CHECKING:
    from stores.chroma.shard import Shard

Embed = Callable[[list[str]], list[list[float]]]


_ROWS = """
    SELECT e.id, e.embedding_id, m.key, m.string_value, m.int_value
    FROM (
        SELECT id, embedding_id FROM embeddings
        WHERE segment_id = (SELECT id FROM segments WHERE collection = ? AND scope = 'METADATA')
        AND id > ? ORDER BY id LIMIT ?
    ) e
    JOIN embedding_metadata m ON m.id = e.id
    ORDER BY e.id
"""
_BLANK_APPLIED = """
    UPDATE embeddings_queue SET metadata = NULL
    WHERE seq_id <= (
        SELECT m.seq_id FROM segments s JOIN max_seq_id m ON m.segment_id = s.id
        WHERE s.scope = 'METADATA' AND s.collection = substr(embeddings_queue.topic, -36)
    )
"""


def with_vectors(shards: Shards, shard: int, pages: Iterable[list[Entry]]) -> Iterator[list[Row]]:
    """Rows with the vectors they have.

    Raises:
        ShardDamaged: if a vector cannot be read.
    """
    for page in pages:
        vectors = shards.vectors(shard, [row for row, _ in page])
        if len(vectors) < len(page):
            raise ShardDamaged(shard, "", "a row has no vector")
        yield [Row(row, vectors[row], metadata) for row, metadata in page]


def embedded_again(
    pages: Iterable[list[Entry]], embed: Embed, dimensions: int
) -> Iterator[list[Row]]:
    """Rows made anew from the items of the pages, one call of the model a page."""
    for page in pages:
        stored = [s for _, metadata in page if is_item(metadata) and (s := decode(metadata))]
        plan = plan_of_items(stored)
        made = embed(plan.documents) if plan.documents else []
        vectors = vectors_of(plan, [], made, dimensions)
        times = times_of(stored)
        yield [
            row
            for place, write in plan.writes.items()
            for row in rows_of(write, times[place], vectors, dimensions)
        ]


def rebuild(shards: Shards, shard: int, embed: Embed) -> int:
    """Copy a shard's rows into a new collection, let that one serve, and drop the old one.

    Vectors are kept where they can be read, else made again. A crash at any point leaves a
    complete collection in service. Embedded only: a server's files are out of reach.
    Returns the number of rows.
    """
    path, old = shards.link.path, shards.collection(shard)
    if path is None or old is None:
        return 0
    serials = [name.serial for name in shards.named() if name[:2] == (shards.layout.epoch, shard)]
    name = str(Name(shards.layout.epoch, shard, max(serials) + 1))
    try:
        fresh = shard_on(shards.link.create(name, {"complete": 0}))
        count = _fill(shards, fresh, with_vectors(shards, shard, rows_on_disk(path, old.id)))
    except ShardDamaged:
        shards.link.drop(name)
        fresh = shard_on(shards.link.create(name, {"complete": 0}))
        pages = rows_on_disk(path, old.id)
        count = _fill(shards, fresh, embedded_again(pages, embed, shards.layout.dimensions))
    with shards.link.reach():
        fresh.note({"complete": 1})
    shards.forget(shard)
    shards.link.drop(old.name)
    return count


def _fill(shards: Shards, fresh: "Shard", batches: Iterable[list[Row]]) -> int:
    count = 0
    for rows in batches:
        for part in portions(rows):
            with shards.link.reach():
                fresh.write(part)
            count += len(part)
    return count


@contextmanager
def _tables(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    location = f"file:{quote(str(path.absolute() / 'chroma.sqlite3'))}?mode={mode}"
    try:
        with closing(
            sqlite3.connect(location, uri=True, timeout=30, isolation_level=None)
        ) as tables:
            yield tables
    except sqlite3.Error as error:
        raise StoreUnavailable(
            f"Chroma's tables could not be read or rewritten ({error}): see that the disk has as "
            "much room again as the data folder takes, then repeat."
        ) from error


def rows_on_disk(path: Path, collection: UUID) -> Iterator[list[Entry]]:
    """Rows of a collection as Chroma's own tables have them, in the order of their writing.

    Chroma brings an SQLite of its own, and two of them in one process do not see each other's
    locks: so the file is open only while a page is read, and never while Chroma works.
    """
    last = -1
    while True:
        with _tables(path, "ro") as tables:
            cells = tables.execute(_ROWS, (str(collection), last, PAGE)).fetchall()
        if not cells:
            return
        yield [
            (row, {key: text if text is not None else number for *_, key, text, number in group})
            for row, group in groupby(cells, key=lambda cell: cell[1])
        ]
        last = cells[-1][0]


def pages_of(shards: Shards, shard: int) -> Iterator[list[Entry]]:
    """All rows of a shard, also of one whose index does not answer, where Chroma is embedded.

    Raises:
        ShardDamaged: if the index of a shard on a server does not answer.
    """
    path, collection = shards.link.path, shards.collection(shard)
    try:
        shards.probe(shard)
    except ShardDamaged:
        if path is None or collection is None:
            raise
        return rows_on_disk(path, collection.id)
    return shards.pages(shard)


def items_in(shards: Shards, shard: int) -> int:
    """Number of items of a shard, also of one whose index does not answer (see `pages_of`)."""
    try:
        return shards.items(shard)
    except ShardDamaged:
        pages = pages_of(shards, shard)
        return sum(is_item(metadata) for page in pages for _, metadata in page)


def tidy(shards: Shards) -> None:
    """Drop what an interrupted rebuild or a finished reindexing left behind."""
    serving = shards.serving()
    for name in shards.named():
        here = name.epoch == shards.layout.epoch
        left = here and shards.link.path is not None and str(name) != serving.get(name.shard)
        if left or name.epoch < shards.layout.epoch:
            shards.link.drop(str(name))


def wipe(shards: Shards) -> None:
    """Leave no deleted text in any file of an embedded data folder.

    Chroma keeps written text in its queue until the index was saved, and SQLite keeps deleted
    text in free pages; both are rewritten here, and so is the unused room of the indexes. Index
    folders of dropped collections are removed.
    Chroma must not be at work meanwhile (see `rows_on_disk`).
    """
    path = shards.link.path
    if path is None:
        return
    with _tables(path, "rw") as tables:
        tables.execute(_BLANK_APPLIED)
        tables.execute("VACUUM")
        in_use = {row[0] for row in tables.execute("SELECT id FROM segments")}
    remove_unused(path, in_use)
    blank_spare_room(path)
